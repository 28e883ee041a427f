// propose.hpp - draws instructions that hold for exactly one of two responses; solve.cpp's half
// that knows the types.
#pragma once
#include "types.hpp"

#include <samara/records.hpp>

namespace samara::ifeval {

/// One of the two responses: its text where the type needs it, and what the type measures on it.
struct Side {
    View text;
    int64_t value;
};

/// True if the type draws from the measure alone, so that Side::text may be empty.
bool needs_no_text(Kind kind);

/// Arguments under which exactly one side follows the instruction; nothing if the draw found none.
/// Exchanging the sides changes no probability.  Relations come as "at least".
std::optional<Arguments> propose(Kind kind, const Side& a, const Side& b, Random& random);

}  // namespace samara::ifeval
