// samara.robust - rDPO: an unbiased estimate of the logistic loss when a known share of the labels
// is wrong.  Not label smoothing, which is a parameter of samara.bradley_terry.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     z = beta * gap.score - rel.margin,  e = label_smoothing
///          L(z) = (-(1-e) log sigmoid(z) + e log sigmoid(-z)) / (1 - 2e)
///          loss = (1-p) L(z) + p L(-z),  p = rel.flip (a statement about one relation, while e is
///          the share of wrong labels in the data, so they are not joined)
/// Inputs   gap.score, rel.margin, rel.flip [R]
/// Output   robust [R], divided by the relations' weights; can be negative, and falls without bound
///          as z grows (as -e z / (1 - 2e))
/// Ranges   beta > 0;  e in [0, 0.5), at 0 it is samara.bradley_terry
/// Source   arXiv 2403.00409, the robust loss (e is epsilon there).  Deviations: e defaults to 0.1;
/// it
///          is 0 in TRL, where `robust` is then plain DPO.  LLaMA-Factory and torchtune mean the
///          conservative loss when they say label smoothing
class Robust {
public:
    static constexpr samara_param params[] = {beta_param("0.1", kBetaDoc),
                                              param::number("label_smoothing",
                                                            "0.1",
                                                            0,
                                                            0.5,
                                                            "share of the labels that are wrong",
                                                            SAMARA_P_OPEN_MAX)};
    static constexpr const char* columns[] = {"gap.score", "rel.margin", "rel.flip"};
    static constexpr samara_loss losses[] = {loss("robust")};
    static constexpr int64_t orders = 3;

    explicit Robust(const Params& params)
        : beta_(params.number("beta")), wrong_(params.number("label_smoothing")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor z = beta_ * in[0] - in[1];
        const Tensor positive = log_sigmoid(z), negative = log_sigmoid(-z);
        const double right = 1.0 - wrong_, scale = 1.0 / (1.0 - 2.0 * wrong_);
        out[0] = scale * expect(wrong_ * negative - right * positive,
                                wrong_ * positive - right * negative,
                                in[2]);
    }

private:
    double beta_, wrong_;
};

}  // namespace

const samara_plugin kRobust = objective<Robust>(
    {.id = "samara.robust",
     .doc = "Robust DPO: unbiased under a known share of wrong labels (not label smoothing, which "
            "samara.bradley_terry has)",
     .formula = "(-(1-e)*log sigmoid(z) + e*log sigmoid(-z)) / (1-2e), z = beta*gap.score - "
                "rel.margin, e = label_smoothing; rel.flip p: (1-p)*L(z) + p*L(-z)",
     .source = "arXiv 2403.00409, the robust loss"});

}  // namespace samara::preference
