// The library samara_policy: losses per token of rollouts (pipeline ppo).  One file per objective;
// what they share is in family.hpp.
#include "family.hpp"

using namespace samara::policy;

SAMARA_PLUGINS(&kPpoClip, &kValueClip, &kGrpo, &kReinforce)
