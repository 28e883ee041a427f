// The policy objectives against closed forms written here, central differences and the definition
// of each normaliser.
#include "support.hpp"

#include <functional>

using namespace samara::test;

namespace {

using Row = std::map<std::string, double>;  ///< one token's columns

/// Three responses of 1, 4 and 3 tokens: ratios inside and outside the range on both sides, with
/// advantages of both signs.
Step tokens() {
    Step s;
    s.candidate = {0, 1, 1, 1, 1, 2, 2, 2};
    s.weight = {1.0, 1.0, 1.0};
    s.columns = {{"logp", {-1.0, -0.5, -2.0, -3.1, -0.7, -1.2, -0.3, -2.25}},
                 {"old_logp", {-1.1, -0.9, -1.5, -1.1, -0.8, -0.9, -2.1, -2.2}},
                 {"ref_logp", {-0.9, -0.8, -2.5, -1.4, -0.7, -1.9, -0.2, -2.0}},
                 {"advantage", {0.7, 1.3, -0.6, 0.4, -1.7, -0.2, -2.0, 0.9}},
                 {"entropy", {0.3, 1.1, 2.0, 0.8, 0.6, 1.4, 0.2, 1.9}},
                 {"value", {0.2, 0.1, -0.4, 0.9, 1.4, 0.3, -0.2, 0.45}},
                 {"old_value", {0.25, 0.6, -0.3, 0.2, 1.0, 0.35, -0.6, 0.4}},
                 {"return", {1.0, 0.0, -0.1, 1.1, 0.9, 0.32, -0.25, 0.0}}};
    return s;
}

Row row(const Step& s, size_t t) {
    Row out;
    for (const auto& [name, values] : s.columns) {
        out[name] = values[t];
    }
    return out;
}

double surrogate(const Row& r, double low, double high) {
    const double ratio = std::exp(r.at("logp") - r.at("old_logp")), a = r.at("advantage");
    // The paper's form: -min(A r, A clip(r)).
    return -std::min(a * ratio, a * std::min(std::max(ratio, 1 - low), 1 + high));
}

double dual(const Row& r, double low, double high, double c) {
    const double loss = surrogate(r, low, high), a = r.at("advantage");
    return a < 0 ? std::min(loss, c * -a) : loss;
}

double k3(const Row& r) {
    const double d = r.at("ref_logp") - r.at("logp");
    return std::exp(d) - 1 - d;
}

double value_loss(const Row& r, double range) {
    const double v = r.at("value"), old = r.at("old_value"), target = r.at("return");
    const double plain = (v - target) * (v - target);
    if (range == 0) {
        return plain / 2;
    }
    const double bounded = std::min(std::max(v, old - range), old + range) - target;
    return std::max(plain, bounded * bounded) / 2;
}

struct Form {
    const char* id;
    Given given;
    std::vector<std::function<double(const Row&)>> losses;
};

std::vector<Form> forms() {
    return {{"ppo_clip", {}, {[](const Row& r) { return surrogate(r, 0.2, 0.2); }}},
            {"ppo_clip", {{"clip_low", 0.1}, {"clip_high", 0.5}}, {[](const Row& r) {
                 return surrogate(r, 0.1, 0.5);
             }}},
            {"ppo_clip",
             {{"dual_clip", 1.5}, {"entropy_coefficient", 0.01}},
             {[](const Row& r) { return dual(r, 0.2, 0.2, 1.5); },
              [](const Row& r) { return -r.at("entropy"); }}},
            {"grpo", {}, {[](const Row& r) { return surrogate(r, 0.2, 0.2); }}},
            {"grpo",
             {{"clip_high", 0.28}, {"beta", 0.04}},
             {[](const Row& r) { return surrogate(r, 0.2, 0.28); }, k3}},
            {"reinforce", {}, {[](const Row& r) { return -r.at("advantage") * r.at("logp"); }}},
            {"value_clip", {}, {[](const Row& r) { return value_loss(r, 0.2); }}},
            {"value_clip", {{"range", 0.0}}, {[](const Row& r) { return value_loss(r, 0); }}}};
}

double sum_of(const Step& step, ObjectiveInstance& objective) {
    double sum = 0;
    for (const auto& loss : step.run(objective).losses) {
        for (const double value : loss) {
            sum += value;
        }
    }
    return sum;
}

std::string text(const char* s) {
    return s;
}

}  // namespace

TEST_CASE("Every policy loss equals its closed form, token by token", "[policy]") {
    const Step step = tokens();
    for (const Form& form : forms()) {
        auto objective = make(form.id, form.given);
        const Result result = step.run(objective);
        REQUIRE(result.losses.size() == form.losses.size());
        for (size_t m = 0; m < form.losses.size(); ++m) {
            CHECK(objective.losses()[m].level == SAMARA_PER_TOKEN);
            for (size_t t = 0; t < step.candidate.size(); ++t) {
                CAPTURE(form.id, m, t);
                CHECK(result.losses[m][t] == Approx(form.losses[m](row(step, t))).epsilon(1e-12));
            }
        }
    }
}

TEST_CASE("Every policy gradient equals central differences", "[policy]") {
    const double h = 1e-6;
    for (const Form& form : forms()) {
        const Step step = tokens();
        auto objective = make(form.id, form.given);
        for (const auto& [name, grad] : step.run(objective).grad) {
            for (size_t t = 0; t < grad.size(); ++t) {
                CAPTURE(form.id, name, t);
                Step above = step, below = step;
                above.columns[name][t] += h;
                below.columns[name][t] -= h;
                const double slope =
                    (sum_of(above, objective) - sum_of(below, objective)) / (2 * h);
                CHECK(grad[t] == Approx(slope).epsilon(1e-6).margin(1e-8));
            }
        }
    }
}

TEST_CASE("Only what is used is read", "[policy]") {
    using Names = std::vector<std::string>;
    const Names ratio = {"tok.logp", "tok.old_logp", "tok.advantage"};
    CHECK(make("ppo_clip").columns() == ratio);
    CHECK(make("ppo_clip", {{"entropy_coefficient", 0.1}}).columns() ==
          Names{"tok.logp", "tok.old_logp", "tok.advantage", "tok.entropy"});
    CHECK(make("grpo").columns() == ratio);
    CHECK(make("grpo", {{"beta", 0.1}, {"normaliser", text("sequence")}}).columns() ==
          Names{"tok.logp", "tok.old_logp", "tok.advantage", "tok.ref_logp", "tok.candidate"});
    CHECK(make("value_clip", {{"range", 0.0}}).columns() == Names{"tok.value", "tok.return"});
    CHECK(make("reinforce").columns() == Names{"tok.logp", "tok.advantage"});
}

TEST_CASE("Normalisers: tokens, responses, or a constant length", "[policy]") {
    Step step = tokens();
    step.weight = {1.0, 2.0, 0.5};
    const Given bonus = {{"entropy_coefficient", 0.3}};
    const std::vector<double> length = {1, 4, 3};
    for (const char* id : {"ppo_clip", "grpo", "reinforce"}) {
        CAPTURE(id);
        const bool ppo = text(id) == "ppo_clip", grpo = text(id) == "grpo";
        // The loss of one token with its second part.
        const auto loss = [&](size_t t) {
            const Row r = row(step, t);
            return ppo    ? surrogate(r, 0.2, 0.2) - 0.3 * r.at("entropy")
                   : grpo ? surrogate(r, 0.2, 0.2) + 0.05 * k3(r)
                          : -r.at("advantage") * r.at("logp");
        };
        double token = 0, tokens_weight = 0, sequence = 0, constant = 0;
        for (size_t t = 0; t < step.candidate.size(); ++t) {
            const auto c = static_cast<size_t>(step.candidate[t]);
            token += step.weight[c] * loss(t);
            tokens_weight += step.weight[c];
            sequence += step.weight[c] * loss(t) / length[c];
            constant += step.weight[c] * loss(t);
        }
        Given given;
        if (ppo) {
            given = bonus;
        } else if (grpo) {
            given = {{"beta", 0.05}};
        }
        auto by_token = make(id, given);
        CHECK(step.reduced(by_token) == Approx(token / tokens_weight).epsilon(1e-12));
        given["normaliser"] = text("sequence");
        auto by_sequence = make(id, given);
        CHECK(step.reduced(by_sequence) == Approx(sequence / 3.5).epsilon(1e-12));
        given["normaliser"] = text("constant");
        given["max_length"] = int64_t{16};
        auto by_constant = make(id, given);
        CHECK(step.reduced(by_constant) == Approx(constant / 16 / 3).epsilon(1e-12));
    }
}

TEST_CASE("Parameters that contradict one another are refused", "[policy]") {
    CHECK_THROWS_AS(make("grpo", {{"normaliser", text("constant")}}), Error);
    CHECK_THROWS_AS(make("reinforce", {{"max_length", int64_t{8}}}), Error);
    CHECK_THROWS_AS(make("ppo_clip", {{"dual_clip", 1.0}}), Error);
    CHECK_NOTHROW(make("ppo_clip", {{"dual_clip", 3.0}}));
}

TEST_CASE("Metrics carry the field's names", "[policy]") {
    Step step = tokens();
    auto ppo = make("ppo_clip", {{"entropy_coefficient", 0.1}});
    auto metrics = step.run(ppo).metrics;
    double ratio = 0, approxkl = 0, clipped = 0, entropy = 0, values_clipped = 0;
    const double n = static_cast<double>(step.candidate.size());
    for (size_t t = 0; t < step.candidate.size(); ++t) {
        const Row r = row(step, t);
        const double d = r.at("logp") - r.at("old_logp"), a = r.at("advantage");
        ratio += std::exp(d) / n;
        approxkl += d * d / 2 / n;
        clipped += ((a > 0 && d > std::log(1.2)) || (a < 0 && d < std::log(0.8))) / n;
        entropy += r.at("entropy") / n;
        values_clipped += (value_loss(r, 0.2) > value_loss(r, 0)) / n;
    }
    CHECK(clipped > 0);
    CHECK(values_clipped > 0);
    CHECK(metrics.at("val/ratio") == Approx(ratio));
    CHECK(metrics.at("policy/approxkl_avg") == Approx(approxkl));
    CHECK(metrics.at("policy/clipfrac_avg") == Approx(clipped));
    CHECK(metrics.at("policy/entropy_avg") == Approx(entropy));
    auto value = make("value_clip");
    CHECK(step.run(value).metrics.at("val/clipfrac_avg") == Approx(values_clipped));
    // The value is inside its range and must not look clipped, in float32 either.
    step.columns["old_value"] = step.columns["value"];
    for (double& v : step.columns["old_value"]) {
        v += 0.1;
    }
    step.dtype = at::kFloat;
    CHECK(step.run(value).metrics.at("val/clipfrac_avg") == 0);
}

TEST_CASE("Far log-probabilities give finite losses and gradients in float32", "[policy]") {
    Step step;
    step.dtype = at::kFloat;
    step.candidate = {0, 0, 0, 0};
    step.weight = {1.0};
    step.columns = {{"logp", {-1e-7, -300.0, -1e-7, -300.0}},
                    {"old_logp", {-300.0, -1e-7, -300.0, -1e-7}},
                    {"ref_logp", {-300.0, -1e-7, -300.0, -1e-7}},
                    {"advantage", {5.0, 5.0, -5.0, -5.0}}};
    for (const char* id : {"ppo_clip", "grpo"}) {
        auto objective = make(id, text(id) == "grpo" ? Given{{"beta", 0.1}} : Given{});
        const Result result = step.run(objective);
        for (const double g : result.grad.at("logp")) {
            CHECK(std::isfinite(g));
        }
    }
}

TEST_CASE("A micro-batch without tokens is an empty loss", "[policy]") {
    Step step = tokens();
    step.candidate.clear();
    step.weight.clear();
    for (auto& [name, values] : step.columns) {
        values.clear();
    }
    for (const Form& form : forms()) {
        auto objective = make(form.id, form.given);
        CHECK(step.run(objective).losses[0].empty());
    }
}
