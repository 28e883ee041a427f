// samara.cpo - contrastive preference optimisation: DPO without a reference, and the likelihood of
// what was chosen.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap.logp - rel.margin;
///          preference = -(1-p) log sigmoid(z) - p log sigmoid(-z),
///          p = rel.flip + s - 2 s rel.flip;
///          nll = -logp of the chosen, in the unit `nll`;  loss = preference + alpha * nll
/// Inputs   kNllColumns and gap.logp [R]
/// Output   preference [R], divided by the relations' weights;  with alpha > 0 nll [N], divided by
///          the weights of weigh_chosen().  Contrasts have no chosen response: first loss only
/// Ranges   beta > 0, alpha >= 0, s = label_smoothing in [0, 0.5)
/// Source   arXiv 2401.08417 eq. 3: sums of log-probabilities, nll "sequence".  TRL's CPO
///          (cpo_alpha 1.0) takes nll "token" over its micro-batch; here over the step, so that
///          the split does not show.  Its loss types hinge, ipo and simpo are samara.hinge and
///          samara.ipo with [dpo] reference = "none", and samara.simpo, each beside samara.sft
class Cpo {
public:
    static constexpr samara_param params[] = {
        beta_param("0.1", "scale of the gap of log-probabilities"),
        param::number("alpha", "1.0", 0, kInfinity, "weight of the chosen response's likelihood"),
        nll_param("nll"),
        nll_tag_param(),
        smoothing_param()};
    static constexpr auto columns = join(kNllColumns, std::array{"gap.logp"});
    static constexpr int64_t orders = 3;

    explicit Cpo(const Params& params)
        : beta_(params.number("beta")),
          alpha_(params.number("alpha")),
          smoothing_(params.number("label_smoothing")),
          per_(nll_of(params.string("nll"))),
          tag_(params.string("nll_tag")),
          losses_{loss("preference"), loss("nll", SAMARA_PER_CANDIDATE, SAMARA_BY_WEIGHT, alpha_)} {
    }

    std::span<const samara_loss> losses() const {
        return std::span(losses_).first(alpha_ > 0 ? 2 : 1);
    }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        if (alpha_ > 0) {
            weigh_chosen(in, nullptr, tag_, per_, weights[1]);
        }
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor z = beta_ * in[kNllColumns.size()] - in[kMargin];
        out[0] = logistic(z, with_smoothing(in[kFlip], smoothing_));
        if (alpha_ > 0) {
            out[1] = nll(in[kLogp], in[kLength], per_);
        }
    }

private:
    double beta_, alpha_, smoothing_;
    PerNll per_;
    std::string tag_;
    std::array<samara_loss, 2> losses_;
};

}  // namespace

const samara_plugin kCpo = objective<Cpo>(
    {.id = "samara.cpo",
     .doc = "CPO: the logistic loss on summed log-probabilities without a reference, plus the "
            "likelihood of what was chosen",
     .formula = "-log sigmoid(z) + alpha*nll, z = beta*gap.logp - rel.margin, nll = -logp of the "
                "chosen per token, sequence or average; rel.flip p, smoothed by label_smoothing: "
                "(1-p)*L(z) + p*L(-z)",
     .source = "arXiv 2401.08417 eq. 3 (nll \"sequence\"); nll \"token\" as TRL"});

}  // namespace samara::preference
