// samara.nca - noise contrastive alignment on pairs: the chosen response's own likelihood counts,
// not only its lead.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     c = beta score_i, r = beta score_j;
///          L(c, r) = -log sigmoid(c) - 0.5 log sigmoid(-c) - 0.5 log sigmoid(-r);
///          loss = (1-p) L(c, r) + p L(r, c),  p = rel.flip
/// Inputs   kPairColumns
/// Output   nca [R], divided by the relations' weights
/// Ranges   beta > 0.  No contrasts, no margins: it is no function of the gap
/// Source   arXiv 2402.05369, two responses; TRL's `nca_pair`.  Deviations: none
struct Formula {
    static constexpr const char* name = "nca";
    static constexpr PairFunction loss = nca;
};

}  // namespace

const samara_plugin kNca = objective<PairLoss<Formula>>(
    {.id = "samara.nca",
     .doc = "NCA on pairs: raises the chosen score itself, with both as the noise",
     .formula = "-log sigmoid(c) - 0.5*log sigmoid(-c) - 0.5*log sigmoid(-r), c = beta*score_i, "
                "r = beta*score_j; rel.flip p: (1-p)*L(c,r) + p*L(r,c)",
     .source = "arXiv 2402.05369"});

}  // namespace samara::preference
