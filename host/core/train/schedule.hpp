// Learning-rate schedules: pure functions of the step.  Warm-up is linear from lr/warmup at the
// first step.
#pragma once
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

namespace samara::host {

/// Factor on the base rate at optimizer step `step` (from 0) of `total`.  As transformers'
/// get_*_schedule_with_warmup, but during warm-up read one step later, so that the first step
/// already moves.
inline double schedule_factor(const std::string& kind,
                              int64_t step,
                              int64_t total,
                              int64_t warmup) {
    if (step < warmup) {
        return static_cast<double>(step + 1) / static_cast<double>(warmup);
    }
    const double rest = static_cast<double>(total - warmup);
    const double done = rest <= 0 ? 0.0 : static_cast<double>(step - warmup) / rest;
    if (kind == "linear") {
        return 1.0 - done;
    }
    if (kind == "cosine") {
        return 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    }
    return 1.0;  // constant
}

}  // namespace samara::host
