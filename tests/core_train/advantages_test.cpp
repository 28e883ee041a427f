// The arithmetic of rollouts against numbers of another implementation and against hand formulas.
#include "core/train/advantages.hpp"

#include "golden_ppo.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <numeric>

using namespace samara::host;
using namespace samara::test;
using Catch::Approx;

namespace {

void check_equal(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    for (size_t n = 0; n < a.size(); ++n) {
        CAPTURE(n);
        CHECK(a[n] == Approx(b[n]).epsilon(1e-9).margin(1e-9));
    }
}

/// One row from the rollout to its advantages and returns.
struct Row {
    std::vector<double> kl, rewards, advantages, returns;
};

std::vector<Row> rows_of(const GoldenPpo& golden) {
    std::vector<Row> rows(2);
    std::vector<double> all;
    for (size_t n = 0; n < 2; ++n) {
        for (size_t t = 0; t < kWithSlot[n]; ++t) {
            const double a = kOldLogp[n][t], b = kRefLogp[n][t];
            const bool token = t < kTokens[n];
            rows[n].kl.push_back(!token ? 0.0 : golden.k3 ? kl_k3(a, b) : kl_k1(a, b));
            all.push_back(-kKlCoefficient * rows[n].kl[t] + (t == kScoreAt[n] ? kScores[n] : 0.0));
        }
    }
    if (golden.whiten_rewards) {
        whiten(all, false);
    }
    auto next = all.begin();
    for (size_t n = 0; n < 2; ++n) {
        rows[n].rewards.assign(next, next + static_cast<std::ptrdiff_t>(kWithSlot[n]));
        next += static_cast<std::ptrdiff_t>(kWithSlot[n]);
        const std::vector<double> values(kValues[n].begin(), kValues[n].begin() + kWithSlot[n]);
        rows[n].advantages = gae(rows[n].rewards, values, kGamma, kLambda);
        for (size_t t = 0; t < values.size(); ++t) {
            rows[n].returns.push_back(rows[n].advantages[t] + values[t]);
        }
    }
    return rows;
}

std::vector<double> joined(const std::vector<Row>& rows, std::vector<double> Row::*field) {
    std::vector<double> out = rows[0].*field;
    out.insert(out.end(), (rows[1].*field).begin(), (rows[1].*field).end());
    return out;
}

}  // namespace

TEST_CASE("Divergences, rewards, advantages and returns equal TRL's", "[ppo]") {
    for (const GoldenPpo& golden : golden_ppo()) {
        CAPTURE(golden.name);
        const auto rows = rows_of(golden);
        check_equal(joined(rows, &Row::kl), joined(golden.kl, kWithSlot));
        check_equal(joined(rows, &Row::rewards), joined(golden.rewards, kWithSlot));
        check_equal(joined(rows, &Row::advantages), joined(golden.unwhitened, kWithSlot));
        check_equal(joined(rows, &Row::returns), joined(golden.returns, kWithSlot));
        const auto kl = joined(rows, &Row::kl);
        CHECK(std::accumulate(kl.begin(), kl.end(), 0.0) / 2 ==
              Approx(golden.kl_sum).epsilon(1e-9));

        auto whitened = rows[0].advantages;
        whitened.resize(kTokens[0]);
        whitened.insert(whitened.end(), rows[1].advantages.begin(), rows[1].advantages.end());
        whiten(whitened, true);
        check_equal(whitened, joined(golden.advantages, kTokens));
    }
}

TEST_CASE("GAE is the sum of discounted temporal differences", "[ppo]") {
    const std::vector<double> rewards = {0.1, -0.3, 0.7, 2.0}, values = {0.5, -0.2, 0.4, 0.9};
    const double gamma = 0.9, lambda = 0.7;
    const auto advantages = gae(rewards, values, gamma, lambda);
    for (size_t t = 0; t < rewards.size(); ++t) {
        double expected = 0, factor = 1;
        for (size_t later = t; later < rewards.size(); ++later) {
            const double next = later + 1 < values.size() ? values[later + 1] : 0.0;
            expected += factor * (rewards[later] + gamma * next - values[later]);
            factor *= gamma * lambda;
        }
        CHECK(advantages[t] == Approx(expected).epsilon(1e-12));
    }
    // lambda 1: the discounted return minus the value; lambda 0: one step.
    CHECK(gae(rewards, values, 1.0, 1.0)[0] == Approx(0.1 - 0.3 + 0.7 + 2.0 - 0.5));
    CHECK(gae(rewards, values, 1.0, 0.0)[0] == Approx(0.1 - 0.2 - 0.5));
    CHECK(gae({}, {}, 1.0, 1.0).empty());
}

TEST_CASE("k3 is never negative, 0 at equality, and k1 is the difference", "[ppo]") {
    for (const double policy : {-0.01, -1.0, -3.0, -12.0}) {
        for (const double reference : {-0.02, -1.0, -4.5, -9.0}) {
            CAPTURE(policy, reference);
            const double ratio = std::exp(reference - policy);
            CHECK(kl_k1(policy, reference) == policy - reference);
            CHECK(kl_k3(policy, reference) == Approx(ratio - 1 - std::log(ratio)).margin(1e-12));
            CHECK(kl_k3(policy, reference) >= 0);
        }
        CHECK(kl_k3(policy, policy) == 0);
    }
}

TEST_CASE("Group-relative advantages are z-scores of a prompt's samples", "[ppo]") {
    const std::vector<double> rewards = {1.0, 0.0, 0.0, 3.0};
    // mean 1, deviations 0 -1 -1 2, their squares' sum 6, over n - 1: variance 2.
    const double by = std::sqrt(2.0) + 1e-4;
    check_equal(group_relative(rewards, true), {0, -1 / by, -1 / by, 2 / by});
    check_equal(group_relative(rewards, false), {0, -1, -1, 2});
    check_equal(group_relative(std::vector{0.7, 0.7, 0.7}, true), {0, 0, 0});
    check_equal(group_relative(std::vector{5.0}, true), {0});
    check_equal(group_relative(std::vector{5.0}, false), {0});
}

TEST_CASE("A leave-one-out advantage is the distance from the others' mean", "[ppo]") {
    check_equal(leave_one_out(std::vector{1.0, 0.0, 0.5, 3.0}),
                {1.0 - 3.5 / 3, 0.0 - 4.5 / 3, 0.5 - 4.0 / 3, 3.0 - 1.5 / 3});
    check_equal(leave_one_out(std::vector{2.0, -1.0}), {3, -3});
    check_equal(leave_one_out(std::vector{2.0}), {0});
}

TEST_CASE("Whitening gives mean 0 or keeps the mean, and variance 1 with n - 1", "[ppo]") {
    std::vector<double> shifted = {1.0, 2.0, 4.0, 9.0}, kept = shifted;
    whiten(shifted, true);
    whiten(kept, false);
    double sum = 0, squares = 0;
    for (size_t n = 0; n < shifted.size(); ++n) {
        sum += shifted[n];
        squares += shifted[n] * shifted[n];
        CHECK(kept[n] - shifted[n] == Approx(4.0));
    }
    CHECK(sum == Approx(0.0).margin(1e-12));
    CHECK(squares / 3 == Approx(1.0).epsilon(1e-8));
    std::vector<double> equal = {2.0, 2.0}, none;
    whiten(equal, true);
    whiten(none, true);
    CHECK(equal == std::vector<double>{0.0, 0.0});
    CHECK(none.empty());
}
