// samara.muon - matrices move along their orthogonalised momentum; everything else by AdamW.
#pragma once
#include "adamw.hpp"

namespace samara::optimizers {

/// Matrices are the parameters of role SAMARA_ROLE_MATRIX with two dimensions.  Embeddings, heads,
/// norms, biases and others are moved by samara.adamw at lr * adamw_lr_factor, to the last bit.
///
/// Math     b <- momentum * b + (1-momentum) g;  u <- b, or with nesterov
///          (1-momentum) g + momentum * b;  o <- NS(u);
///          p <- p - lr * weight_decay * p;  p <- p - lr * s * o, p of shape [A, B] and
///          s = sqrt(max(1, A/B)) (original) or 0.2 sqrt(max(A, B)) (match_rms_adamw)
/// NS       x <- u / max(|u|_F, 1e-7), transposed if A > B; ns_steps times x <- a x + (b y + c y^2)
///          x with y = x x^T: singular values come to lie around 1, from about 0.5 to 1.5
/// Decay    decoupled; norms and biases are never decayed
/// Slots    matrices: momentum_buffer (as the parameter); others: those of samara.adamw
/// Ranges   original: the reference moves matrices at lr 0.02 and the rest by AdamW at 3e-4, that
///          is adamw_lr_factor = 0.015; match_rms_adamw: AdamW's lr fits both, and the factor is 1
/// Random   none.  bfloat16 products differ in the last bits between processors
/// Source   torch.optim.Muon of LibTorch 2.13 (after github.com/KellerJordan/Muon, with
///          match_rms_adamw from arXiv 2502.16982); deviations: weight_decay defaults to 0, there
///          to 0.1, and spares norms and biases
class Muon {
public:
    static constexpr samara_param params[] = {
        param::number("momentum", "0.95", 0, 1, "decay of the momentum", SAMARA_P_OPEN_MAX),
        param::flag("nesterov", "true", "look ahead by one step of momentum"),
        param::number("weight_decay",
                      "0.0",
                      0,
                      kInfinity,
                      "decoupled decay of matrices, embeddings and heads; norms and biases are "
                      "never decayed"),
        param::choice("adjust_lr",
                      "\"original\"",
                      "original|match_rms_adamw",
                      "scale of a matrix of shape [A, B]: sqrt(max(1, A/B)), or "
                      "0.2 sqrt(max(A, B)), with which AdamW's learning rate fits"),
        param::integer("ns_steps", "5", 1, 99, "Newton-Schulz iterations"),
        param::numbers("ns_coefficients",
                       "[3.4445, -4.7750, 2.0315]",
                       0,
                       0,
                       "a, b, c of the iteration a x + b x^3 + c x^5"),
        param::choice("ns_dtype",
                      "\"bfloat16\"",
                      "bfloat16|parameter",
                      "type the iteration runs in: as published, or that of the parameter (slower, "
                      "except on processors without bfloat16 products)"),
        param::number("adamw_lr_factor",
                      "1.0",
                      0,
                      kInfinity,
                      "learning rate of what is no matrix, as a share of the run's"),
        param::number("adamw_beta1", "0.9", 0, 1, "AdamW's beta1", SAMARA_P_OPEN_MAX),
        param::number("adamw_beta2", "0.999", 0, 1, "AdamW's beta2", SAMARA_P_OPEN_MAX),
        param::number("adamw_eps", "1e-8", 0, kInfinity, "AdamW's eps")};

    explicit Muon(const Params& params);
    std::span<const samara_slot> slots(const samara_param_info& param) const;
    void step(const Step& step) const;

private:
    void move_matrices(const Step& step) const;
    Tensor orthogonalize(const Tensor& update, bool tall) const;

    double momentum_, weight_decay_, adamw_lr_factor_;
    bool nesterov_, match_rms_, bfloat16_;
    int64_t ns_steps_;
    std::vector<double> ns_;  ///< a, b, c
    AdamW adamw_;
};

}  // namespace samara::optimizers
