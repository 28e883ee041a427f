// The ppo pipeline's groups: responses sampled from the policy, judged, compared with the reference
// and turned into advantages, then learned from for some steps; beside them preference groups, when
// an objective learns from those.  One batch of rollouts serves epochs * minibatches steps.
#pragma once
#include "core/train/models.hpp"
#include "core/train/pipeline.hpp"
#include "core/train/rewards.hpp"
#include "core/train/rollout_report.hpp"
#include "core/train/run_folder.hpp"
#include "core/train/source.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// What rollouts are made from; everything outlives the source.
struct RolloutParts {
    const Plan& plan;
    const RunOptions& options;
    RunFolder& folder;
    const Models& models;
    const Encoder& encoder;
    const Rewards& rewards;
    const std::vector<Group>& prompts;      ///< one candidate without a response in each
    const std::vector<Group>& preferences;  ///< empty: no objective learns from them
    const Kept& kept;                       ///< of the preferences
};

class RolloutSource final : public StepSource {
public:
    explicit RolloutSource(const RolloutParts& parts);
    [[nodiscard]] int64_t steps_per_epoch() const override;
    [[nodiscard]] int64_t total_steps() const override;
    /// Samples a batch when the step begins one.  Throws Error: non_finite naming the record.
    [[nodiscard]] std::optional<std::vector<const Group*>> groups(const RunInfo& info) override;
    /// Greedy responses to the set's prompts: reward and its terms, length.
    [[nodiscard]] bool evaluate(const EvalSet& set, const RunInfo& info, Row& row) override;
    [[nodiscard]] std::string stop_reason() const override { return stop_reason_; }
    [[nodiscard]] nlohmann::json save() const override;
    void load(const nlohmann::json& state, int64_t step) override;

private:
    [[nodiscard]] int64_t steps_per_batch() const;
    [[nodiscard]] std::vector<Group> skeleton(int64_t batch) const;
    /// Fills response, response_ids; false: cancelled.  `finished[n]`: by a stop token.
    bool respond(std::vector<Group>& groups, bool greedy, std::vector<bool>& finished) const;
    bool sample(int64_t batch, const RunInfo& info);
    void measure(std::vector<Group>& groups,
                 std::vector<std::vector<double>>& old_logp,
                 std::vector<std::vector<double>>& values) const;
    void advantages(RolloutBatch& judged) const;
    /// Files and metrics of the batch; then kl_stop and kl_target for what comes.
    void report(const RolloutBatch& rolled, int64_t batch, const RunInfo& info);
    [[nodiscard]] std::string file_of(int64_t batch) const;
    void progress(const std::string& phase, int64_t done, int64_t todo) const;

    const RolloutParts parts_;
    std::vector<Group> batch_;
    int64_t current_ = -1;  ///< number of the batch in batch_
    double kl_coef_;        ///< of the next batch: it may adapt
    std::string stop_reason_;
};

}  // namespace samara::host
