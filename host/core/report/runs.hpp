// What a report reads: finished runs and the index of an ablation.  Reads files of run folders
// (train/run_folder.hpp) and writes only the index.  No LibTorch, no model, no data.
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace samara::host {

/// Relations of one record that have a right answer, and how many were right (a tie is half).
struct Share {
    double right = 0, count = 0;
};
using Shares = std::map<std::string, Share>;  ///< by record id

/// A tag, or a part of it (train/answers.hpp).
struct Slice {
    std::string tag;
    std::string part;  ///< empty: the whole tag
    auto operator<=>(const Slice&) const = default;
};

/// One evaluation set at one step.
struct Evaluation {
    int64_t step = 0;
    std::map<Slice, Shares> slices;
    // By tag, as metrics.jsonl has them.
    std::map<std::string, double> loss;  ///< mean per relation, nats; of the run's objectives
    std::map<std::string, double> length_correlation;  ///< of score and response tokens
};

/// What a run took; negative: not recorded.
struct Cost {
    double seconds = -1;                   ///< of steps and evaluations, repeated ones included
    double tokens = -1, tree_tokens = -1;  ///< of training steps, without and with sharing
    double peak_bytes = -1;                ///< of the process
};

struct RunRecord {
    std::string folder;
    std::string arm;  ///< "" outside an ablation
    int64_t seed = 0;
    bool finished = false;  ///< else only folder, arm, seed and config are set
    int64_t step = 0;       ///< of the model that the run left: the last, or the best ([best])
    std::map<std::string, std::string> config;   ///< settings_of(config.toml); empty: not begun
    std::map<std::string, std::string> plugins;  ///< id -> SHA-256
    std::map<std::string, std::string> data;     ///< "train", "eval NAME" -> key of its groups
    std::map<std::string, std::string> facts;    ///< samara, libtorch, cpu, fp32_route, threads
    std::string synthesis;  ///< of the training data: SynthesisCounts; empty: not recorded
    std::map<std::string, std::vector<Evaluation>> evals;  ///< by set; steps ascend
    Cost cost;
};

/// Reads a run's folder.  Throws Error: config (no run there), corrupt (a file that is no JSON),
/// io.
RunRecord read_run(const std::string& folder);

/// One line of an ablation's index.
struct IndexedRun {
    std::string arm;
    int64_t seed = 0;
    std::string folder;  ///< relative to the index
};
/// ablation.json: the order of the arms, which their folders' names do not tell.  Runs of an
/// earlier index that are still there stay in it, behind those of their arm: other seeds, or arms
/// of another file.
void write_index(const std::string& folder, const std::vector<IndexedRun>& runs);

/// The runs of each folder: those of an ablation's index, or the one run that the folder is.
/// A run of the index that has not begun is kept, without a config.  Throws as read_run.
std::vector<RunRecord> read_runs(const std::vector<std::string>& folders);

}  // namespace samara::host
