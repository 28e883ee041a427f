// Where a step's groups come from: the data, or rollouts of the policy (rollouts.hpp).  All that
// differs between the pipelines' loops.
#pragma once
#include "core/config/plan.hpp"
#include "core/report/metrics.hpp"
#include "core/train/order.hpp"
#include "runtime/instances.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace samara::host {

/// One evaluation set, ready to be scored.
struct EvalSet {
    std::string name;
    int64_t every_steps = 0;
    bool on_start = true;
    std::vector<std::string> by;  ///< metadata fields whose values are reported apart
    std::vector<Group> groups;    ///< preferences
    std::vector<Group> prompts;   ///< pipeline ppo: one candidate without a response in each
};

class StepSource {
public:
    StepSource() = default;
    StepSource(const StepSource&) = delete;
    StepSource& operator=(const StepSource&) = delete;
    virtual ~StepSource() = default;
    [[nodiscard]] virtual int64_t steps_per_epoch() const = 0;
    [[nodiscard]] virtual int64_t total_steps() const = 0;
    /// The groups of step `info.step`, counted from 0; valid until the next call.  Nothing:
    /// cancelled, or there is a reason to stop.
    [[nodiscard]] virtual std::optional<std::vector<const Group*>> groups(const RunInfo& info) = 0;
    /// Adds what it knows of an evaluation set to its row.  False: cancelled.
    [[nodiscard]] virtual bool evaluate(const EvalSet& /*set*/,
                                        const RunInfo& /*info*/,
                                        Row& /*row*/) {
        return true;
    }
    /// Why the run should end now, or empty.
    [[nodiscard]] virtual std::string stop_reason() const { return {}; }
    /// What a checkpoint before `step` must hold, and its way back.
    [[nodiscard]] virtual nlohmann::json save() const { return nullptr; }
    virtual void load(const nlohmann::json& /*state*/, int64_t /*step*/) {}
};

/// Preference groups in the order of the plan.
class DataSource final : public StepSource {
public:
    DataSource(const Plan& plan, const std::vector<Group>& groups, const Kept& kept)
        : plan_(plan), groups_(groups), kept_(kept) {}
    [[nodiscard]] int64_t steps_per_epoch() const override {
        return samara::host::steps_per_epoch(plan_, groups_.size());
    }
    [[nodiscard]] int64_t total_steps() const override {
        return samara::host::total_steps(plan_, groups_.size());
    }
    [[nodiscard]] std::optional<std::vector<const Group*>> groups(const RunInfo& info) override {
        std::vector<const Group*> out;
        for (const size_t g : positions_of_step(plan_, kept_, info.step)) {
            out.push_back(&groups_[g]);
        }
        return out;
    }

private:
    const Plan& plan_;
    const std::vector<Group>& groups_;
    const Kept& kept_;
};

}  // namespace samara::host
