// Planning the runs of an ablation; see ablation.hpp.
#include "core/config/ablation.hpp"

#include "runtime/error.hpp"
#include "runtime/params.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

namespace samara::host {
namespace {

void add_once(const Error& error, std::vector<Problem>& found) {
    for (const Problem& problem : error.problems()) {
        const bool known = std::any_of(found.begin(), found.end(), [&](const Problem& other) {
            return other.where == problem.where && other.what == problem.what;
        });
        if (!known) {
            found.push_back(problem);
        }
    }
}

// Loads the plan of one run; what is wrong is added to `found`, each problem once.
std::optional<PlannedRun> plan_run(const Ablation& ablation,
                                   const Arm& arm,
                                   int64_t seed,
                                   Registry& registry,
                                   std::vector<Problem>& found) {
    PlannedRun run{arm.name, seed, {}, {}};
    std::vector<std::string> places;
    const auto add = [&](const std::string& text, const std::string& where) {
        run.set.push_back(text);
        places.push_back(where);
    };
    for (const Override& each : arm.overrides) {
        add(each.text, each.where);
        for (const char* key : {"run.seed", "run.output"}) {
            if (each.text.starts_with(std::string(key) + "=")) {
                found.push_back({Code::config,
                                 "arm '" + arm.name + "': " + key + " is set by the ablation",
                                 each.where,
                                 "`seeds` and `output` of the ablation say it for all arms"});
                return std::nullopt;
            }
        }
    }
    const std::filesystem::path folder =
        std::filesystem::path(ablation.output) / arm.name / ("seed-" + std::to_string(seed));
    add("run.output=" + to_toml(ParamValue(folder.string())), "the ablation's output");
    add("run.seed=" + std::to_string(seed), "the ablation's seeds");
    try {
        run.plan = load_plan(ablation.base, run.set, registry, places).plan;
        return run;
    } catch (const Error& error) {
        add_once(error, found);
        return std::nullopt;
    }
}

}  // namespace

std::vector<PlannedRun> plan_runs(Ablation& ablation,
                                  const std::function<std::unique_ptr<Registry>()>& open_registry) {
    std::vector<PlannedRun> runs;
    std::vector<Problem> found;
    for (const Arm& arm : ablation.arms) {
        const std::unique_ptr<Registry> registry = open_registry();
        if (ablation.output.empty()) {
            std::vector<std::string> set, places;
            for (const Override& each : arm.overrides) {
                set.push_back(each.text);
                places.push_back(each.where);
            }
            try {
                ablation.output =
                    load_plan(ablation.base, set, *registry, places).plan.output + "-ablation";
            } catch (const Error& error) {
                add_once(error, found);  // thrown below, with the problems of the other arms
            }
        }
        for (const int64_t seed : ablation.seeds) {
            if (auto run = plan_run(ablation, arm, seed, *registry, found)) {
                runs.push_back(std::move(*run));
            } else {
                break;  // the other seeds have the same problems
            }
        }
    }
    if (!found.empty()) {
        throw Error(std::move(found));
    }
    return runs;
}

}  // namespace samara::host
