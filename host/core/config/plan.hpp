// The typed plan of a run: what a configuration file means after every check (keys: docs/design.md,
// section 6). Plain data; component classes never see it.
#pragma once
#include "runtime/params.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace samara::host {

/// A plugin named in the file, its parameters bound to what it declares.
struct PluginUse {
    std::string id;
    BoundParams params;
    std::string where;  ///< file:line:column
};

struct ObjectiveUse : PluginUse {
    double weight = 1.0;
    std::map<std::string, double> tags;  ///< tag -> weight; empty: every tag, weight 1
    std::string tags_where;              ///< file:line:column
};

struct DataSpec {
    std::vector<std::string> files;              ///< absolute
    std::map<std::string, std::string> columns;  ///< our field -> the file's field
    std::string format = "auto";                 ///< auto | hh
    std::string on_bad_row = "error";            ///< error | skip
    int64_t max_bad_rows = 0;                    ///< with skip: more than this is an error
    std::string chat = "auto";                   ///< auto | always | never
    int64_t max_tokens = 1024;                   ///< of prompt + response
    std::string too_long = "drop";               ///< drop | error | truncate_prompt
    std::string order = "shuffle";               ///< shuffle | file
    std::string prompt = "as_is";                ///< as_is | empty | shuffled
    std::string response = "as_is";              ///< as_is | empty | shuffled
    int64_t max_records = 0;                     ///< 0: all; the first N rows
    uint64_t seed = 0;                           ///< of what synthesizers draw
};

struct EvalSpec {
    std::string name;
    DataSpec data;                ///< inherits the run's [data] but for path and prompt control
    int64_t every_steps = 0;      ///< 0: before the first step and at the run's end only
    bool on_start = true;         ///< false: not before the first step
    std::vector<std::string> by;  ///< fields of the rows, whose values are reported apart
    std::string by_where;         ///< file:line:column
    std::vector<PluginUse> synthesizers;  ///< empty: the run's
    std::vector<PluginUse> instructions;  ///< empty: the run's
};

/// One term of a rollout's reward: a model's score, what instructions say, or a plugin's.
struct RewardUse {
    PluginUse plugin;          ///< id empty: none
    std::string model;         ///< a reward model's folder, absolute or "cache:NAME"
    std::string instructions;  ///< fraction | all of the prompt's verifiable instructions followed
    double weight = 1.0;
    std::string where;  ///< file:line:column
};

/// [ppo]; see docs/config.md.
struct PpoSpec {
    int64_t prompts = 8, samples = 4, max_new_tokens = 64;
    double temperature = 1.0;
    int64_t top_k = 0;
    double top_p = 1.0;
    int64_t epochs = 1, minibatches = 1;
    std::string advantage = "group";  ///< group | group_mean | leave_one_out | gae
    double gamma = 1.0, lambda = 0.95;
    std::string whiten = "none";  ///< none | advantages
    std::string critic;           ///< gae: a folder, or empty: the policy's with a new head
    std::string kl = "k1";        ///< k1 | k3
    double kl_coef = 0.05, kl_target = 0, kl_horizon = 10000, kl_stop = 0;
    double reward_clip = 0, missing_end_penalty = 0;
    std::vector<RewardUse> rewards;
};

struct Plan {
    std::string file;  ///< absolute path of the configuration
    // [run]
    std::string pipeline = "reward";  ///< reward | dpo | ppo
    std::string output;               ///< absolute
    uint64_t seed = 0;
    std::string device = "cpu";
    // [model]
    std::string model_path;  ///< as written ("cache:NAME" or absolute)
    std::string dtype = "float32";
    std::string reference = "initial";  ///< [dpo], [ppo] initial | none | as model_path
    PpoSpec ppo;
    DataSpec data;
    std::vector<std::string> plugin_files;  ///< [plugins] load, absolute; already in the registry
    std::vector<PluginUse> instructions;
    std::vector<PluginUse> synthesizers;
    std::vector<ObjectiveUse> objectives;
    PluginUse optimizer;
    // [schedule]
    double learning_rate = 1e-5;
    std::string schedule = "cosine";  ///< constant | linear | cosine
    int64_t warmup_steps = 0;
    // [train]
    double epochs = 1.0;  ///< used unless max_steps > 0
    int64_t max_steps = 0;
    int64_t groups_per_step = 4;
    std::string mix = "by_tag";  ///< by_tag | union
    int64_t tokens_per_batch = 4096;
    double max_grad_norm = 1.0;  ///< 0: no clipping
    // [best]
    std::string best_metric;  ///< "SET/METRIC" of metrics.jsonl's evaluations; empty: the last step
    bool best_is_lowest = false;
    int64_t best_patience = 0;  ///< evaluations without a new best before the run ends; 0: never
    std::string best_where;     ///< file:line:column of the metric
    // [checkpoint]
    int64_t checkpoint_every = 0;  ///< steps; 0: only when stopped
    int64_t checkpoint_keep = 2;
    std::vector<EvalSpec> evals;
    std::string
        resolved;  ///< the whole plan as canonical TOML, every default written out, paths as given
};

}  // namespace samara::host
