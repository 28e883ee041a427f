// A run from a plan to a trained model: the whole flow, top to bottom, in pipeline.cpp.
#pragma once
#include "core/config/plan.hpp"
#include "core/report/tables.hpp"
#include "core/train/objectives.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace samara::host {

struct RunOptions {
    bool resume = false;
    std::string cache_folder;  ///< its groups/ and reference/ hold the caches
    std::map<std::string, std::string>
        environment;  ///< facts only the caller knows (build, CPU, fp32 route)
    std::function<void(const ProgressState&)> progress;
    std::function<bool()> cancelled;  ///< polled in every loop; true: save and stop
};

struct RunResult {
    std::string model_folder;
    int64_t steps = 0;
    bool preempted = false;  ///< stopped by the caller; resumable
    std::vector<ChangeRow>
        changes;  ///< per evaluation set and tag; intervals are 95 %, paired by record
    std::vector<std::string> notes;  ///< "groups: reused", "score head: new, seed 7", ...
};

/// What run_pipeline refuses before it reads data: tags that no synthesizer emits, columns that the
/// pipeline lacks, plugins that refuse their parameters.  Throws Error with the same problems.
void check_plan(const Plan& plan, const Registry& registry);

/// Runs the plan's pipeline.  Everything on disk lies under plan.output and options.cache_folder.
/// Throws Error; what was published before stays whole.
RunResult run_pipeline(const Plan& plan, Registry& registry, const RunOptions& options);

}  // namespace samara::host
