// samara.aot, samara.aot_unpaired - alignment by optimal transport: not this chosen response above
// that rejected one, but the distribution of one side above that of the other, quantile by
// quantile. Both sort the step, so both are coupled.
#include "family.hpp"

namespace samara::preference {
namespace {

constexpr samara_param kParams[] = {beta_param(),
                                    param::number("label_smoothing",
                                                  "0.0",
                                                  0,
                                                  0.5,
                                                  "probability that a label is wrong",
                                                  SAMARA_P_OPEN_MAX)};
constexpr samara_loss coupled_loss(const char* name) {
    return loss(name, SAMARA_PER_RELATION, SAMARA_BY_WEIGHT, 1.0, true);
}

Tensor argsort(const Tensor& values) {
    return call<"aten::argsort.stable(self, stable, dim)">(values, true, 0);
}

/// The order of the relations by tag and, inside a tag, by value.
Tensor order_of(const Tensor& value, const Tensor& tag) {
    const Tensor by_value = argsort(value);
    return take(by_value, argsort(take(tag, by_value)));
}

/// For each relation the number of `other` that has the rank which its own `value` has in its tag.
Tensor matched(const Tensor& value, const Tensor& other, const Tensor& tag) {
    const Tensor rank = argsort(order_of(value, tag));  // the inverse of a permutation
    return take(take(other, order_of(other, tag)), rank);
}

/// Math     aot           x_r = gap.logp_r - (the gap.ref_logp of equal rank)
///          aot_unpaired  x_r = score_i(r) - (the score_j of equal rank)
///          loss = -(1-e) log sigmoid(beta x) - e log sigmoid(-beta x)
/// Inputs   gap.logp, gap.ref_logp, or score [N], rel.i, rel.j;  rel.tag [R]
/// Output   aot, aot_unpaired [R], divided by the relations' weights.  Coupled: ranks are those of
///          the whole step
/// Ranges   beta > 0;  e = label_smoothing in [0, 0.5)
/// Flips    not read: a sort has no expectation over flips.  No margins, no contrasts either
/// Source   arXiv 2406.05882; TRL's `aot` and `aot_unpaired` (the first was `aot_pair` in older
///          versions, the second `aot`).  Deviations: ranks are of the step, in TRL of the
///          micro-batch; they are taken inside each tag, so that one tag's loss does not depend on
///          another's presence; the loss stands at the relation whose policy value it has, so that
///          weights find it (a weight multiplies the loss and leaves the quantiles alone)
class Aot {
public:
    static constexpr auto& params = kParams;
    static constexpr const char* columns[] = {"gap.logp", "gap.ref_logp", "rel.tag"};
    static constexpr samara_loss losses[] = {coupled_loss("aot")};
    static constexpr int64_t orders = 1;

    explicit Aot(const Params& p)
        : beta_(p.number("beta")), smoothing_(p.number("label_smoothing")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        out[0] = smoothed(beta_ * (in[0] - matched(in[0], in[1], in[2])), smoothing_);
    }

private:
    double beta_, smoothing_;
};

class AotUnpaired {
public:
    static constexpr auto& params = kParams;
    static constexpr const char* columns[] = {"score", "rel.i", "rel.j", "rel.tag"};
    static constexpr samara_loss losses[] = {coupled_loss("aot_unpaired")};
    static constexpr int64_t orders = 1;

    explicit AotUnpaired(const Params& p)
        : beta_(p.number("beta")), smoothing_(p.number("label_smoothing")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor chosen = take(in[0], in[1]), rejected = take(in[0], in[2]);
        out[0] = smoothed(beta_ * (chosen - matched(chosen, rejected, in[3])), smoothing_);
    }

private:
    double beta_, smoothing_;
};

}  // namespace

const samara_plugin kAot = objective<Aot>(
    {.id = "samara.aot",
     .doc = "AOT on pairs: the policy's margins above the reference's, quantile by quantile of the "
            "step and tag (coupled)",
     .formula = "-(1-e)*log sigmoid(beta*x) - e*log sigmoid(-beta*x), x = sort(gap.logp) - "
                "sort(gap.ref_logp), e = label_smoothing",
     .source = "arXiv 2406.05882; TRL's aot (formerly aot_pair)"});
const samara_plugin kAotUnpaired = objective<AotUnpaired>(
    {.id = "samara.aot_unpaired",
     .doc = "AOT unpaired: the chosen scores above the rejected ones, quantile by quantile of the "
            "step and tag (coupled)",
     .formula = "-(1-e)*log sigmoid(beta*x) - e*log sigmoid(-beta*x), x = sort(score_i) - "
                "sort(score_j), e = label_smoothing",
     .source = "arXiv 2406.05882; TRL's aot_unpaired (formerly aot)"});

}  // namespace samara::preference
