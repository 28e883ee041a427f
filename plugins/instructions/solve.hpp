// solve.hpp - MAPL's functions g: from demanded truths to an instruction.  Between the checkers
// (types.hpp) and the ABI (plugin.cpp).
//
// No leak, by construction.  An instruction is drawn from an unordered *pair* of responses: it is
// one that holds for one of them and not for the other, chosen without regard to which of the two
// was asked about; the polarity (at least or less than, plain or negated) then gives the demanded
// truth.  Responses are paired both ways round (corpus.hpp), so for any instruction text the
// response asked about is the one that follows it as often as the one that does not: its truth is a
// fair coin, whatever the number, the direction, the word or the wording.  Whether a response takes
// part does not depend on the seed, so that whoever draws again does not choose.  Of a data set
// larger than what is measured this holds up to the sample's error.
#pragma once
#include "corpus.hpp"

namespace samara::ifeval {

/// Finds arguments and polarity under which every demand holds strictly; nothing if none are found
/// or the data set cannot balance the type.
///
/// One demand, or several with the same truth: drawn against a partner from the data set.  Demands
/// that differ: drawn between two of them.  A blank response has no solution.  The result depends
/// on the arguments alone, and is checked before it is returned.
std::optional<Solution> solve(Corpus& corpus,
                              const Dataset& data,
                              Kind kind,
                              std::span<const Demand> demands,
                              uint64_t seed);

/// Words that an instruction may ask for: 4 to 14 letters, no function words, lower case, each
/// once, in the order of the text.
std::vector<Text> content_words(View text);

}  // namespace samara::ifeval
