// wordings.hpp - how an instruction is said: several sentences per type and polarity, written for
// this project, in a training and a held-out half.
#pragma once
#include "types.hpp"

namespace samara::ifeval {

/// One sentence that states the instruction with its arguments, chosen by seed among those of
/// `set`.  Fails the call for a polarity that the type has no words for.
std::string phrase(const Instruction& instruction, bool negated, Wordings set, uint64_t seed);

/// The templates of a type: what to do, and the opposite (empty when it cannot be asked for).  Even
/// places are for training, odd ones held out.
struct WordingList {
    std::span<const char* const> plain;
    std::span<const char* const> opposite;
};
WordingList wordings_of(Kind kind);
WordingList wordings_of_more(Kind kind);  ///< of the types beyond IFEval; empty for the others

}  // namespace samara::ifeval
