// samara.exo - efficient exact optimisation on pairs: the reverse divergence from the policy's
// preference to the labels', where DPO has the forward one.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap.score - rel.margin,  q = rel.flip + e - 2 e rel.flip;
///          loss = KL((s, 1-s) | (1-q, q)), s = sigmoid(z):
///          s (log s - log(1-q)) + (1-s) (log(1-s) - log q)
/// Inputs   gap.score, rel.margin, rel.flip [R]
/// Output   exo [R], divided by the relations' weights
/// Ranges   beta > 0;  e = label_smoothing in (0, 0.5): at 0 the loss is infinite
/// Flips    q is the labels' own probability, so a flip moves the target; it is not a mixture of
///          two losses as elsewhere, and the two differ by what does not depend on the policy
/// Source   arXiv 2402.00856 eq. 16; TRL's `exo_pair`.  Deviations: e defaults to 0.001 (TRL's to
///          0, which it refuses; older versions took 0.001 silently)
class Exo {
public:
    static constexpr samara_param params[] = {
        beta_param(),
        param::number("label_smoothing",
                      "0.001",
                      0,
                      0.5,
                      "probability that a label is wrong: the target of the reverse divergence",
                      SAMARA_P_OPEN_MIN | SAMARA_P_OPEN_MAX)};
    static constexpr const char* columns[] = {"gap.score", "rel.margin", "rel.flip"};
    static constexpr samara_loss losses[] = {loss("exo")};
    static constexpr int64_t orders = 3;

    explicit Exo(const Params& params)
        : beta_(params.number("beta")), smoothing_(params.number("label_smoothing")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor z = beta_ * in[0] - in[1];
        const Tensor wrong = (1.0 - 2.0 * smoothing_) * in[2] + smoothing_;
        out[0] = exo(z, wrong);
    }

private:
    double beta_, smoothing_;
};

}  // namespace

const samara_plugin kExo = objective<Exo>(
    {.id = "samara.exo",
     .doc = "EXO on pairs: reverse KL from the policy's preference to the smoothed label",
     .formula = "S(z)*(LS(z) - log(1-q)) + S(-z)*(LS(-z) - log q), z = beta*gap.score - "
                "rel.margin, q = rel.flip smoothed by label_smoothing",
     .source = "arXiv 2402.00856 eq. 16"});

}  // namespace samara::preference
