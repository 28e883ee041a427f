// Comparison of arms; see compare.hpp.
#include "core/report/compare.hpp"

#include "core/report/arms.hpp"
#include "core/report/synthesis.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace samara::host {
namespace {

constexpr int64_t kCurveResamples = 1000;  // bands are looked at, not read off

const Evaluation* at_step(const RunRecord& run, const std::string& set, int64_t step) {
    const auto found = run.evals.find(set);
    if (found != run.evals.end()) {
        for (const Evaluation& evaluation : found->second) {
            if (evaluation.step == step) {
                return &evaluation;
            }
        }
    }
    return nullptr;
}

// Of the model that the run left.
const Evaluation* last_of(const RunRecord& run, const std::string& set) {
    return at_step(run, set, run.step);
}

const Shares* shares_of(const Evaluation* evaluation, const Slice& slice) {
    if (evaluation == nullptr) {
        return nullptr;
    }
    const auto found = evaluation->slices.find(slice);
    return found == evaluation->slices.end() ? nullptr : &found->second;
}

double number_or_nan(const std::map<std::string, double>& numbers, const std::string& tag) {
    const auto found = numbers.find(tag);
    return found == numbers.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

// One list per seed, of `arm` or of its difference from `control` (paired by record); nothing when
// the records are not the same everywhere.
std::optional<SeedSums> seed_sums(const std::vector<const Shares*>& arm,
                                  const std::vector<const Shares*>& control = {}) {
    SeedSums data;
    for (const auto& [record, share] : *arm.front()) {
        data.counts.push_back(share.count);
    }
    for (size_t s = 0; s < arm.size(); ++s) {
        std::vector<double> sums;
        size_t r = 0;
        for (const auto& [record, share] : *arm[s]) {
            const auto other =
                control.empty() ? arm.front()->find(record) : control[s]->find(record);
            const auto end = control.empty() ? arm.front()->end() : control[s]->end();
            if (r == data.counts.size() || other == end || share.count != data.counts[r] ||
                other->second.count != share.count) {
                return std::nullopt;
            }
            sums.push_back(share.right - (control.empty() ? 0.0 : other->second.right));
            ++r;
        }
        if (r != data.counts.size() ||
            (!control.empty() && control[s]->size() != data.counts.size())) {
            return std::nullopt;
        }
        data.sums.push_back(std::move(sums));
    }
    return data;
}

// The t-interval alone knows nothing of other records, the bootstrap alone too little of other
// seeds: each bound is the wider of the two.  No difference of accuracies is beyond 1.
Interval interval_of(const SeedSums& data, const std::vector<double>& values) {
    Interval interval = bootstrap(data, kResamples);
    if (values.size() >= kSeedsForWinner) {
        const Interval t = t_interval(values);
        interval.low = std::max(std::min(interval.low, t.low), -1.0);
        interval.high = std::min(std::max(interval.high, t.high), 1.0);
    }
    return interval;
}

// Records whose differences do not sum to 0 over the seeds; the sums of halves are exact.
size_t differing_records(const SeedSums& data) {
    size_t records = 0;
    for (size_t r = 0; r < data.counts.size(); ++r) {
        double sum = 0;
        for (const std::vector<double>& sums : data.sums) {
            sum += sums[r];
        }
        records += sum != 0 ? 1 : 0;
    }
    return records;
}

Verdict judge(const Difference& difference, size_t records) {
    if (difference.seeds < kSeedsForWinner) {
        return Verdict::few_seeds;
    }
    if (records < kRecordsForWinner) {
        return Verdict::few_records;
    }
    return difference.interval.low > 0    ? Verdict::better
           : difference.interval.high < 0 ? Verdict::worse
                                          : Verdict::open;
}

class Comparison {
public:
    explicit Comparison(const std::vector<RunRecord>& runs) : arms_(group_arms(runs, out_.notes)) {
        out_.control = control_first(runs, arms_, out_.notes);
    }

    Report build() {
        for (const ArmRuns& arm : arms_) {
            out_.arms.push_back(summarise(arm));
        }
        for (size_t a = 1; out_.control && a < arms_.size(); ++a) {
            reasons_.push_back(why_not_compared(arms_.front(), arms_[a]));
            for (const std::string& reason : reasons_.back()) {
                out_.notes.push_back("'" + arms_[a].name + "' is not compared with '" +
                                     arms_.front().name + "': " + reason);
            }
        }
        const auto pairs = sets_and_slices();
        if (pairs.empty()) {
            out_.notes.emplace_back(
                "no evaluation set of these runs compares responses: metrics.jsonl has their "
                "other numbers");
        }
        for (const auto& [set, slice] : pairs) {
            for (size_t a = 0; a < arms_.size(); ++a) {
                add_cell(set, slice, a);
            }
        }
        return std::move(out_);
    }

private:
    [[nodiscard]] ArmSummary summarise(const ArmRuns& arm) const {
        ArmSummary summary{arm.name, {}, {}, {}, {}};
        const auto n = static_cast<double>(arm.runs.size());
        const auto add = [n](double& to, double value) {
            to = value < 0 || std::isnan(to) ? std::numeric_limits<double>::quiet_NaN()
                                             : to + value / n;
        };
        summary.cost.seconds = summary.cost.tokens = summary.cost.tree_tokens = 0;
        for (const RunRecord* run : arm.runs) {
            summary.seeds.push_back(run->seed);
            add(summary.cost.seconds, run->cost.seconds);
            add(summary.cost.tokens, run->cost.tokens);
            add(summary.cost.tree_tokens, run->cost.tree_tokens);
            summary.cost.peak_bytes = std::max(summary.cost.peak_bytes, run->cost.peak_bytes);
        }
        const std::string& counts = arm.runs.front()->synthesis;
        summary.synthesis = counts.empty() ? "" : synthesis_text(counts);
        if (out_.control) {
            summary.changes =
                differences(arms_.front().runs.front()->config, arm.runs.front()->config);
        }
        return summary;
    }

    // As the control has them, then what only others have.
    [[nodiscard]] std::vector<std::pair<std::string, Slice>> sets_and_slices() const {
        std::vector<std::pair<std::string, Slice>> out;
        for (const ArmRuns& arm : arms_) {
            for (const RunRecord* run : arm.runs) {
                for (const auto& [set, evaluations] : run->evals) {
                    for (const auto& [slice, shares] : evaluations.empty()
                                                           ? std::map<Slice, Shares>{}
                                                           : evaluations.back().slices) {
                        const std::pair<std::string, Slice> pair(set, slice);
                        if (std::find(out.begin(), out.end(), pair) == out.end()) {
                            out.push_back(pair);
                        }
                    }
                }
            }
        }
        return out;
    }

    void add_cell(const std::string& set, const Slice& slice, size_t a) {
        const ArmRuns& arm = arms_[a];
        std::vector<const Shares*> shares;
        Cell cell{set, slice, a, {}, 0, 0, 0, 0, 0, 0, 0, std::nullopt};
        std::vector<double> losses, correlations;
        for (const RunRecord* run : arm.runs) {
            const Evaluation* last = last_of(*run, set);
            if (const Shares* found = shares_of(last, slice)) {
                shares.push_back(found);
                losses.push_back(number_or_nan(last->loss, slice.tag));
                correlations.push_back(number_or_nan(last->length_correlation, slice.tag));
            }
        }
        if (shares.size() != arm.runs.size()) {
            say_not_evaluated(arm, set);
            return;  // else the arm has no such set or slice
        }
        const auto data = seed_sums(shares);
        if (!data) {
            out_.notes.push_back("'" + arm.name + "', " + set + ", " + slice.tag +
                                 (slice.part.empty() ? "" : ", " + slice.part) +
                                 ": the seeds saw different records; left out");
            return;
        }
        const bool whole = slice.part.empty();
        cell.per_seed = per_seed(*data);
        cell.mean = mean(cell.per_seed);
        cell.sd = standard_deviation(cell.per_seed);
        cell.loss = whole ? mean(losses) : std::numeric_limits<double>::quiet_NaN();
        cell.length_correlation =
            whole ? mean(correlations) : std::numeric_limits<double>::quiet_NaN();
        cell.records = static_cast<int64_t>(data->counts.size());
        for (const double count : data->counts) {
            cell.relations += static_cast<int64_t>(count);
        }
        Curve curve = curve_of(set, slice, a);
        const bool started = !curve.points.empty() && curve.points.front().step == 0;
        cell.before =
            started ? curve.points.front().mean : std::numeric_limits<double>::quiet_NaN();
        if (a > 0 && out_.control) {
            cell.difference = difference_of(set, slice, a);
        }
        out_.cells.push_back(std::move(cell));
        if (whole) {
            out_.curves.push_back(std::move(curve));
        }
    }

    // Of an arm that has evaluations of the set, but not of every model that its runs left.
    void say_not_evaluated(const ArmRuns& arm, const std::string& set) {
        const auto has = [&](const RunRecord* run) {
            const auto found = run->evals.find(set);
            return found != run->evals.end() && !found->second.empty();
        };
        const auto lacks =
            std::find_if(arm.runs.begin(), arm.runs.end(), [&](const RunRecord* run) {
                return last_of(*run, set) == nullptr;
            });
        if (lacks != arm.runs.end() && std::any_of(arm.runs.begin(), arm.runs.end(), has)) {
            say_once("'" + arm.name + "', " + set +
                     ": not evaluated at the step of the model that the run left (step " +
                     std::to_string((*lacks)->step) + "); left out");
        }
    }

    void say_once(const std::string& note) {
        if (said_.insert(note).second) {
            out_.notes.push_back(note);
        }
    }

    // Steps at which every seed of the arm was evaluated on the same records.
    [[nodiscard]] Curve curve_of(const std::string& set, const Slice& slice, size_t a) const {
        Curve curve{set, slice.tag, a, {}};
        for (const Evaluation& evaluation : arms_[a].runs.front()->evals.at(set)) {
            std::vector<const Shares*> shares;
            for (const RunRecord* run : arms_[a].runs) {
                if (const Shares* s = shares_of(at_step(*run, set, evaluation.step), slice)) {
                    shares.push_back(s);
                }
            }
            const auto data =
                shares.size() == arms_[a].runs.size() ? seed_sums(shares) : std::nullopt;
            if (data) {
                curve.points.push_back(
                    {evaluation.step, mean(per_seed(*data)), bootstrap(*data, kCurveResamples)});
            }
        }
        return curve;
    }

    std::optional<Difference> difference_of(const std::string& set, const Slice& slice, size_t a) {
        if (!reasons_[a - 1].empty()) {
            return std::nullopt;
        }
        std::vector<const Shares*> own, control;
        for (const RunRecord* run : arms_[a].runs) {
            for (const RunRecord* other : arms_.front().runs) {
                const Shares* mine = shares_of(last_of(*run, set), slice);
                const Shares* theirs = shares_of(last_of(*other, set), slice);
                const bool same_data = mine != nullptr && theirs != nullptr &&
                                       run->data.at("eval " + set) == other->data.at("eval " + set);
                if (run->seed == other->seed && same_data) {
                    own.push_back(mine);
                    control.push_back(theirs);
                }
            }
        }
        const auto data = own.empty() ? std::nullopt : seed_sums(own, control);
        if (!data) {
            say_once("'" + arms_[a].name + "' is not compared with '" + arms_.front().name +
                     "' on " + set + ": no common seed with the same evaluation set");
            return std::nullopt;
        }
        Difference difference;
        difference.seeds = own.size();
        difference.per_seed = per_seed(*data);
        difference.mean = mean(difference.per_seed);
        difference.interval = interval_of(*data, difference.per_seed);
        difference.verdict = judge(difference, differing_records(*data));
        return difference;
    }

    Report out_;
    std::vector<ArmRuns> arms_;
    std::vector<std::vector<std::string>> reasons_;  ///< of every arm but the control
    std::set<std::string> said_;
};

}  // namespace

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::few_seeds:
            return "too few seeds";
        case Verdict::few_records:
            return "too few records";
        case Verdict::open:
            return "open";
        case Verdict::better:
            return "better";
        case Verdict::worse:
            return "worse";
        case Verdict::none:
            break;
    }
    return "";
}

Report compare_runs(const std::vector<RunRecord>& runs) {
    return Comparison(runs).build();
}

}  // namespace samara::host
