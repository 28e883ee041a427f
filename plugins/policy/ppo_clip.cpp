// samara.ppo_clip - proximal policy optimisation: the clipped ratio, per token.
#include "family.hpp"

namespace samara::policy {
namespace {

/// Math     L = max(-A r, -A clip(r, 1 - clip_low, 1 + clip_high));  with dual_clip c > 1 and A < 0
///          min(L, -A c), which bounds the loss of a token that became much likelier;
///          entropy = -tok.entropy
/// Inputs   tok.logp, tok.old_logp, tok.advantage [T];  with entropy_coefficient > 0 tok.entropy;
///          with normaliser "sequence" tok.candidate
/// Output   ppo_clip [T];  with entropy_coefficient > 0 entropy [T], times it; both divided as
///          `normaliser` says.  Metrics: clipped_surrogate() and policy/entropy_avg
/// Ranges   clip_low in [0, 1], clip_high >= 0; dual_clip 0 (off) or > 1 (the paper's 3);
///          entropy_coefficient >= 0
/// Source   arXiv 1707.06347 eq. 7; dual clip arXiv 1912.09729 eq. 5.  Deviations: metrics are of
///          response tokens alone, where TRL's approxkl and entropy also count padding
class PpoClip {
public:
    static constexpr samara_param params[] = {
        kClipLowParam,
        kClipHighParam,
        param::number("dual_clip",
                      "0.0",
                      0,
                      kInfinity,
                      "bound of the loss in units of |A| where A < 0; 0: none, else > 1"),
        param::number("entropy_coefficient",
                      "0.0",
                      0,
                      kInfinity,
                      "bonus on entropy; 0: the entropy is not computed"),
        kNormaliserParam,
        kMaxLengthParam};

    explicit PpoClip(const Params& params)
        : low_(params.number("clip_low")),
          high_(params.number("clip_high")),
          dual_(params.number("dual_clip")),
          entropy_(params.number("entropy_coefficient")),
          normaliser_(params),
          losses_{normaliser_.loss("ppo_clip"), normaliser_.loss("entropy", entropy_)} {
        if (dual_ != 0 && dual_ <= 1) {
            fail(
                "dual_clip must be 0 (off) or above 1: at 1 or below it would cut off the loss "
                "of the policy as it was at the rollout");
        }
        if (entropy_ > 0) {
            columns_.push_back("tok.entropy");
        }
        if (normaliser_.reads_candidates()) {
            columns_.push_back("tok.candidate");
        }
    }

    std::span<const char* const> columns() const { return columns_; }
    std::span<const samara_loss> losses() const {
        return std::span(losses_).first(entropy_ > 0 ? 2 : 1);
    }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        normaliser_.weigh(in, weights);
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor& advantage = in[2];
        out[0] = clipped_surrogate(in[0], in[1], advantage, low_, high_);
        if (dual_ > 0) {
            out[0] = where(advantage < 0.0, minimum(out[0], -dual_ * advantage), out[0]);
        }
        if (entropy_ > 0) {
            metric("policy/entropy_avg", SAMARA_PER_TOKEN, in[3]);
            out[1] = -in[3];
        }
    }

private:
    double low_, high_, dual_, entropy_;
    Normaliser normaliser_;
    std::array<samara_loss, 2> losses_;
    std::vector<const char*> columns_ = {"tok.logp", "tok.old_logp", "tok.advantage"};
};

}  // namespace

const samara_plugin kPpoClip = objective<PpoClip>(
    {.id = "samara.ppo_clip",
     .doc = "PPO's clipped ratio per token, with an optional dual clip and bonus on entropy; "
            "samara.value_clip beside it trains the critic",
     .formula = "max(-A*r, -A*clip(r, 1 - clip_low, 1 + clip_high)), r = exp(tok.logp - "
                "tok.old_logp); A < 0 and dual_clip c: min(that, -A*c); - entropy_coefficient * "
                "tok.entropy",
     .source = "arXiv 1707.06347 eq. 7; arXiv 1912.09729 eq. 5 (dual clip).  TRL's cliprange, "
               "verl's clip_ratio_low and _high"});

}  // namespace samara::policy
