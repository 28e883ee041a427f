// [schedule], [train], [checkpoint] and [best]: from checked sections to the plan, and what their
// keys mean together.  A part of config.cpp.
#pragma once
#include "core/config/bind.hpp"
#include "core/config/plan.hpp"

#include <functional>
#include <string>

namespace samara::host::config {

using Warn = std::function<void(Where at, const std::string& text)>;

/// Steps, rates and checkpoints.  Leaves in `train` that one of epochs and max_steps which counts.
void read_training(const Bound& schedule,
                   Bound& train,
                   const Bound& checkpoint,
                   Plan& plan,
                   Problems& problems,
                   const Warn& warn);
/// Needs the plan's evaluation sets; whether the set has the metric is known when there are groups
/// (train/best.hpp).
void read_best(const Bound& best, Plan& plan, Problems& problems);

}  // namespace samara::host::config
