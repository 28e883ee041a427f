// samara.center - a reward model's zero point: pairs alone fix only differences, so scores may
// drift.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     (score_i + score_j)^2
/// Inputs   score [N], rel.i, rel.j [R]; rel.margin and rel.flip, to which a sum is indifferent: it
///          has no better side and no distance, so both are honoured
/// Output   center [R], divided by the relations' weights
/// Ranges   none: the objective's `weight` is the coefficient (0.01 in the paper)
/// Orders   preferences: a contrast fixes no zero point either
/// Source   arXiv 2312.09244, section on reward under-specification; center_rewards_coefficient of
///          TRL and axolotl.  Deviations: none
class Center {
public:
    static constexpr const char* columns[] = {"score", "rel.i", "rel.j", "rel.margin", "rel.flip"};
    static constexpr samara_loss losses[] = {loss("center")};
    static constexpr int64_t orders = 1;

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        out[0] = square(take(in[0], in[1]) + take(in[0], in[2]));
    }
};

}  // namespace

const samara_plugin kCenter = objective<Center>(
    {.id = "samara.center",
     .doc = "Draws the sum of a pair's rewards to zero; list it beside a preference loss with a "
            "small weight",
     .formula = "(score_i + score_j)^2",
     .source = "arXiv 2312.09244; TRL's center_rewards_coefficient is this objective's weight"});

}  // namespace samara::preference
