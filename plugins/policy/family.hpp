// What the policy objectives share: the list of descriptors, the clipped ratio, the bonus on
// entropy, and how losses per token become one number.  plugin.cpp puts the descriptors into the
// library samara_policy.
//
// All of them have one loss per response token of a rollout, with
//   A  tok.advantage, made and frozen by the pipeline from rewards (gae or group; whitened or not)
//   r  exp(clamp(tok.logp - tok.old_logp, -20, 20)), the ratio of the policy to that of the rollout
#pragma once
#include <samara/objective.hpp>

#include <string>
#include <vector>

namespace samara::policy {

extern const samara_plugin kPpoClip, kValueClip, kGrpo, kReinforce;

// ---- from losses per token to one number --------------------------------------------------------

inline constexpr samara_param kNormaliserParam = param::choice(
    "normaliser",
    "\"token\"",
    "token|sequence|constant",
    "token: mean over all tokens of the step; sequence: mean over each response's tokens, then "
    "over responses; constant: sum over tokens / (max_length * responses)");
inline constexpr samara_param kMaxLengthParam =
    param::integer("max_length",
                   nullptr,
                   1,
                   kInfinity,
                   "normaliser \"constant\": its tokens per response",
                   SAMARA_P_OPTIONAL);

/// The parameters normaliser and max_length.  The step is the optimizer's, whatever the split into
/// micro-batches; a response's weight multiplies its tokens'.
///   token     sum of losses / tokens.  Long responses weigh more.  DAPO (arXiv 2503.14476 eq. 8);
///             what TRL calls dapo, and what its PPO does per micro-batch
///   sequence  mean over responses of the mean over their tokens.  GRPO's paper (arXiv 2402.03300
///             eq. 3); tokens of long responses weigh less.  TRL's loss type grpo
///   constant  sum of losses / (max_length * responses).  Dr. GRPO (arXiv 2503.20783); with
///             max_length 1 the sum over tokens, as in REINFORCE of whole responses
/// Errors    fail(): "constant" without max_length, max_length beside another choice
class Normaliser {
public:
    explicit Normaliser(const Params& params);
    /// A loss per token, divided in this way.
    [[nodiscard]] samara_loss loss(const char* name, double coefficient = 1.0) const;
    /// True: list tok.candidate as the last column.
    [[nodiscard]] bool reads_candidates() const { return per_response_; }
    /// Call it from the objective's weigh.  Changes all losses' weights [T] in place.
    void weigh(std::span<const samara_array> columns, std::span<const samara_array> weights) const;

private:
    bool per_response_ = false;
    double max_length_ = 0;  ///< tokens; 0: not "constant"
};

// ---- the clipped ratio --------------------------------------------------------------------------

/// PPO's range is symmetric, 0.2; DAPO's "clip higher" is 0.2 and 0.28.
inline constexpr samara_param kClipLowParam =
    param::number("clip_low", "0.2", 0, 1, "the ratio is bounded below by 1 - clip_low");
inline constexpr samara_param kClipHighParam =
    param::number("clip_high", "0.2", 0, kInfinity, "and above by 1 + clip_high");

/// max(-A r, -A clip(r, 1 - low, 1 + high)) [T]; inputs [T].
/// Metrics: val/ratio (mean r), policy/approxkl_avg (mean (logp - old_logp)^2 / 2),
/// policy/clipfrac_avg (share of tokens whose clipped side is the larger: no gradient).
Tensor clipped_surrogate(const Tensor& logp,
                         const Tensor& old_logp,
                         const Tensor& advantage,
                         double low,
                         double high);

/// 1 where a > b, else 0.
inline Tensor exceeds(const Tensor& a, const Tensor& b) {
    return call<"aten::gt.Tensor(self, other)">(a, b) * 1.0;
}

/// The largest |log ratio| that is exponentiated: e^20 = 5e8 is far outside every clip range, and
/// finite in float32 with room for an advantage.
inline constexpr double kMaxLogRatio = 20.0;

}  // namespace samara::policy
