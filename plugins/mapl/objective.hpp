// samara.mapl - MAPL's losses under their own name: preferences by Bradley-Terry, contrasts by one
// of four forms.
#pragma once
#include <samara/objective.hpp>

namespace samara::mapl {

/// The losses of relations, with s = score, p = rel.flip, m = rel.margin, M_s = s_i - s_j, and in a
/// contrast M_t = s_k - s_l.  L(z) = -(1-p) log sigmoid(z) - p log sigmoid(-z).
///
///     preference        L(beta * M_s - m)
///     margin_gap        L(z), z = beta * (M_s - M_t) - m
///     hinge             (1-p) max(0, h - z) + p max(0, h + z), the same z
///     squared           z^2, the same z, whatever p: for contrasts of equals (neutral)
///     logprob_strength  L(log sigmoid(beta * M_s) - log sigmoid(beta * M_t) - m)
///
/// likelihood "joint" adds the prompts' log-ratios to the scores of a preference, log pi(x, y) in
/// place of log pi(y | x); the two preferences of a contrast have one prompt each, so there they
/// cancel.
///
/// Inputs   gap.score, rel.margin, rel.flip [R]; with "joint" gap.prompt_logp, and
///          gap.ref_prompt_logp where there is a reference; unless it is the plain margin_gap also
///          score [N], rel.i, rel.j, rel.k, rel.l and rel.order [R]
///
/// Output   mapl [R], divided by the relations' weights
///
/// Ranges   beta > 0, h = hinge_margin >= 0
///
/// Gradient stop_gradient takes it from M_s (stronger) or M_t (weaker), in contrasts only
///
/// Source   arXiv 2505.12845: the intra loss as summaries of the paper give it, the inter forms as
///          reconstructed
///
/// Plain margin_gap runs the operators of samara.bradley_terry in its order, so both are equal to
/// the last bit.
class Mapl {
public:
    static constexpr samara_param params[] = {
        param::number("beta",
                      "1.0",
                      0,
                      kInfinity,
                      "scale of the scores: 1 for reward models, "
                      "0.1 is usual in DPO",
                      SAMARA_P_OPEN_MIN),
        param::choice("form",
                      "\"margin_gap\"",
                      "margin_gap|hinge|squared|logprob_strength",
                      "how contrasts are scored"),
        param::number("hinge_margin", "1.0", 0, kInfinity, "h of form hinge"),
        param::choice("stop_gradient",
                      "\"none\"",
                      "none|stronger|weaker",
                      "which side's margin is a constant in contrasts"),
        param::choice("likelihood",
                      "\"conditional\"",
                      "conditional|joint",
                      "joint: of prompt and response (pipeline dpo)")};
    static constexpr samara_loss losses[] = {loss("mapl")};
    static constexpr int64_t orders = 3;

    explicit Mapl(const Params& params);
    std::span<const char* const> columns() const { return columns_; }
    void forward(std::span<const Tensor> in, std::span<Tensor> out) const;

private:
    enum class Form { margin_gap, hinge, squared, logprob_strength };
    enum class Stop { none, stronger, weaker };
    bool plain() const { return form_ == Form::margin_gap && stop_ == Stop::none; }
    Tensor gap(std::span<const Tensor> in) const;
    Tensor contrast(Tensor stronger, Tensor weaker, const Tensor& margin, const Tensor& flip) const;

    double beta_, hinge_margin_;
    Form form_;
    Stop stop_;
    bool joint_;
    std::vector<const char*> columns_;
};

}  // namespace samara::mapl
