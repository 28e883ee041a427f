// [ppo] and [[ppo.reward]]: from checked sections to the plan, and what their keys mean together.
// A part of config.cpp.
#pragma once
#include "core/config/bind.hpp"
#include "core/config/plan.hpp"

namespace samara::host::config {

/// All keys but the reference and the rewards; the critic's path as written.
PpoSpec read_ppo(const Bound& bound, Problems& problems);
/// One reward; its model's path as written.
RewardUse read_reward(const Bound& bound, Problems& problems);

}  // namespace samara::host::config
