// Which runs are one arm, and which arms may be compared: equal but for the seed, or equal but for
// what the configurations say.  Not an interface of the room; compare.cpp uses it.
#pragma once
#include "core/report/runs.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// Runs that differ in their seed alone, by ascending seed; never empty.
struct ArmRuns {
    std::string name;
    std::vector<const RunRecord*> runs;
};

/// Runs of equal configuration, plugin files, library versions and data are one arm.  Runs of one
/// name that are not equal become arms of their own ("name (2)"), and a note says what differs.
/// Throws Error(Code::config) when no run is finished.
std::vector<ArmRuns> group_arms(const std::vector<RunRecord>& runs,
                                std::vector<std::string>& notes);

/// Moves the control, which is the arm of the first run given, to the front.  False, with a note,
/// where it has no finished run: no other arm takes its place.
bool control_first(const std::vector<RunRecord>& runs,
                   std::vector<ArmRuns>& arms,
                   std::vector<std::string>& notes);

/// What two arms differ in beside their configurations; empty: they may be compared.
std::vector<std::string> why_not_compared(const ArmRuns& a, const ArmRuns& b);

}  // namespace samara::host
