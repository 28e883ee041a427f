// Losses on labelled candidates and those that look at the whole step: KTO with its baseline, BCO
// with its reward shift and the state of it, and the sorts of AOT.
#include "formulas.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;

namespace {

/// Labels 1, -1, 0, 1, -1 and two auxiliary candidates, one of them labelled; scores 0.5, -1,
/// 2, 1.5, 0.75 | 0.9, 0.3.
Step labelled() {
    Step s;
    const double scores[] = {0.5, -1.0, 2.0, 1.5, 0.75, 0.9, 0.3};
    const int64_t labels[] = {1, -1, 0, 1, -1, 0, -1};
    for (size_t n = 0; n < 7; ++n) {
        Cand c;
        c.ref_logp = -10;
        c.logp = c.ref_logp + scores[n];
        c.label = labels[n];
        c.weight = n == 3 ? 2.0 : 1.0;
        c.auxiliary = n >= 5 ? 1 : 0;
        s.candidates.push_back(c);
    }
    return s;
}

double kto(const Cand& c, double beta, double kl, double desirable, double undesirable) {
    return c.label > 0 ? desirable * (1 - sig(beta * (c.score() - kl)))
                       : undesirable * (1 - sig(beta * (kl - c.score())));
}

}  // namespace

TEST_CASE("KTO equals its closed form with every baseline", "[preference]") {
    const Step step = labelled();
    const std::map<std::string, double> baselines = {
        {"batch", (0.9 + 0.3) / 2}, {"fixed", 0.4}, {"none", 0.0}};
    for (const auto& [kl, value] : baselines) {
        CAPTURE(kl);
        Given given = {
            {"beta", 0.8}, {"desirable_weight", 1.25}, {"undesirable_weight", 0.5}, {"kl", kl}};
        if (kl == "fixed") {
            given["kl_value"] = value;
        }
        auto objective = make("kto", given);
        const Result result = step.run(objective);
        double sum = 0;
        for (const size_t c : {0, 1, 3, 4}) {
            CAPTURE(c);
            const double expected = kto(step.candidates[c], 0.8, value, 1.25, 0.5);
            CHECK(result.losses[0][c] == Approx(expected).epsilon(1e-13));
            sum += step.candidates[c].weight * expected;
        }
        CHECK(step.weights(objective)[0] == std::vector<double>{1, 1, 0, 2, 1, 0, 0});
        CHECK(step.reduced(objective) == Approx(sum / 5).epsilon(1e-13));
        if (kl == "batch") {
            CHECK(result.metrics.at("kto/baseline") == Approx(0.6));
        }
    }
}

TEST_CASE("The gradient of KTO passes the baseline by", "[preference]") {
    const Step step = labelled();
    auto batch = make("kto", {{"beta", 0.8}});
    auto fixed = make("kto", {{"beta", 0.8}, {"kl", str("fixed")}, {"kl_value", 0.6}});
    const auto a = step.run(batch).grad, b = step.run(fixed).grad;
    for (size_t c = 0; c < a.size(); ++c) {
        CAPTURE(c);
        CHECK(a[c] == Approx(b[c]).epsilon(1e-12));
        Step above = step, below = step;
        above.candidates[c].logp += 1e-5;
        below.candidates[c].logp -= 1e-5;
        const double slope = (above.run(fixed).losses[0][c] - below.run(fixed).losses[0][c]) / 2e-5;
        CHECK(b[c] == Approx(slope).epsilon(1e-7).margin(1e-9));
    }
    CHECK(a[5] == 0);
}

TEST_CASE("A negative divergence counts 0, and none at all is refused", "[preference]") {
    Step step = labelled();
    for (size_t c = 5; c < 7; ++c) {
        step.candidates[c].logp -= 5;
    }
    auto batch = make("kto");
    auto none = make("kto", {{"kl", str("none")}});
    CHECK(step.run(batch).losses == step.run(none).losses);
    step.candidates.resize(5);
    try {
        step.run(batch);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("auxiliary"));
    }
    Step empty;
    CHECK(empty.run(batch).losses[0].empty());
}

TEST_CASE("A baseline value without its mode is refused", "[preference]") {
    CHECK_THROWS_AS(make("kto", {{"kl", str("none")}, {"kl_value", 0.5}}), Error);
}

TEST_CASE("BCO of labelled candidates equals its closed form", "[preference]") {
    const Step step = labelled();
    for (const bool batch : {false, true}) {
        CAPTURE(batch);
        auto objective = make(
            "bco",
            {{"beta", 0.8}, {"of", str("unpaired")}, {"delta", str(batch ? "batch" : "none")}});
        const double delta = batch ? 0.8 * (0.5 - 1.0 + 1.5 + 0.75) / 4 : 0.0;
        const Result result = step.run(objective);
        CHECK(result.metrics.at("bco/delta") == Approx(delta).epsilon(1e-13));
        for (const size_t c : {0, 1, 3, 4}) {
            const Cand& x = step.candidates[c];
            const double z = static_cast<double>(x.label) * (0.8 * x.score() - delta);
            CAPTURE(c);
            CHECK(result.losses[0][c] == Approx(-logsig(z)).epsilon(1e-13));
            CHECK(result.grad[c] ==
                  Approx(-0.8 * static_cast<double>(x.label) * sig(-z)).epsilon(1e-12));
        }
        CHECK(step.weights(objective)[0] == std::vector<double>{1, 1, 0, 2, 1, 0, 0});
    }
}

TEST_CASE("BCO of pairs subtracts the shift from both ends", "[preference]") {
    Step step = preferences();
    auto objective = make("bco", {{"beta", 0.5}, {"delta", str("batch")}});
    double delta = 0;
    for (const Rel& r : step.relations) {
        for (const int64_t end : {r.i, r.j}) {
            delta += 0.5 * step.candidates[static_cast<size_t>(end)].score() / 10;
        }
    }
    const auto expected =
        on_pair(0.5, [&](double c, double r) { return -logsig(c - delta) - logsig(delta - r); });
    const auto loss = step.run(objective).losses[0];
    for (size_t n = 0; n < loss.size(); ++n) {
        CAPTURE(n);
        CHECK(loss[n] == Approx(expected(step, step.relations[n])).epsilon(1e-12));
    }
}

TEST_CASE("BCO's running shift is the mean of earlier steps' means, whatever the split",
          "[preference]") {
    // Step means of c (beta 1): 2, then 5, then 11; shifts 0, 2, 3.5, 6.
    const auto part = [](std::vector<double> scores, int64_t number, bool evaluating = false) {
        Step s;
        for (const double score : scores) {
            Cand c;
            c.logp = score;
            c.label = 1;
            s.candidates.push_back(c);
        }
        s.number = number;
        s.evaluating = evaluating;
        return s;
    };
    const Given given = {{"beta", 1.0}, {"of", str("unpaired")}};
    auto objective = make("bco", given);
    const auto shift = [](ObjectiveInstance& o, const Step& s) {
        return s.run(o).metrics.at("bco/delta");
    };
    CHECK(shift(objective, part({1}, 0)) == 0);
    CHECK(shift(objective, part({2, 3}, 0)) == 0);  // the second micro-batch sees no other shift
    CHECK(shift(objective, part({100}, 0, true)) == 0);
    CHECK(shift(objective, part({100}, 1, true)) == Approx(2));  // an evaluation after the step
    CHECK(shift(objective, part({100}, 1, true)) == Approx(2));  // changes nothing
    CHECK(shift(objective, part({4, 6}, 1)) == Approx(2));
    const std::string saved = objective.save();
    auto resumed = make("bco", given);
    resumed.load(saved);
    CHECK(resumed.save() == saved);
    for (ObjectiveInstance* o : {&objective, &resumed}) {
        CHECK(shift(*o, part({11}, 2)) == Approx(3.5));
        CHECK(shift(*o, part({0}, 3)) == Approx(6));
    }
    CHECK(resumed.save() == objective.save());
    CHECK_THROWS_AS(resumed.load("1 2 three"), Error);
    CHECK(make("bco", {{"delta", str("none")}}).save().empty());
}

// Two candidates more, the first preferred to the second.
static void add_pair(Step& step, const Cand& better, const Cand& worse, int64_t tag) {
    Rel r;
    r.i = static_cast<int64_t>(step.candidates.size());
    r.j = r.i + 1;
    r.tag = tag;
    step.candidates.push_back(better);
    step.candidates.push_back(worse);
    step.relations.push_back(r);
}

TEST_CASE("AOT compares ranks inside a tag, and each loss stands at its relation", "[preference]") {
    // Margins of the policy and of the reference, by relation; tags 0, 0, 0, 1, 1.
    const double policy[] = {3, -1, 2, 5, 4}, reference[] = {0.5, 0.25, -0.75, -2, 7};
    const double of_equal_rank[] = {0.5, -0.75, 0.25, 7, -2};
    Step step;
    for (size_t n = 0; n < 5; ++n) {
        Cand better;
        better.logp = policy[n];
        better.ref_logp = reference[n];
        add_pair(step, better, Cand(), n < 3 ? 0 : 1);
    }
    auto objective = make("aot", {{"beta", 0.5}, {"label_smoothing", 0.1}});
    const Result result = step.run(objective);
    for (size_t n = 0; n < 5; ++n) {
        const double z = 0.5 * (policy[n] - of_equal_rank[n]);
        CAPTURE(n);
        CHECK(result.losses[0][n] == Approx(-0.9 * logsig(z) - 0.1 * logsig(-z)).epsilon(1e-13));
        const double slope = 0.5 * (-0.9 * sig(-z) + 0.1 * sig(z));
        CHECK(result.grad[2 * n] == Approx(slope).epsilon(1e-12));
        CHECK(result.grad[2 * n + 1] == Approx(-slope).epsilon(1e-12));
    }
}

TEST_CASE("AOT unpaired compares the ranks of chosen and rejected scores, with both gradients",
          "[preference]") {
    // Tag 0: chosen 3, -1, 2 against rejected 0.5, 1.5, -2; tag 1: one pair.
    const double chosen[] = {3, -1, 2, 9}, rejected[] = {0.5, 1.5, -2, 10};
    const size_t partner[] = {1, 2, 0, 3};  // whose rejected score has the rank of this chosen one
    Step step;
    for (size_t n = 0; n < 4; ++n) {
        Cand better, worse;
        better.logp = chosen[n];
        worse.logp = rejected[n];
        add_pair(step, better, worse, n < 3 ? 0 : 1);
    }
    auto objective = make("aot_unpaired", {{"beta", 0.5}});
    const Result result = step.run(objective);
    for (size_t n = 0; n < 4; ++n) {
        const double z = 0.5 * (chosen[n] - rejected[partner[n]]);
        CAPTURE(n);
        CHECK(result.losses[0][n] == Approx(-logsig(z)).epsilon(1e-13));
        CHECK(result.grad[2 * n] == Approx(-0.5 * sig(-z)).epsilon(1e-12));
        CHECK(result.grad[2 * partner[n] + 1] == Approx(0.5 * sig(-z)).epsilon(1e-12));
    }
}
