// samara.sigmoid_norm - DPO with every score divided by its response's length.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap of score/length - rel.margin;
///          loss = -(1-p) log sigmoid(z) - p log sigmoid(-z),  p = rel.flip
/// Inputs   score, length [N] and the ends;  rel.margin, rel.flip [R]
/// Output   sigmoid_norm [R], divided by the relations' weights
/// Ranges   beta > 0, larger than DPO's because scores per token are small (5 in Tulu 3)
/// Source   Tulu 3, arXiv 2411.15124; TRL's `sigmoid_norm`.  Deviations: none.  SimPO is
///          this without a reference and with a target margin: samara.simpo
class SigmoidNorm {
public:
    static constexpr samara_param params[] = {
        beta_param("0.1", "scale of the gap per token: 5 in Tulu 3, 0.1 TRL's default")};
    static constexpr auto columns =
        join(std::array{"rel.margin", "rel.flip", "score", "length"}, kEnds);
    static constexpr samara_loss losses[] = {loss("sigmoid_norm")};
    static constexpr int64_t orders = 3;

    explicit SigmoidNorm(const Params& params) : beta_(params.number("beta")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor gap = gap_of(per_token(in[2], in[3]), in.subspan(4));
        out[0] = logistic(beta_ * gap - in[0], in[1]);
    }

private:
    double beta_;
};

}  // namespace

const samara_plugin kSigmoidNorm = objective<SigmoidNorm>(
    {.id = "samara.sigmoid_norm",
     .doc = "Length-normalised DPO: Bradley-Terry on scores per token of the response",
     .formula = "-log sigmoid(z), z = beta*(gap of score/length) - rel.margin; rel.flip p: "
                "(1-p)*L(z) + p*L(-z)",
     .source = "Tulu 3, arXiv 2411.15124"});

}  // namespace samara::preference
