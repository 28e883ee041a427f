// Runs to arms; see arms.hpp.
#include "core/report/arms.hpp"

#include "core/config/config.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace fs = std::filesystem;

namespace samara::host {
namespace {

// Of a run outside an ablation: its folder's, or the folder above "seed-1".
std::string arm_name(const RunRecord& run) {
    if (!run.arm.empty()) {
        return run.arm;
    }
    const fs::path path(run.folder);
    const std::string last = path.filename().string();
    return last.starts_with("seed-") ? path.parent_path().filename().string() : last;
}

std::string shortened(const std::string& hash) {
    return hash.size() > 12 ? hash.substr(0, 12) : hash;
}

// "plugin samara.mapl: 0123 and 4567" for every key of both maps whose values differ.
void add_different(const std::map<std::string, std::string>& a,
                   const std::map<std::string, std::string>& b,
                   const std::string& what,
                   std::vector<std::string>& out) {
    for (const auto& [key, value] : a) {
        const auto other = b.find(key);
        if (other != b.end() && other->second != value) {
            out.push_back(what + key + " is " + shortened(value) + " and " +
                          shortened(other->second));
        }
    }
}

// Versions that change numbers; the processor, threads and route change rounding only.
std::map<std::string, std::string> versions(const RunRecord& run) {
    std::map<std::string, std::string> out;
    for (const char* key : {"samara", "libtorch"}) {
        if (const auto found = run.facts.find(key); found != run.facts.end()) {
            out[key] = found->second;
        }
    }
    return out;
}

// What keeps two runs from being seeds of one arm.
std::vector<std::string> why_not_pooled(const RunRecord& a, const RunRecord& b) {
    std::vector<std::string> out;
    for (const SettingChange& change : differences(a.config, b.config)) {
        out.push_back(change.key + " is " + (change.was.empty() ? "not set" : change.was) +
                      " and " + (change.is.empty() ? "not set" : change.is));
    }
    add_different(a.plugins, b.plugins, "the file of plugin ", out);
    add_different(versions(a), versions(b), "version of ", out);
    add_different(a.data, b.data, "data of ", out);
    return out;
}

void say_rounding(const std::vector<ArmRuns>& arms, std::vector<std::string>& notes) {
    const RunRecord& first = *arms.front().runs.front();
    for (const char* key : {"cpu", "threads", "fp32_route"}) {
        for (const ArmRuns& arm : arms) {
            const auto differs = [&](const RunRecord* run) {
                const auto a = first.facts.find(key), b = run->facts.find(key);
                return a != first.facts.end() && b != run->facts.end() && a->second != b->second;
            };
            if (std::any_of(arm.runs.begin(), arm.runs.end(), differs)) {
                notes.push_back(std::string("the runs differ in ") + key +
                                ": numbers differ by rounding beside what the arms change");
                break;
            }
        }
    }
}

}  // namespace

std::vector<ArmRuns> group_arms(const std::vector<RunRecord>& runs,
                                std::vector<std::string>& notes) {
    std::vector<ArmRuns> arms;
    std::set<std::string> names;
    for (const RunRecord& run : runs) {
        if (!run.finished) {
            notes.push_back(run.folder +
                            (run.config.empty() ? " has not begun" : " is not finished") +
                            "; left out");
            continue;
        }
        const std::string name = arm_name(run);
        const auto same = std::find_if(arms.begin(), arms.end(), [&](const ArmRuns& arm) {
            const RunRecord& first = *arm.runs.front();
            return first.arm == run.arm && why_not_pooled(first, run).empty();
        });
        if (same == arms.end()) {
            std::string own = name;
            for (int n = 2; !names.insert(own).second; ++n) {
                own = name + " (" + std::to_string(n) + ")";
            }
            for (const ArmRuns& arm : arms) {
                if (own != name && arm.name == name) {
                    const auto reasons = why_not_pooled(*arm.runs.front(), run);
                    notes.push_back(
                        "'" + own + "' is not pooled with '" + name + "': " +
                        (reasons.empty() ? "they stem from two ablations" : reasons.front()));
                }
            }
            arms.push_back({own, {&run}});
        } else if (std::any_of(same->runs.begin(), same->runs.end(), [&](const RunRecord* other) {
                       return other->seed == run.seed;
                   })) {
            notes.push_back(run.folder + " repeats seed " + std::to_string(run.seed) + " of '" +
                            same->name + "'; left out");
        } else {
            same->runs.push_back(&run);
        }
    }
    if (arms.empty()) {
        throw Error(Code::config,
                    "none of these runs is finished",
                    runs.empty() ? "" : runs.front().folder,
                    "continue them first: samara run --resume, or samara ablate");
    }
    for (ArmRuns& arm : arms) {
        std::stable_sort(arm.runs.begin(),
                         arm.runs.end(),
                         [](const RunRecord* a, const RunRecord* b) { return a->seed < b->seed; });
    }
    say_rounding(arms, notes);
    return arms;
}

bool control_first(const std::vector<RunRecord>& runs,
                   std::vector<ArmRuns>& arms,
                   std::vector<std::string>& notes) {
    const RunRecord& first = runs.front();
    // A first run that is not finished is told by its settings; they exist once it has begun.
    const auto control = std::find_if(arms.begin(), arms.end(), [&](const ArmRuns& arm) {
        const RunRecord& run = *arm.runs.front();
        return run.arm == first.arm && (first.config.empty() ? arm_name(run) == arm_name(first)
                                                             : why_not_pooled(first, run).empty());
    });
    if (control == arms.end()) {
        notes.push_back("the control '" + arm_name(first) +
                        "' has no finished run: nothing is compared");
        return false;
    }
    std::rotate(arms.begin(), control, control + 1);
    return true;
}

std::vector<std::string> why_not_compared(const ArmRuns& a, const ArmRuns& b) {
    const RunRecord &x = *a.runs.front(), &y = *b.runs.front();
    std::vector<std::string> out;
    const auto changes = differences(x.config, y.config);
    // Arms that load other files compare these: that is what they change.
    if (std::none_of(changes.begin(), changes.end(), [](const SettingChange& change) {
            return change.key.starts_with("plugins.");
        })) {
        add_different(x.plugins, y.plugins, "the file of plugin ", out);
    }
    add_different(versions(x), versions(y), "version of ", out);
    const bool by_config =
        std::any_of(changes.begin(), changes.end(), [](const SettingChange& change) {
            for (const char* head :
                 {"data.", "synthesizer.", "instructions.", "model.", "plugins."}) {
                if (change.key.starts_with(head)) {
                    return true;
                }
            }
            return false;
        });
    const auto train_x = x.data.find("train"), train_y = y.data.find("train");
    if (!by_config && train_x != x.data.end() && train_y != y.data.end() &&
        train_x->second != train_y->second) {
        out.push_back("the configurations name the same training data, but it was " +
                      shortened(train_x->second) + " and " + shortened(train_y->second));
    }
    return out;
}

}  // namespace samara::host
