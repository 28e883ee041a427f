// Every loss per relation against its closed form and against finite differences, on preferences
// with margins and flips and on contrasts; and what each objective says of itself.
#include "formulas.hpp"

#include <set>

using namespace samara::test;

namespace {

Step step_for(const Form& form) {
    return form.contrasts ? with_contrasts() : preferences();
}

/// Losses on two scores read no margins.
Step fitting(const Form& form) {
    Step step = step_for(form);
    if (!form.contrasts) {
        for (Rel& r : step.relations) {
            r.margin = 0;
        }
    }
    return step;
}

double sum_of_losses(const Step& step, ObjectiveInstance& objective) {
    double sum = 0;
    for (const auto& loss : step.run(objective).losses) {
        for (const double value : loss) {
            sum += value;
        }
    }
    return sum;
}

}  // namespace

TEST_CASE("Every loss equals its closed form, relation by relation", "[preference]") {
    for (const Form& form : formulas()) {
        const Step step = fitting(form);
        auto objective = make(form.id, form.given);
        const auto loss = step.run(objective).losses[0];
        REQUIRE(loss.size() == step.relations.size());
        for (size_t n = 0; n < loss.size(); ++n) {
            CAPTURE(form.id, n);
            CHECK(loss[n] == Approx(form.loss(step, step.relations[n])).epsilon(1e-12));
        }
    }
}

TEST_CASE("Every gradient equals central differences", "[preference]") {
    for (const Form& form : formulas()) {
        const Step step = fitting(form);
        auto objective = make(form.id, form.given);
        const std::vector<double> grad = step.run(objective).grad;
        const double h = 1e-5;
        for (size_t c = 0; c < grad.size(); ++c) {
            CAPTURE(form.id, c);
            Step above = step, below = step;
            above.candidates[c].logp += h;
            below.candidates[c].logp -= h;
            const double slope =
                (sum_of_losses(above, objective) - sum_of_losses(below, objective)) / (2 * h);
            CHECK(grad[c] == Approx(slope).epsilon(1e-7).margin(1e-8));
        }
    }
}

TEST_CASE("A contrast costs what a preference with the same gap costs", "[preference]") {
    // Five candidates that all have 4 tokens: (0, 1) against (2, 3), and a preference between two
    // whose values differ by that gap.
    Step step;
    const double values[] = {-9.0, -11.5, -10.0, -11.0, -5.0, -6.5};  // gap 2.5 - 1.0 = -5 + 6.5
    for (const double v : values) {
        Cand c;
        c.logp = v;
        c.length = 4;
        step.candidates.push_back(c);
    }
    step.relations = {{2, 0, 1, 2, 3, 1, 0.2, 0.3, 2}, {1, 4, 5, -1, -1, 1, 0.2, 0.3, 2}};
    for (const Form& form : formulas()) {
        CAPTURE(form.id);
        auto objective = make(form.id, form.given);
        CHECK(objective.orders() == (form.contrasts ? 3 : 1));
        if (form.contrasts && form.id != "orpo") {  // log-odds are no linear function of logp
            const auto loss = step.run(objective).losses[0];
            CHECK(loss[0] == Approx(loss[1]).epsilon(1e-12));
        }
    }
}

TEST_CASE("Flip 1 is the reversed relation, flip 0.5 does not know the sides", "[preference]") {
    for (const Form& form : formulas()) {
        CAPTURE(form.id);
        Step stated = preferences();
        for (Rel& r : stated.relations) {
            r.margin = 0;
            r.flip = 1;
        }
        Step reversed = stated, equal = stated;
        for (size_t n = 0; n < stated.relations.size(); ++n) {
            std::swap(reversed.relations[n].i, reversed.relations[n].j);
            reversed.relations[n].flip = 0;
            equal.relations[n].flip = 0.5;
        }
        Step mirrored = equal;
        for (Rel& r : mirrored.relations) {
            std::swap(r.i, r.j);
        }
        auto objective = make(form.id, form.given);
        const bool target = form.given.contains("gamma");  // SimPO's gamma flips with the relation
        const auto a = stated.run(objective).losses[0], b = reversed.run(objective).losses[0];
        const auto c = equal.run(objective).losses[0], d = mirrored.run(objective).losses[0];
        for (size_t n = 0; n < a.size() && !target; ++n) {
            CHECK(a[n] == Approx(b[n]).epsilon(1e-12));
            CHECK(c[n] == Approx(d[n]).epsilon(1e-12));
        }
    }
}

TEST_CASE("Extreme scores give finite losses and gradients in float32", "[preference]") {
    Step step;
    step.dtype = at::kFloat;
    for (const double logp : {-3000.0, -1e-3, -0.0, -700.0, -90.0, -1e-7}) {
        Cand c;
        c.logp = logp;
        c.ref_logp = -400;
        c.length = 2;
        step.candidates.push_back(c);
    }
    for (int64_t i = 0; i < 6; ++i) {
        for (int64_t j = 0; j < 6; ++j) {
            if (i != j) {
                step.relations.push_back({1, i, j});
            }
        }
    }
    for (Form form : formulas()) {
        CAPTURE(form.id);
        form.given["beta"] = 1.0;
        if (form.id == "discopop") {
            form.given["tau"] = 0.05;
        }
        auto objective = make(form.id, form.given);
        const Result result = step.run(objective);
        for (const double g : result.grad) {
            CHECK(std::isfinite(g));
        }
    }
}

TEST_CASE("Only sorts and means of the step are coupled, and they say so", "[preference]") {
    const auto coupled = [](const std::string& id, const Given& given = {}) {
        return make(id, given).losses()[0].coupled;
    };
    for (const Form& form : formulas()) {
        CAPTURE(form.id);
        CHECK_FALSE(coupled(form.id, form.given));
    }
    CHECK(coupled("aot"));
    CHECK(coupled("aot_unpaired"));
    CHECK(coupled("kto"));
    CHECK_FALSE(coupled("kto", {{"kl", str("none")}}));
    CHECK_FALSE(coupled("kto", {{"kl", str("fixed")}}));
    CHECK_FALSE(coupled("bco"));
    CHECK(coupled("bco", {{"delta", str("batch")}}));
    CHECK_FALSE(coupled("sft"));
}

TEST_CASE("Margins and flips are read by those that honour them, and by nobody else",
          "[preference]") {
    const auto reads = [](const std::string& id, const std::string& column) {
        const auto objective = make(id);
        const auto& columns = objective.columns();
        return std::find(columns.begin(), columns.end(), column) != columns.end();
    };
    for (const Form& form : formulas()) {
        CAPTURE(form.id);
        CHECK(reads(form.id, "rel.margin") == form.contrasts);
        CHECK(reads(form.id, "rel.flip"));
    }
    for (const char* id : {"aot", "aot_unpaired"}) {
        CHECK_FALSE(reads(id, "rel.margin"));
        CHECK_FALSE(reads(id, "rel.flip"));
        CHECK(make(id).orders() == 1);
    }
}

TEST_CASE("Every objective has a formula, a source and bounds", "[preference]") {
    std::set<std::string> seen;
    for (const char* id :
         {"bradley_terry", "ipo",      "hinge",    "robust", "sigmoid_norm", "simpo", "cpo",
          "orpo",          "kto",      "sft",      "exo",    "nca",          "bco",   "sppo_hard",
          "apo_zero",      "apo_down", "discopop", "aot",    "aot_unpaired", "center"}) {
        CAPTURE(id);
        const samara_plugin& d = *plugin(id).descriptor;
        CHECK_FALSE(std::string(d.doc).empty());
        CHECK_FALSE(std::string(d.formula).empty());
        CHECK_FALSE(std::string(d.source).empty());
        CHECK(seen.insert(id).second);
        if (std::string(id) != "sft" && std::string(id) != "center") {  // no beta
            BoundParams out;
            CHECK(bind_params(d, {{"beta", 0.0}}, out).size() == 1);
        }
    }
    const auto refused = [](const std::string& id, const Given& given) {
        BoundParams out;
        return bind_params(*plugin(id).descriptor, given, out).size() == 1;
    };
    CHECK(refused("robust", {{"label_smoothing", 0.5}}));
    CHECK(refused("aot", {{"label_smoothing", 0.5}}));
    CHECK(refused("exo", {{"label_smoothing", 0.0}}));
    CHECK(refused("discopop", {{"tau", 1.5}}));
    CHECK(refused("simpo", {{"gamma", -0.1}}));
    CHECK(refused("sft", {{"nll", str("word")}}));
}
