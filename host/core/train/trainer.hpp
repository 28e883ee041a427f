// The training loop: steps with exact accumulation, evaluation, checkpoints, resume.  It knows
// groups, a model, an optimizer and objectives; not where they come from (pipeline.cpp,
// source.hpp).
#pragma once
#include "core/train/best.hpp"
#include "core/train/checkpoint.hpp"
#include "core/train/objectives.hpp"
#include "core/train/optimize.hpp"
#include "core/train/pipeline.hpp"
#include "core/train/run_folder.hpp"
#include "core/train/source.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace samara::host {

/// What is trained: the parameters are those of the model and, with one, the critic.
struct Trained {
    LanguageModel& model;
    LanguageModel* critic = nullptr;  ///< pipeline ppo with values, or null
    std::vector<Parameter>& parameters;
    Optimizer& optimizer;
};

/// Tokens as a trainer without sharing would count them: prompt and response of every candidate.
int64_t real_tokens(const Group& group);

class Trainer {
public:
    /// `reference`: the cache key of the reference's values, or empty; a run resumes against no
    /// other.
    Trainer(const Plan& plan,
            const RunOptions& options,
            RunFolder& folder,
            const Trained& trained,
            Objectives& objectives,
            StepSource& source,
            const std::vector<EvalSet>& evals,
            std::vector<std::string> tags,
            std::string reference);

    /// Continues from the newest sound checkpoint, if there is one.  Call once, before run().
    void resume();
    /// Evaluates, trains, puts the best weights back if the run keeps them, and evaluates what
    /// these weights were not evaluated on.  Returns their step; nothing: cancelled, and the state
    /// is saved.  Out of memory is Error(Code::memory) that names the micro-batch.
    std::optional<int64_t> run();
    [[nodiscard]] const Best& best() const { return best_; }

    [[nodiscard]] int64_t step() const { return step_; }
    [[nodiscard]] int64_t total_steps() const { return total_; }

private:
    [[nodiscard]] RunInfo info(bool evaluating) const;
    [[nodiscard]] std::vector<NamedTensor> weights() const;
    [[nodiscard]] Scored score(const std::vector<const Group*>& groups);
    [[nodiscard]] std::optional<Scored> gather(
        const std::vector<std::vector<const Group*>>& batches);
    bool loop();  ///< false: cancelled
    std::optional<int64_t> settle();
    [[nodiscard]] bool due(const EvalSet& set) const;  ///< at this step, while the run goes on
    bool train_step();  ///< false: cancelled before the update; nothing has changed
    [[nodiscard]] std::string why_stop() const;
    bool evaluate_due();  ///< false: cancelled
    bool evaluate(const EvalSet& set);
    void save();
    void report(const std::string& phase, int64_t done, int64_t todo, double loss);
    [[nodiscard]] bool cancelled() const { return options_.cancelled && options_.cancelled(); }

    const Plan& plan_;
    const RunOptions& options_;
    RunFolder& folder_;
    LanguageModel& model_;
    LanguageModel* critic_;
    std::vector<Parameter>& parameters_;
    Optimizer& optimizer_;
    Objectives& objectives_;
    StepSource& source_;
    const std::vector<EvalSet>& evals_;
    std::vector<std::string> tags_;
    std::string reference_;
    Best best_;
    double beta_ = 1.0;
    int64_t per_epoch_ = 0, total_ = 0, step_ = 0;
    /// Evaluation sets already done at this step, and after them those of settle(): part of the
    /// state.
    size_t next_eval_ = 0;
    double seconds_ = 0;      ///< of training steps in this process
    double all_seconds_ = 0;  ///< with the sampling before them
    double tokens_ = 0;       ///< real tokens of those steps
    int64_t timed_steps_ = 0;
    std::vector<const Group*> in_work_;  ///< the micro-batch of the latest forward
};

}  // namespace samara::host
