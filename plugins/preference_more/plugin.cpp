// The library samara_preference_more: preference losses that are compared with, beside the common
// ones of samara_preference.  One file per family; what they share is in family.hpp.
#include "family.hpp"

using namespace samara::preference;

SAMARA_PLUGINS(&kExo,
               &kNca,
               &kBco,
               &kSppoHard,
               &kApoZero,
               &kApoDown,
               &kDiscopop,
               &kAot,
               &kAotUnpaired,
               &kCenter,
               &kDpo)
