// What the objectives of this library share: the list of descriptors, the scores of a preference's
// two ends, and flips.  plugin.cpp puts the descriptors into the library samara_preference_more.
//
// A relation that is reversed with probability p = rel.flip costs (1-p) L(i, j) + p L(j, i), the
// expectation over what was meant; who does not read rel.flip says why.
#pragma once
#include "losses.hpp"

namespace samara::preference {

extern const samara_plugin kExo, kNca, kBco, kSppoHard, kApoZero, kApoDown, kDiscopop, kAot,
    kAotUnpaired, kCenter, kDpo;

constexpr samara_param beta_param() {
    return param::number("beta",
                         "0.1",
                         0,
                         kInfinity,
                         "scale of the score: 0.1 is usual for DPO's, 1 for reward models",
                         SAMARA_P_OPEN_MIN);
}

/// Columns of losses that look at a preference's two scores, not at their gap alone.  Such a loss
/// has no meaning on a contrast, nor with a margin.
inline constexpr const char* kPairColumns[] = {"score", "rel.i", "rel.j", "rel.flip"};

/// An objective that is a function of the two scores: `Formula::loss(s_i, s_j, beta)`, a function
/// of losses.hpp.
template <class Formula>
class PairLoss {
public:
    static constexpr samara_param params[] = {beta_param()};
    static constexpr auto& columns = kPairColumns;
    static constexpr samara_loss losses[] = {loss(Formula::name)};
    static constexpr int64_t orders = 1;

    explicit PairLoss(const Params& p) : beta_(p.number("beta")) {}

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor i = take(in[0], in[1]), j = take(in[0], in[2]);
        out[0] = expect(Formula::loss(i, j, beta_), Formula::loss(j, i, beta_), in[3]);
    }

private:
    double beta_;
};

}  // namespace samara::preference
