// samara.sgd - stochastic gradient descent with momentum, by LibTorch's fused kernel: one pass over
// parameters and state.
#pragma once
#include "roles.hpp"

namespace samara::optimizers {

/// Math     g <- g + weight_decay * p;  b <- momentum * b + g;
///          p <- p - lr * b, or with nesterov p <- p - lr * (g + momentum * b)
/// Decay    coupled (an L2 penalty of weight_decay/2 |p|^2: it passes through the momentum, and is
///          not the decay of samara.adamw); norms and biases are never decayed
/// Slots    momentum_buffer (as the parameter); none where momentum is 0.  Filled with 0, which is
///          torch.optim.SGD's start (b = g in the first step) as long as there is no dampening
/// Ranges   nesterov needs momentum > 0
/// Source   torch.optim.SGD (Sutskever et al. 2013); deviations: norms and biases undecayed, no
///          dampening
class Sgd {
public:
    static constexpr samara_param params[] = {
        param::number("momentum",
                      "0.0",
                      0,
                      1,
                      "share of the last step; 0: no state",
                      SAMARA_P_OPEN_MAX),
        param::flag("nesterov", "false", "look ahead by one step of momentum"),
        param::number("weight_decay",
                      "0.0",
                      0,
                      kInfinity,
                      "L2 penalty, added to the gradient (coupled, not as in adamw); norms and "
                      "biases are never decayed")};

    explicit Sgd(const Params& params);
    std::span<const samara_slot> slots(const samara_param_info& param) const;
    void step(const Step& step) const;

private:
    double momentum_, weight_decay_;
    bool nesterov_;
};

}  // namespace samara::optimizers
