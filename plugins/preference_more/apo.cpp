// samara.apo_zero, samara.apo_down - anchored preference optimisation: where the two scores go, not
// only their gap, depends on whether the chosen response is better or worse than the model.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     c = beta score_i, r = beta score_j, S = sigmoid;  rel.flip p: (1-p) L(c,r) + p L(r,c)
///          apo_zero  1 - S(c) + S(r): the chosen up, the rejected down
///          apo_down  S(c) + 1 - S(c - r): both down, the rejected more
/// Inputs   kPairColumns
/// Output   apo_zero, apo_down [R], divided by the relations' weights
/// Ranges   beta > 0.  No contrasts, no margins: they are no functions of the gap
/// Source   arXiv 2408.06266 eq. 7 and 8; TRL's of the same names.  Deviations: none.  TRL's
///          apo_zero_unpaired is samara.kto with kl "none"
struct Zero {
    static constexpr const char* name = "apo_zero";
    static constexpr PairFunction loss = apo_zero;
};
struct Down {
    static constexpr const char* name = "apo_down";
    static constexpr PairFunction loss = apo_down;
};

}  // namespace

const samara_plugin kApoZero = objective<PairLoss<Zero>>(
    {.id = "samara.apo_zero",
     .doc = "APO-zero: the chosen score up, the rejected down; for chosen responses better than "
            "the model's own",
     .formula = "1 - sigmoid(c) + sigmoid(r), c = beta*score_i, r = beta*score_j; rel.flip p: "
                "(1-p)*L(c,r) + p*L(r,c)",
     .source = "arXiv 2408.06266 eq. 7"});
const samara_plugin kApoDown = objective<PairLoss<Down>>(
    {.id = "samara.apo_down",
     .doc = "APO-down: both scores down, the rejected more; for chosen responses worse than the "
            "model's own",
     .formula = "sigmoid(c) + 1 - sigmoid(c - r), c = beta*score_i, r = beta*score_j; rel.flip p: "
                "(1-p)*L(c,r) + p*L(r,c)",
     .source = "arXiv 2408.06266 eq. 8"});

}  // namespace samara::preference
