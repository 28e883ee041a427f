// samara.hinge - the hinge loss on gaps: nothing to learn from a relation that is clear enough.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap.score - rel.margin;  loss = (1-p) max(0, 1 - z) + p max(0, 1 + z),
///          p = rel.flip
/// Inputs   gap.score, rel.margin, rel.flip [R]
/// Output   hinge [R], divided by the relations' weights
/// Ranges   beta > 0: the gap that is enough is 1/beta
/// Source   SLiC-HF arXiv 2305.10425 (delta = 1/beta, divided by it), on DPO's scores RSO
///          arXiv 2309.06657.  DPO's and CPO's `hinge` of TRL: here with the run's reference, or
///          with [dpo] reference = "none".  Deviations: none
class Hinge {
public:
    static constexpr samara_param params[] = {beta_param("0.1", kBetaDoc)};
    static constexpr const char* columns[] = {"gap.score", "rel.margin", "rel.flip"};
    static constexpr samara_loss losses[] = {loss("hinge")};
    static constexpr int64_t orders = 3;

    explicit Hinge(const Params& params) : beta_(params.number("beta")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor z = beta_ * in[0] - in[1];
        out[0] = expect(relu(1.0 - z), relu(1.0 + z), in[2]);
    }

private:
    double beta_;
};

}  // namespace

const samara_plugin kHinge = objective<Hinge>(
    {.id = "samara.hinge",
     .doc = "Hinge loss on gaps: SLiC and RSO on log-probabilities, a margin loss on rewards",
     .formula = "max(0, 1 - z), z = beta*gap.score - rel.margin; rel.flip p: (1-p)*L(z) + p*L(-z)",
     .source = "SLiC-HF arXiv 2305.10425; RSO arXiv 2309.06657"});

}  // namespace samara::preference
