// The likelihood of what was chosen: who counts, in which unit, and the totals of samara.sft,
// samara.cpo and samara.orpo over a step.
#include "formulas.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;

namespace {

/// 0 > 1 of base; 2 > 3 of intra, two prompts for the rejected answer; contrasts, one of them of
/// base; and rows of their own: 4 desirable, 5 undesirable, 6 unlabelled, 7 desirable but
/// auxiliary.
Step mixed() {
    Step s;
    const int64_t lengths[] = {5, 6, 3, 2, 4, 7, 8, 9}, labels[] = {1, -1, 0, 0, 1, -1, 0, 1};
    for (size_t n = 0; n < 8; ++n) {
        Cand c;
        c.logp = -3.0 - 1.5 * static_cast<double>(n);
        c.ref_logp = -4.0;
        c.length = lengths[n];
        c.label = labels[n];
        c.weight = n == 4 ? 0.5 : 1.0;
        c.auxiliary = n == 7 ? 1 : 0;
        c.prompt_logp = -2.0;
        c.prompt_length = static_cast<int64_t>(n) + 1;
        s.candidates.push_back(c);
    }
    s.relations = {{1, 0, 1, -1, -1, 1, 0, 0, 0},
                   {1, 2, 3, -1, -1, 1, 0, 0, 1},
                   {2, 0, 1, 2, 3, 1, 0, 0, 2},
                   {2, 6, 2, 0, 3, 1, 0, 0, 0}};
    return s;
}

using Weights = std::vector<double>;

}  // namespace

TEST_CASE("Chosen responses of base and desirable rows count, nothing else does", "[preference]") {
    const Step step = mixed();
    auto sequence = make("sft", {{"nll", str("sequence")}});
    CHECK(step.weights(sequence)[0] == Weights{1, 0, 0, 0, 0.5, 0, 0, 0});
    auto average = make("sft", {{"nll", str("average")}});
    CHECK(step.weights(average)[0] == Weights{1, 0, 0, 0, 0.5, 0, 0, 0});
    auto token = make("sft");
    CHECK(step.weights(token)[0] == Weights{5, 0, 0, 0, 2, 0, 0, 0});
    // Of another tag: the desirable rows are in no preference of it, so they count.
    auto intra = make("sft", {{"nll", str("sequence")}, {"nll_tag", str("intra")}});
    CHECK(step.weights(intra)[0] == Weights{1, 0, 1, 0, 0.5, 0, 0, 0});
}

TEST_CASE("A flip shares the count between the two responses", "[preference]") {
    Step step = mixed();
    step.relations[0].flip = 0.25;
    auto objective = make("sft", {{"nll", str("sequence")}});
    CHECK(step.weights(objective)[0] == Weights{0.75, 0.25, 0, 0, 0.5, 0, 0, 0});
    step.relations.push_back({1, 0, 5, -1, -1, 1, 0, 0, 0});  // chosen for certain, here
    CHECK(step.weights(objective)[0] == Weights{1, 0.25, 0, 0, 0.5, 0, 0, 0});
}

TEST_CASE("The unit is the token, the response, or the response's mean", "[preference]") {
    const Step step = mixed();
    const double first = 3.0, fifth = 9.0;  // -logp of the two that count; weights 1 and 0.5
    auto token = make("sft");
    CHECK(step.reduced(token) == Approx((first + 0.5 * fifth) / (5 + 0.5 * 4)).epsilon(1e-13));
    auto sequence = make("sft", {{"nll", str("sequence")}});
    CHECK(step.reduced(sequence) == Approx((first + 0.5 * fifth) / 1.5).epsilon(1e-13));
    auto average = make("sft", {{"nll", str("average")}});
    CHECK(step.reduced(average) == Approx((first / 5 + 0.5 * fifth / 4) / 1.5).epsilon(1e-13));
}

TEST_CASE("A tag that the run has not is refused by name", "[preference]") {
    auto objective = make("sft", {{"nll_tag", str("bass")}});
    const Step step = mixed();
    try {
        step.weights(objective);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK_THAT(error.what(),
                   Catch::Matchers::ContainsSubstring("bass") &&
                       Catch::Matchers::ContainsSubstring("base, intra, inter"));
    }
}

TEST_CASE("A step without any chosen response weighs nothing", "[preference]") {
    Step step = mixed();
    step.relations.erase(step.relations.begin());
    for (Cand& c : step.candidates) {
        c.label = 0;
    }
    auto objective = make("sft");
    CHECK(step.weights(objective)[0] == Weights(8, 0.0));
    CHECK(step.reduced(objective) == 0);
}

TEST_CASE("CPO is its preference term and alpha times the likelihood", "[preference]") {
    const Step step = mixed();
    auto both = make("cpo", {{"alpha", 0.4}});
    auto preference = make("cpo", {{"alpha", 0.0}});
    auto likelihood = make("sft");
    REQUIRE(both.losses().size() == 2);
    REQUIRE(preference.losses().size() == 1);
    CHECK(step.reduced(both) ==
          Approx(step.reduced(preference) + 0.4 * step.reduced(likelihood)).epsilon(1e-13));
    const auto nll = step.run(both).losses[1];
    for (size_t c = 0; c < nll.size(); ++c) {
        CHECK(nll[c] == Approx(-step.candidates[c].per_token()).epsilon(1e-13));
    }
}

TEST_CASE("ORPO is beta times the odds ratio and alpha times the likelihood", "[preference]") {
    const Step step = mixed();
    auto both = make("orpo", {{"beta", 0.3}, {"alpha", 0.7}});
    auto odds = make("orpo", {{"beta", 0.3}, {"alpha", 0.0}});
    auto likelihood = make("sft");
    CHECK(both.losses()[0].coefficient == 0.3);
    CHECK(step.reduced(both) ==
          Approx(step.reduced(odds) + 0.7 * step.reduced(likelihood)).epsilon(1e-13));
}

TEST_CASE("ORPO's likelihood over the prompt as well scores all but its first token",
          "[preference]") {
    const Step step = mixed();
    // Prompts of 1 and 5 tokens: 0 and 4 of them scored.
    const double nll0 = 3.0 + 2.0, nll4 = 9.0 + 2.0;
    for (const auto& [unit, expected] :
         std::map<std::string, double>{{"token", (nll0 + 0.5 * nll4) / (5 + 0.5 * (4 + 4))},
                                       {"sequence", (nll0 + 0.5 * nll4) / 1.5},
                                       {"average", (nll0 / 5 + 0.5 * nll4 / 8) / 1.5}}) {
        CAPTURE(unit);
        const Given given = {{"nll", unit}, {"nll_over", str("prompt_and_response")}};
        auto both = make("orpo", given);
        auto odds = make("orpo", {{"alpha", 0.0}});
        CHECK(step.reduced(both) - step.reduced(odds) == Approx(expected).epsilon(1e-12));
    }
}
