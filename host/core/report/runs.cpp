// Reading run folders; see runs.hpp.
#include "core/report/runs.hpp"

#include "core/config/config.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

namespace fs = std::filesystem;

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

Json parse(const std::string& text, const std::string& file) {
    try {
        return Json::parse(text);
    } catch (const Json::exception& error) {
        throw Error(Code::corrupt, std::string("no JSON: ") + error.what(), file);
    }
}

std::string absolute_folder(const std::string& folder) {
    std::string path = fs::absolute(folder).lexically_normal().string();
    if (path.ends_with('/')) {
        path.pop_back();
    }
    return path;
}

/// The rows of a JSONL file.  A last line without an end is left out: its writer was killed.
std::vector<Json> read_rows(const std::string& file) {
    std::vector<Json> rows;
    const std::string text = read_file(file);
    for (size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
        rows.push_back(
            parse(text.substr(begin, end - begin), file + ":" + std::to_string(rows.size() + 1)));
    }
    return rows;
}

/// "held-out-step-30.jsonl" of set "held-out": 30; -1 for any other name.
int64_t step_of(const std::string& name, const std::string& set) {
    const std::string head = set + "-step-", tail = ".jsonl";
    if (!name.starts_with(head) || !name.ends_with(tail) ||
        name.size() <= head.size() + tail.size()) {
        return -1;
    }
    const std::string digits = name.substr(head.size(), name.size() - head.size() - tail.size());
    return digits.find_first_not_of("0123456789") == std::string::npos ? std::stoll(digits) : -1;
}

Evaluation read_evaluation(const std::string& file, int64_t step) {
    Evaluation evaluation{step, {}, {}, {}};
    for (const Json& row : read_rows(file)) {
        const double flip = row.value("flip", 0.0), gap = row.at("gap").get<double>();
        if (flip == 0.5) {
            continue;  // declared equal: neither answer is right
        }
        const double signed_gap = flip < 0.5 ? gap : -gap;
        auto parts = row.value("parts", std::vector<std::string>{});
        parts.emplace_back();  // the whole tag
        for (const std::string& part : parts) {
            Share& share = evaluation.slices[{row.at("tag"), part}][row.at("record")];
            share.right += signed_gap > 0 ? 1.0 : signed_gap == 0 ? 0.5 : 0.0;
            share.count += 1;
        }
    }
    return evaluation;
}

void read_evaluations(RunRecord& run) {
    for (const auto& [name, key] : run.data) {
        if (!name.starts_with("eval ")) {
            continue;
        }
        const std::string set = name.substr(5);
        std::vector<Evaluation>& list = run.evals[set];
        for (const auto& entry : fs::directory_iterator(run.folder + "/eval")) {
            if (const int64_t step = step_of(entry.path().filename().string(), set); step >= 0) {
                list.push_back(read_evaluation(entry.path().string(), step));
            }
        }
        std::sort(list.begin(), list.end(), [](const Evaluation& a, const Evaluation& b) {
            return a.step < b.step;
        });
    }
}

void read_metrics(RunRecord& run) {
    for (const Json& row : read_rows(run.folder + "/metrics.jsonl")) {
        if (!row.contains("eval")) {
            run.cost.tokens = std::max(run.cost.tokens, 0.0) + row.value("tokens", 0.0);
            run.cost.tree_tokens =
                std::max(run.cost.tree_tokens, 0.0) + row.value("tree_tokens", 0.0);
            continue;
        }
        for (Evaluation& evaluation : run.evals[row["eval"]]) {
            for (const auto& [key, value] : row.items()) {
                const size_t slash = key.find('/');
                const std::string kind = key.substr(0, slash);
                if (evaluation.step != row["step"] || slash == std::string::npos ||
                    !value.is_number()) {
                    continue;
                }
                if (kind == "loss") {
                    evaluation.loss[key.substr(slash + 1)] = value;
                } else if (kind == "length_correlation") {
                    evaluation.length_correlation[key.substr(slash + 1)] = value;
                }
            }
        }
    }
    for (const Json& row : read_rows(run.folder + "/timing.jsonl")) {
        run.cost.seconds = std::max(run.cost.seconds, 0.0) + row.value("seconds", 0.0);
        run.cost.peak_bytes = std::max(run.cost.peak_bytes, row.value("peak_bytes", -1.0));
    }
}

void read_environment(RunRecord& run) {
    const std::string file = run.folder + "/environment.json";
    const Json environment = parse(read_file(file), file);
    for (const auto& [key, value] : environment.items()) {
        if (!value.is_object()) {
            run.facts[key] = value.is_string() ? value.get<std::string>() : value.dump();
        }
    }
    for (const auto& [id, plugin] : environment.at("plugins").items()) {
        run.plugins[id] = plugin.at("sha256");
    }
    for (const auto& [name, set] : environment.at("data").items()) {
        run.data[name] = set.at("cache_key");
    }
    const Json::json_pointer counts("/data/train/summary/instructions");
    run.synthesis = environment.contains(counts) ? environment.at(counts).dump() : "";
}

std::vector<IndexedRun> read_index(const std::string& file) {
    std::vector<IndexedRun> runs;
    const Json index = parse(read_file(file), file);
    try {
        for (const Json& entry : index.at("runs")) {
            runs.push_back({entry.at("arm"), entry.at("seed"), entry.at("folder")});
        }
    } catch (const Json::exception& error) {
        throw Error(Code::corrupt, std::string("no index of an ablation: ") + error.what(), file);
    }
    return runs;
}

}  // namespace

RunRecord read_run(const std::string& folder) {
    RunRecord run;
    run.folder = absolute_folder(folder);
    if (!fs::is_regular_file(run.folder + "/config.toml")) {
        throw Error(Code::config,
                    "neither a run nor an ablation lies there",
                    folder,
                    "name folders that hold config.toml or ablation.json");
    }
    run.config = settings_of(read_file(run.folder + "/config.toml"));
    run.seed = std::stoll(run.config.at("run.seed"));
    run.finished = fs::exists(run.folder + "/done.json");
    if (run.finished) {
        try {
            const Json done =
                parse(read_file(run.folder + "/done.json"), run.folder + "/done.json");
            run.step = done.contains("best") ? done["best"].at("step") : done.at("steps");
            read_environment(run);
            read_evaluations(run);
            read_metrics(run);
        } catch (const Json::exception& error) {
            throw Error(Code::corrupt,
                        std::string("a file of this run lacks something: ") + error.what(),
                        run.folder);
        }
    }
    return run;
}

void write_index(const std::string& folder, const std::vector<IndexedRun>& runs) {
    const std::string index = folder + "/ablation.json";
    std::vector<IndexedRun> all = runs;
    if (fs::exists(index)) {
        for (const IndexedRun& old : read_index(index)) {
            const bool planned = std::any_of(runs.begin(), runs.end(), [&](const IndexedRun& run) {
                return run.folder == old.folder;
            });
            if (!planned && fs::exists(folder + "/" + old.folder + "/config.toml")) {
                all.push_back(old);
            }
        }
    }
    std::map<std::string, size_t> place;  // of an arm: where it stands first
    for (const IndexedRun& run : all) {
        place.try_emplace(run.arm, place.size());
    }
    std::stable_sort(all.begin(), all.end(), [&](const IndexedRun& a, const IndexedRun& b) {
        return place[a.arm] < place[b.arm];
    });
    Json list = Json::array();
    for (const IndexedRun& run : all) {
        list.push_back({{"arm", run.arm}, {"seed", run.seed}, {"folder", run.folder}});
    }
    atomic_write(index, Json({{"runs", list}}).dump(2) + "\n");
}

std::vector<RunRecord> read_runs(const std::vector<std::string>& folders) {
    std::vector<RunRecord> runs;
    for (const std::string& folder : folders) {
        const std::string index = folder + "/ablation.json";
        if (!fs::exists(index)) {
            runs.push_back(read_run(folder));
            continue;
        }
        for (const IndexedRun& entry : read_index(index)) {
            const std::string path = folder + "/" + entry.folder;
            if (fs::exists(path + "/config.toml")) {
                runs.push_back(read_run(path));
            } else {  // kept: which arm is the control must not depend on what has begun
                runs.emplace_back();
                runs.back().folder = absolute_folder(path);
                runs.back().seed = entry.seed;
            }
            runs.back().arm = entry.arm;
        }
    }
    return runs;
}

}  // namespace samara::host
