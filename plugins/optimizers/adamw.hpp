// samara.adamw - Adam with decoupled weight decay, by LibTorch's fused kernel: one pass over
// parameters and state.  samara.muon moves with it what is no matrix.
#pragma once
#include "roles.hpp"

namespace samara::optimizers {

/// Math     t <- t + 1;  p <- p - lr * weight_decay * p;  m <- beta1 m + (1-beta1) g;  v <- beta2 v
/// + (1-beta2) g^2;
///          p <- p - lr * (m / (1-beta1^t)) / (sqrt(v / (1-beta2^t)) + eps)
/// Decay    matrices, embeddings and heads only: norms and biases are never decayed
/// Slots    exp_avg, exp_avg_sq (as the parameter), step [] float32, as in torch.optim.AdamW
/// Source   arXiv 1711.05101 alg. 2; deviations: none
class AdamW {
public:
    static constexpr samara_param params[] = {
        param::number("beta1", "0.9", 0, 1, "decay of the first moment", SAMARA_P_OPEN_MAX),
        param::number("beta2", "0.999", 0, 1, "decay of the second moment", SAMARA_P_OPEN_MAX),
        param::number("eps", "1e-8", 0, kInfinity, "added to the denominator"),
        param::number("weight_decay",
                      "0.0",
                      0,
                      kInfinity,
                      "decoupled decay; norms and biases are never decayed")};
    static constexpr samara_slot kSlots[] = {samara::slot("exp_avg"),
                                             samara::slot("exp_avg_sq"),
                                             samara::slot("step", SAMARA_SHAPE_SCALAR, SAMARA_F32)};

    explicit AdamW(const Params& params)
        : AdamW(params.number("beta1"),
                params.number("beta2"),
                params.number("eps"),
                params.number("weight_decay")) {}
    AdamW(double beta1, double beta2, double eps, double weight_decay)
        : beta1_(beta1), beta2_(beta2), eps_(eps), weight_decay_(weight_decay) {}

    std::span<const samara_slot> slots(const samara_param_info& /*param*/) const { return kSlots; }
    void step(const Step& step) const { move(step, step.lr()); }
    /// A step at a learning rate other than the step's own.
    void move(const Step& step, double lr) const;

private:
    double beta1_, beta2_, eps_, weight_decay_;
};

}  // namespace samara::optimizers
