// samara.discopop - the loss that a search over programs found: logistic where the gap is negative,
// exponential where it is positive.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap.score - rel.margin,  m = sigmoid(z/tau);
///          L(z) = -log sigmoid(z) (1-m) + exp(-z) m;  loss = (1-p) L(z) + p L(-z),  p = rel.flip
/// Inputs   gap.score, rel.margin, rel.flip [R]
/// Output   discopop [R], divided by the relations' weights
/// Ranges   beta > 0;  tau in (0, 1], 0.05 in the paper.  Not convex: it has a second minimum
///          where z is a little below 0.  Above 1 it would grow exponentially for negative z
/// Source   arXiv 2406.08414 eq. 5 (log-ratio modulated loss); TRL's `discopop`.  Deviations: none
class Discopop {
public:
    static constexpr samara_param params[] = {beta_param(),
                                              param::number("tau",
                                                            "0.05",
                                                            0,
                                                            1,
                                                            "how sharply the two parts change over",
                                                            SAMARA_P_OPEN_MIN)};
    static constexpr const char* columns[] = {"gap.score", "rel.margin", "rel.flip"};
    static constexpr samara_loss losses[] = {loss("discopop")};
    static constexpr int64_t orders = 3;

    explicit Discopop(const Params& params)
        : beta_(params.number("beta")), tau_(params.number("tau")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor z = beta_ * in[0] - in[1];
        out[0] = expect(discopop(z, tau_), discopop(-z, tau_), in[2]);
    }

private:
    double beta_, tau_;
};

}  // namespace

const samara_plugin kDiscopop = objective<Discopop>(
    {.id = "samara.discopop",
     .doc = "DiscoPOP: a mixture of the logistic and the exponential loss by the gap's sign",
     .formula = "-log sigmoid(z)*(1-m) + exp(-z)*m, m = sigmoid(z/tau), z = beta*gap.score - "
                "rel.margin; rel.flip p: (1-p)*L(z) + p*L(-z)",
     .source = "arXiv 2406.08414 eq. 5"});

}  // namespace samara::preference
