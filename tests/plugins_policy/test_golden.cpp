// PPO's losses against another implementation, see core_train/golden_ppo.hpp; the slot behind the
// short response, which TRL counts in the value loss, is passed as one more token.
#include "../core_train/golden_ppo.hpp"
#include "support.hpp"

using namespace samara::test;

namespace {

std::vector<int64_t> candidates(const std::array<size_t, 2>& count) {
    std::vector<int64_t> out(count[0], 0);
    out.insert(out.end(), count[1], 1);
    return out;
}

}  // namespace

TEST_CASE("The clipped ratio and the clipped value loss equal TRL's", "[policy]") {
    for (const GoldenPpo& golden : golden_ppo()) {
        CAPTURE(golden.name);
        Step policy;
        policy.candidate = candidates(kTokens);
        policy.weight = {1.0, 1.0};
        policy.columns = {{"logp", joined(kLogp, kTokens)},
                          {"old_logp", joined(kOldLogp, kTokens)},
                          {"advantage", joined(golden.advantages, kTokens)}};
        Step critic = policy;
        critic.candidate = candidates(kWithSlot);
        critic.columns = {{"value", joined(kPredicted, kWithSlot)},
                          {"old_value", joined(kValues, kWithSlot)},
                          {"return", joined(golden.returns, kWithSlot)}};
        auto ppo = make("ppo_clip", {{"clip_low", kRange}, {"clip_high", kRange}});
        auto value = make("value_clip", {{"range", kRange}, {"coefficient", 0.1}});
        CHECK(policy.reduced(ppo) == Approx(golden.pg_loss).epsilon(1e-9));
        CHECK(critic.reduced(value) == Approx(0.1 * golden.vf_loss).epsilon(1e-9));
        const auto metrics = policy.run(ppo).metrics;
        CHECK(metrics.at("policy/clipfrac_avg") == Approx(golden.pg_clipfrac).epsilon(1e-9));
        // TRL divides by all 10 slots, padding included.
        CHECK(metrics.at("policy/approxkl_avg") * 8 / 10 == Approx(golden.approxkl).epsilon(1e-9));
        const auto of_values = critic.run(value).metrics;
        CHECK(of_values.at("val/clipfrac_avg") == Approx(golden.vf_clipfrac).epsilon(1e-9));
        CHECK(of_values.at("loss/value_avg") == Approx(golden.vf_loss).epsilon(1e-9));
    }
}

TEST_CASE("GRPO without divergence is PPO's policy loss", "[policy]") {
    const GoldenPpo& golden = golden_ppo().front();
    Step policy;
    policy.candidate = candidates(kTokens);
    policy.weight = {1.0, 1.0};
    policy.columns = {{"logp", joined(kLogp, kTokens)},
                      {"old_logp", joined(kOldLogp, kTokens)},
                      {"advantage", joined(golden.advantages, kTokens)}};
    auto grpo = make("grpo");
    CHECK(policy.reduced(grpo) == Approx(golden.pg_loss).epsilon(1e-9));
}
