// What an evaluation keeps of each relation, and what it says of parts of a tag: accuracy where the
// right response is the longer one and where it is the shorter one, accuracy by the values of
// metadata, and how far scores follow length.  Filled and written by the trainer.
#pragma once
#include "core/report/metrics.hpp"
#include "core/train/source.hpp"

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace samara::host {

/// The parts of its tag that a relation belongs to: "longer" or "shorter", as its right response
/// has more or fewer tokens than the wrong one (none in a contrast, at equal lengths, or where the
/// relation says "equal"); then "FIELD=VALUE" for each field of `by`, "FIELD=(none)" without it.
std::vector<std::string> parts_of(const Group& group,
                                  const Relation& relation,
                                  const std::vector<std::string>& by);

/// Throws Error(Code::config) for a field of `by` that no group has, or that has more than 50
/// values; names those that there are.
void check_fields(const EvalSet& set, const std::string& where);

/// Pearson's correlation of two lists of equal length; NaN below two values, or when one is
/// constant.
double correlation(const std::vector<double>& x, const std::vector<double>& y);

class Answers {
public:
    explicit Answers(std::vector<std::string> by) : by_(std::move(by)) {}
    /// `scores`: of all candidates of the groups, in order; `gaps`: of all their relations.
    void add(std::span<const Group* const> groups, const double* scores, const double* gaps);
    /// One JSON line per relation: record, tag, gap, and unless trivial flip and parts.
    [[nodiscard]] const std::string& lines() const { return lines_; }
    /// accuracy/TAG/PART, a tie being half right; length_correlation/TAG: of score and response
    /// tokens, over the candidates that the tag's preferences compare, each once.
    void add_fields(Row& row) const;

private:
    using TagPart = std::pair<std::string, std::string>;
    std::vector<std::string> by_;
    std::string lines_;
    std::map<TagPart, std::pair<double, double>> parts_;  ///< right, relations
    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>>
        lengths_;  ///< tag -> tokens, scores
};

}  // namespace samara::host
