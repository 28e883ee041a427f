// samara.grpo - group relative policy optimisation: the clipped ratio per token, and the divergence
// from a reference in the loss.  Advantages are of the group (the pipeline's), there is no critic.
#include "family.hpp"

namespace samara::policy {
namespace {

/// Math     L = max(-A r, -A clip(r, 1 - clip_low, 1 + clip_high));
///          kl = exp(d) - 1 - d,  d = clamp(tok.ref_logp - tok.logp, -20, 20)  (k3, never negative)
/// Inputs   tok.logp, tok.old_logp, tok.advantage [T];  with beta > 0 tok.ref_logp;  with
///          normaliser "sequence" tok.candidate
/// Output   grpo [T];  with beta > 0 kl [T], times it; both divided as `normaliser` says.  Metrics:
///          clipped_surrogate() and kl
/// Ranges   clip_low in [0, 1], clip_high >= 0; beta >= 0 (the paper's 0.04; DAPO and Dr. GRPO: 0,
///          and no reference is needed)
/// Source   arXiv 2402.03300 eq. 3 and 4 is normaliser "sequence", beta 0.04; arXiv 2503.14476
///          (DAPO) eq. 8 is "token", clip_high 0.28, beta 0; arXiv 2503.20783 (Dr. GRPO) is
///          "constant", beta 0, with advantages that are not scaled.  Deviations: none
class Grpo {
public:
    static constexpr samara_param params[] = {
        kClipLowParam,
        kClipHighParam,
        param::number("beta",
                      "0.0",
                      0,
                      kInfinity,
                      "weight of the divergence from the reference; 0: no reference is read"),
        kNormaliserParam,
        kMaxLengthParam};

    explicit Grpo(const Params& params)
        : low_(params.number("clip_low")),
          high_(params.number("clip_high")),
          beta_(params.number("beta")),
          normaliser_(params),
          losses_{normaliser_.loss("grpo"), normaliser_.loss("kl", beta_)} {
        if (beta_ > 0) {
            columns_.push_back("tok.ref_logp");
        }
        if (normaliser_.reads_candidates()) {
            columns_.push_back("tok.candidate");
        }
    }

    std::span<const char* const> columns() const { return columns_; }
    std::span<const samara_loss> losses() const {
        return std::span(losses_).first(beta_ > 0 ? 2 : 1);
    }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        normaliser_.weigh(in, weights);
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        out[0] = clipped_surrogate(in[0], in[1], in[2], low_, high_);
        if (beta_ > 0) {
            const Tensor d = clamp(in[3] - in[0], -kMaxLogRatio, kMaxLogRatio);
            out[1] = call<"aten::expm1(self)">(d) - d;
            metric("kl", SAMARA_PER_TOKEN, out[1]);
        }
    }

private:
    double low_, high_, beta_;
    Normaliser normaliser_;
    std::array<samara_loss, 2> losses_;
    std::vector<const char*> columns_ = {"tok.logp", "tok.old_logp", "tok.advantage"};
};

}  // namespace

const samara_plugin kGrpo = objective<Grpo>(
    {.id = "samara.grpo",
     .doc = "GRPO, DAPO and Dr. GRPO: the clipped ratio per token, with a divergence from the "
            "reference in the loss; `normaliser` tells them apart",
     .formula = "max(-A*r, -A*clip(r, 1 - clip_low, 1 + clip_high)) + beta*(exp(d) - 1 - d), "
                "r = exp(tok.logp - tok.old_logp), d = tok.ref_logp - tok.logp",
     .source = "arXiv 2402.03300 eq. 3 (normaliser \"sequence\"); arXiv 2503.14476 eq. 8 "
               "(\"token\": TRL's dapo); arXiv 2503.20783 (\"constant\": TRL's dr_grpo)"});

}  // namespace samara::policy
