// The metrics of the original pairs against TRL's numbers for the same log-probabilities and
// rewards (computed for this project in float64 and checked against TRL's own lines to 1e-9).
#include "core/train/step_stats.hpp"

#include <ATen/ATen.h>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <map>
#include <variant>

using namespace samara::host;

namespace {

using Numbers = std::vector<double>;

/// Three pairs, the chosen responses first.
Group three_pairs(const Numbers& reference) {
    Group group;
    for (size_t n = 0; n < 6; ++n) {
        Candidate c;
        c.prompt_ids = {1};
        c.response_ids = {5};
        c.ref_logp = reference.empty() ? 0.0 : reference[n];
        group.candidates.push_back(c);
    }
    for (int64_t n = 0; n < 3; ++n) {
        Relation r;
        r.i = n, r.j = n + 3;
        r.tag = "base";
        group.relations.push_back(r);
    }
    return group;
}

std::map<std::string, double> fields(const Numbers& logp,
                                     const Numbers& reference,
                                     bool reward_model,
                                     double beta) {
    const Group group = three_pairs(reference);
    const Group* pointer = &group;
    const std::vector<std::string> tags = {"base"};
    Columns columns({&pointer, 1}, tags, {}, at::kDouble, at::kCPU);
    Scored scored;
    scored.score = at::tensor(logp, at::kDouble);
    if (!reward_model) {
        scored.logp = scored.score;
        scored.score = scored.logp - at::tensor(reference, at::kDouble);
    }
    columns.attach(scored);
    StepStats stats;
    add_scores(columns, tags, stats);
    Row row;
    add_fields(row, stats, tags, reward_model, beta);
    std::map<std::string, double> out;
    for (const auto& [name, value] : row.fields) {
        out[name] = std::get<double>(value);
    }
    return out;
}

void check(const std::map<std::string, double>& got, const std::map<std::string, double>& wanted) {
    for (const auto& [name, value] : wanted) {
        CAPTURE(name);
        REQUIRE(got.contains(name));
        CHECK(std::abs(got.at(name) - value) < 1e-9);
    }
}

}  // namespace

TEST_CASE("a policy's metrics equal TRL's names and numbers") {
    check(fields({-12.5, -20.25, -7.0, -14.0, -18.5, -9.75},
                 {-13.0, -19.75, -7.5, -13.5, -19.0, -9.0},
                 false,
                 0.1),
          {{"rewards/chosen", 0.016666666666666666},
           {"rewards/rejected", -0.025000000000000005},
           {"rewards/margins", 0.041666666666666664},
           {"rewards/accuracies", 0.6666666666666666},
           {"logps/chosen", -13.25},
           {"logps/rejected", -14.083333333333334}});
}

TEST_CASE("a reward model's metrics equal TRL's names and numbers, a tie being wrong") {
    check(fields({1.2, -0.3, 0.8, 0.5, 0.1, 0.8}, {}, true, 1.0),
          {{"accuracy", 0.3333333333333333},
           {"margin", 0.09999999999999998},
           {"min_reward", -0.3},
           {"max_reward", 1.2},
           {"mean_reward", 0.5166666666666667}});
}
