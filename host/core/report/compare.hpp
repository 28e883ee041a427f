// Runs to arms, and arms to a comparison with the control, the arm of the first run given: means
// over seeds, differences paired by seed and record, learning curves, cost.  What may not be pooled
// or compared is kept apart and said in `notes`.
#pragma once
#include "core/config/config.hpp"
#include "core/report/bootstrap.hpp"
#include "core/report/runs.hpp"

#include <optional>
#include <string>
#include <vector>

namespace samara::host {

/// Fewer paired seeds than this name no winner.
constexpr size_t kSeedsForWinner = 3;
/// Fewer records in which the arms differ than this name no winner: a two-sided sign test on five,
/// all of one sign, reaches 2 / 2^5 = 6.25 %.
constexpr size_t kRecordsForWinner = 6;

/// What the interval of a difference says of an arm.
enum class Verdict { none, few_seeds, few_records, open, better, worse };
/// "", "too few seeds", "too few records", "open", "better", "worse".
const char* name_of(Verdict verdict);

struct Difference {
    size_t seeds = 0;  ///< with which both arms were run
    std::vector<double> per_seed;
    double mean = 0;
    Interval interval;  ///< 95 %; the bootstrap's, from kSeedsForWinner seeds on t's where wider
    Verdict verdict = Verdict::none;
};

/// One tag of one set, or a part of it, by the models that an arm left (its last steps, or its
/// best).  Accuracies are fractions.
struct Cell {
    std::string set;
    Slice slice;
    size_t arm = 0;  ///< index into Report::arms
    std::vector<double> per_seed;
    double mean = 0, sd = 0;  ///< sd over seeds; NaN with one
    double before = 0;        ///< mean before the first step; NaN: not evaluated then
    // Means over the seeds, of whole tags; NaN: not recorded.
    double loss = 0;                ///< of the arm's own objectives
    double length_correlation = 0;  ///< of score and response tokens
    int64_t records = 0, relations = 0;
    std::optional<Difference> difference;  ///< from the control; none where it may not be compared
};

struct CurvePoint {
    int64_t step = 0;
    double mean = 0;
    Interval interval;  ///< 95 %, over seeds and records
};
struct Curve {
    std::string set, tag;
    size_t arm = 0;
    std::vector<CurvePoint> points;
};

struct ArmSummary {
    std::string name;
    std::vector<int64_t> seeds;
    std::vector<SettingChange> changes;  ///< from the control; empty without one
    Cost cost;                           ///< mean of the seeds; the peak is their highest
    std::string synthesis;  ///< what it was trained on, as tables; empty without instructions
};

struct Report {
    std::vector<ArmSummary> arms;
    bool control = true;  ///< the first arm is it; else it has no finished run: nothing is compared
    std::vector<Cell> cells;         ///< by set, tag, part and arm
    std::vector<Curve> curves;       ///< of whole tags, in the same order
    std::vector<std::string> notes;  ///< what was left out or kept apart, and why
};

/// Pure but for its notes' wording: depends on the runs alone.  Throws Error(Code::config) when no
/// run is finished.
Report compare_runs(const std::vector<RunRecord>& runs);

}  // namespace samara::host
