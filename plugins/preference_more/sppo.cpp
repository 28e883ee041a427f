// samara.sppo_hard - self-play preference optimisation with hard labels: each score has a target.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     L(s_i, s_j) = (s_i - 1/(2 beta))^2 + (s_j + 1/(2 beta))^2;
///          loss = (1-p) L(s_i, s_j) + p L(s_j, s_i),  p = rel.flip
/// Inputs   kPairColumns
/// Output   sppo_hard [R], divided by the relations' weights
/// Ranges   beta > 0 (the paper's is 0.001: a target of 500 nats).  No contrasts, no margins
/// Source   arXiv 2405.00675 with the winning probability 1 or 0 in place of a judge's estimate;
///          TRL's `sppo_hard`.  Deviations: none
struct Formula {
    static constexpr const char* name = "sppo_hard";
    static constexpr PairFunction loss = sppo_hard;
};

}  // namespace

const samara_plugin kSppoHard = objective<PairLoss<Formula>>(
    {.id = "samara.sppo_hard",
     .doc = "SPPO with hard labels: the chosen score is drawn to 1/(2 beta), the other to minus it",
     .formula = "(score_i - 1/(2*beta))^2 + (score_j + 1/(2*beta))^2; rel.flip p: (1-p)*L(i,j) + "
                "p*L(j,i)",
     .source = "arXiv 2405.00675"});

}  // namespace samara::preference
