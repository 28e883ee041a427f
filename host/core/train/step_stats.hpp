// What a step or an evaluation adds up to, and the metrics it becomes.  Filled by the objectives,
// written by the trainer.
#pragma once
#include "core/report/metrics.hpp"
#include "core/train/columns.hpp"
#include "runtime/objective.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace samara::host {

/// Per tag, over the relations of a step or an evaluation set.
struct TagStats {
    double loss = 0;      ///< sum of objectives, without tag weights
    int64_t items = 0;    ///< of any loss
    int64_t count = 0;    ///< relations
    int64_t decided = 0;  ///< relations whose flip is not 0.5: only these have a right answer
    double correct = 0;   ///< of those, gap.score > 0; a tie is half right
    double gap = 0;       ///< sum of gap.score
};

/// The original pairs (preferences of tag base), sums over relations.
struct PairStats {
    int64_t pairs = 0, correct = 0;
    double chosen = 0, rejected = 0;            ///< scores
    double logp_chosen = 0, logp_rejected = 0;  ///< nats; 0 for a reward model
    double lowest = 0, highest = 0;             ///< score of either side
};

/// What a step or an evaluation adds up to.
struct StepStats {
    double loss = 0;
    PairStats base;
    std::map<std::string, TagStats> tags;
    std::map<std::string, std::pair<double, double>>
        metrics;  ///< plugin metric -> (weighted sum, sum of weights)
};

/// Whether a relation is answered as stated: 1, 0, or 1/2 for a tie, because an untrained policy
/// equals its reference and all its gaps are 0.  Nothing where the relation says "equal".
std::optional<double> rightness(double gap, double flip);

/// Accuracy and mean gap of every tag, and the original pairs: from the scores alone, so they exist
/// for every objective.
void add_scores(const Columns& columns, const std::vector<std::string>& tags, StepStats& stats);

/// What an objective reported beside its losses: means over items, whatever the split.
void add_metrics(const std::vector<Metric>& metrics,
                 const Columns& columns,
                 const std::vector<std::string>& tags,
                 StepStats& stats);

/// loss/TAG, accuracy/TAG, gap/TAG; TRL's names for the original pairs (docs/design.md, section 4):
/// a reward model's scores, or a policy's implicit rewards `beta` * (logp - ref_logp); the
/// objectives' own metrics.
void add_fields(Row& row,
                const StepStats& stats,
                const std::vector<std::string>& tags,
                bool reward_model,
                double beta);

}  // namespace samara::host
