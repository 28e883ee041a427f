// samara.simpo - SimPO: log-probabilities per token, a target margin, no reference model.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap of logp/length - gamma - rel.margin;
///          loss = -(1-p) log sigmoid(z) - p log sigmoid(-z),
///          p = rel.flip + s - 2 s rel.flip
/// Inputs   logp, length [N] and the ends;  rel.margin, rel.flip [R]
/// Output   simpo [R], divided by the relations' weights
/// Ranges   beta > 0 (the paper's 2 to 10), gamma >= 0 (its gamma/beta is 0.3 to 1.6);
///          s = label_smoothing in [0, 0.5)
/// Source   arXiv 2405.14734 eq. 6.  TRL's CPO trainer with loss type simpo is the same loss with
///          beta 0.1 and gamma 0.5, to which it adds 1.0 times the likelihood of the chosen unless
///          cpo_alpha is 0: list samara.sft beside this one for that.  Deviations: none
class Simpo {
public:
    static constexpr samara_param params[] = {
        beta_param("2.0", "scale of the gap per token"),
        param::number("gamma", "1.0", 0, kInfinity, "target of beta * gap, subtracted from it"),
        smoothing_param()};
    static constexpr auto columns =
        join(std::array{"rel.margin", "rel.flip", "logp", "length"}, kEnds);
    static constexpr samara_loss losses[] = {loss("simpo")};
    static constexpr int64_t orders = 3;

    explicit Simpo(const Params& params)
        : beta_(params.number("beta")),
          gamma_(params.number("gamma")),
          smoothing_(params.number("label_smoothing")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor gap = gap_of(per_token(in[2], in[3]), in.subspan(4));
        out[0] = logistic(beta_ * gap - gamma_ - in[0], with_smoothing(in[1], smoothing_));
    }

private:
    double beta_, gamma_, smoothing_;
};

}  // namespace

const samara_plugin kSimpo = objective<Simpo>(
    {.id = "samara.simpo",
     .doc = "SimPO: log-probability per token as the reward, no reference; without the likelihood "
            "term that TRL's CPO trainer adds by default (samara.sft is that)",
     .formula = "-log sigmoid(z), z = beta*(gap of logp/length) - gamma - rel.margin; rel.flip p, "
                "smoothed by label_smoothing: (1-p)*L(z) + p*L(-z)",
     .source = "arXiv 2405.14734 eq. 6"});

}  // namespace samara::preference
