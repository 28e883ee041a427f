// The independent re-check of a synthesis: every truth judged anew on the stored texts, every
// relation derived anew from these verdicts.  Trusts neither solvers nor synthesizers nor the
// cache.
#pragma once
#include "core/report/synthesis.hpp"
#include "runtime/instances.hpp"

#include <set>
#include <string>
#include <vector>

namespace samara::host {

struct Recheck {
    int64_t truths = 0, wrong_truths = 0;  ///< stored truths, and those that the checkers deny
    int64_t missing_texts = 0;             ///< instructions whose text is in no message
    int64_t relations = 0;                 ///< with added instructions, placebos left out
    int64_t contradicted = 0;              ///< of them: the verdicts do not bear it out
    int64_t placebos = 0;
    std::vector<std::string> first;  ///< at most ten findings, naming record and instruction
    [[nodiscard]] bool sound() const { return wrong_truths + missing_texts + contradicted == 0; }
};

/// Adds one group's.  `strict_tags`: tags whose relations must meet condition (a) or (b) of MAPL or
/// be neutral; the others must satisfy more (neutral: as much).
void recheck(const Group& group,
             const InstructionSet& instructions,
             const std::set<std::string>& strict_tags,
             Recheck& out);

}  // namespace samara::host
