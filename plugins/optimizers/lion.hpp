// samara.lion - steps of one size: the sign of an interpolated momentum.  Half of AdamW's state.
#pragma once
#include "roles.hpp"

namespace samara::optimizers {

/// Math     c <- beta1 m + (1-beta1) g;  p <- p - lr * (sign(c) + weight_decay * p);
///          m <- beta2 m + (1-beta2) g;  sign(0) = 0
/// Decay    decoupled; norms and biases are never decayed
/// Slots    exp_avg (as the parameter)
/// Ranges   learning rates 3 to 10 times smaller than AdamW's, and weight_decay as many times
///          larger, as the paper advises
/// Source   arXiv 2302.06675 alg. 2; deviations: none
class Lion {
public:
    static constexpr samara_param params[] = {
        param::number("beta1",
                      "0.9",
                      0,
                      1,
                      "share of the momentum in the direction of the step",
                      SAMARA_P_OPEN_MAX),
        param::number("beta2", "0.99", 0, 1, "decay of the momentum", SAMARA_P_OPEN_MAX),
        param::number("weight_decay",
                      "0.0",
                      0,
                      kInfinity,
                      "decoupled decay; norms and biases are never decayed")};

    explicit Lion(const Params& params)
        : beta1_(params.number("beta1")),
          beta2_(params.number("beta2")),
          weight_decay_(params.number("weight_decay")) {}
    std::span<const samara_slot> slots(const samara_param_info& param) const;
    void step(const Step& step) const;

private:
    double beta1_, beta2_, weight_decay_;
};

}  // namespace samara::optimizers
