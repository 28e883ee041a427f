// The library samara_preference: preference losses on explicit rewards (pipeline reward) and on
// log-probabilities (dpo).  One file per family; what they share is in family.hpp.
#include "family.hpp"

using namespace samara::preference;

SAMARA_PLUGINS(&kBradleyTerry,
               &kIpo,
               &kHinge,
               &kRobust,
               &kSigmoidNorm,
               &kSimpo,
               &kCpo,
               &kOrpo,
               &kKto,
               &kSft)
