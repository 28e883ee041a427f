// The best weights so far by one metric of an evaluation, and when to give up waiting for better
// ones ([best] of a configuration).  Kept in <run>/best/step-N, which appears whole or not at all.
#pragma once
#include "core/config/plan.hpp"
#include "core/report/metrics.hpp"
#include "core/train/checkpoint.hpp"
#include "core/train/objectives.hpp"
#include "core/train/source.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace samara::host {

class Best {
public:
    Best(const Plan& plan, std::string run_folder)
        : metric_(plan.best_metric),
          lowest_(plan.best_is_lowest),
          patience_(plan.best_patience),
          folder_(std::move(run_folder)) {}

    /// Looks for the metric in an evaluation's row; a better value (not an equal one) stores the
    /// weights.  Throws Error: config when the set is the metric's but has no such field, io.
    void observe(const std::string& set,
                 int64_t step,
                 const Row& row,
                 const std::vector<NamedTensor>& weights);
    /// `patience` evaluations in a row brought nothing better.
    [[nodiscard]] bool exhausted() const { return patience_ > 0 && since_ >= patience_; }
    /// The step whose weights are stored, if the run keeps the best.
    [[nodiscard]] std::optional<int64_t> step() const { return step_; }
    [[nodiscard]] double value() const { return value_; }
    /// Copies the stored weights back.  Errors: as load_tensors.
    void restore(std::vector<NamedTensor>& weights) const;
    /// State of a checkpoint.
    [[nodiscard]] nlohmann::json save() const;
    void load(const nlohmann::json& state);

private:
    std::string metric_;
    bool lowest_;
    int64_t patience_;
    std::string folder_;
    std::optional<int64_t> step_;
    double value_ = 0;
    int64_t since_ = 0;
};

/// Refuses a [best] metric that the evaluations of its set will not have, listing those they will:
/// the set's groups are counted with made-up scores, so no model is needed and the objectives' own
/// metrics are in the list.  Of rollouts only the names are known.  Throws Error(Code::config).
void check_best(const Plan& plan,
                Objectives& objectives,
                const std::vector<EvalSet>& evals,
                const std::vector<std::string>& tags);

}  // namespace samara::host
