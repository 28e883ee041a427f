// The run's objectives together: which columns they need, what their unreduced losses are divided
// by, and their sum.
//
//   loss = sum_objectives weight_o * sum_losses coefficient * sum_tags w_tag * (sum weight * loss)
//   / normaliser
//
// Normalisers belong to the whole optimizer step and are known before its first forward
// (docs/design.md, section 4), so the split into micro-batches never changes the result.
#pragma once
#include "core/config/plan.hpp"
#include "core/train/columns.hpp"
#include "core/train/step_stats.hpp"
#include "runtime/objective.hpp"
#include "runtime/registry.hpp"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace samara::host {

class Objectives {
public:
    /// Refuses before any work, naming the column and the pipelines that have it: columns the
    /// pipeline cannot offer, and orders of relations the objective does not understand.
    Objectives(const Plan& plan,
               const Registry& registry,
               const std::vector<std::string>& tags,
               const HostHooks& hooks);

    /// Some loss depends on the whole step at once (a sort, a batch mean): loss() must then be
    /// called once, with all groups of the step (docs/design.md, section 3, rule 6).
    [[nodiscard]] bool coupled() const { return coupled_; }
    /// What the model must compute for the columns that some objective reads; `score` or `logp` are
    /// the pipeline's.
    [[nodiscard]] Wanted wanted(const std::string& pipeline) const;
    /// Some objective learns from rollouts, or from preference groups.
    [[nodiscard]] bool sees(Side side) const;
    /// Some objective reads the column, or its gap.
    [[nodiscard]] bool reads(const std::string& column) const;
    /// Tags whose weight is 0 in every objective: removed from training groups.
    [[nodiscard]] std::vector<std::string> dead_tags() const;
    /// Refuses contrasts, margins and flips that an objective which sees them does not understand,
    /// naming the tag.
    void check_groups(const std::vector<Group>& groups) const;

    /// Item weights and normalisers of one optimizer step (or one evaluation set).
    struct StepPlan {
        struct Loss {
            std::vector<double> scale;   ///< per item of the step: everything but the loss itself
            std::vector<double> report;  ///< the same without tag weight and union: for loss/TAG
            std::vector<int64_t> tag;    ///< per item
        };
        std::vector<std::vector<Loss>> losses;   ///< [objective][loss]
        std::vector<std::vector<int64_t>> used;  ///< items consumed so far by earlier micro-batches
    };
    [[nodiscard]] StepPlan plan_step(std::span<const Group* const> groups,
                                     at::ScalarType dtype,
                                     const RunInfo& info);

    /// The micro-batch's share of the loss, with graph when grad mode is on.  `groups` must follow
    /// each other in the order that plan_step saw.  Adds to `stats`.
    at::Tensor loss(std::span<const Group* const> groups,
                    const Scored& scored,
                    StepPlan& plan,
                    const RunInfo& info,
                    StepStats& stats);

    /// State of the plugins that have some, as text; for checkpoints.
    [[nodiscard]] std::string save() const;
    void load(const std::string& text);

private:
    struct Part {
        std::unique_ptr<ObjectiveInstance> instance;
        double weight = 1;
        std::string id, where;
        Side side = Side::preferences;
        std::vector<bool> visible;        ///< per tag of the run; empty: all
        std::vector<bool> available;      ///< per column of the plugin
        std::vector<double> tag_weights;  ///< per tag of the run
    };
    [[nodiscard]] double tag_weight(const Part& part, int64_t tag) const;
    void plan_part(const Part& part,
                   const Columns& columns,
                   const RunInfo& info,
                   std::vector<StepPlan::Loss>& out) const;
    std::vector<Part> parts_;
    std::vector<std::string> tags_;
    bool union_ = false, coupled_ = false;
    bool rollouts_ = false;  ///< pipeline ppo: a batch may hold nothing that some objective sees
};

}  // namespace samara::host
