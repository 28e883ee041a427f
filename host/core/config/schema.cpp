// The keys; see schema.hpp.  Their names are a contract with everybody's files: add, never rename.
#include "core/config/schema.hpp"

#include <algorithm>
#include <stdexcept>

namespace samara::host::config {
namespace {

constexpr double kMany = 1e9;  // an upper bound for counts that nobody reaches on purpose
constexpr double kInf = std::numeric_limits<double>::infinity();

Key text(const char* name, const char* fallback, const char* doc) {
    return {name, Type::text, fallback, doc};
}

Key choice(const char* name,
           const char* fallback,
           const char* choices,
           const char* doc,
           const char* later = nullptr) {
    Key key{name, Type::text, fallback, doc};
    key.choices = choices;
    key.later = later;
    return key;
}

Key count(const char* name,
          const char* fallback,
          const char* doc,
          double min = 0,
          double max = kMany) {
    return {name, Type::integer, fallback, doc, min, max};
}

Key number(const char* name, const char* fallback, const char* doc) {
    return {name, Type::number, fallback, doc, 0};
}

// The same pair in every list of plugins.
std::vector<Key> plugin_keys(const char* doc) {
    return {text("plugin", nullptr, doc),
            {"params", Type::params, "{}", "its parameters: `samara plugins describe ID`"}};
}

Section run_section() {
    return {
        "run",
        false,
        {choice(
             "pipeline",
             "\"reward\"",
             "reward|dpo|ppo",
             "what is trained: a reward model (a linear head on the last token), or a policy "
             "by implicit rewards (dpo: score = log-prob of the response minus the reference's) or "
             "by its own rollouts (ppo)"),
         text("output", nullptr, "the run's folder, relative to the working directory"),
         count("seed",
               "0",
               "of every random choice but those of [data]: a new head, the order of the groups; "
               "same seed, same run",
               0,
               kInf),
         choice("device", "\"cpu\"", "cpu|cuda|auto", "where the model computes", "cuda|auto")},
        "What the run is."};
}

Section model_section() {
    return {
        "model",
        false,
        {text(
             "path",
             nullptr,
             "a Hugging Face folder (config.json, safetensors, tokenizer.json), relative to this "
             "file; "
             "`cache:NAME`: the folder `models/NAME` of the user's cache (`SAMARA_CACHE_DIR`, else "
             "`XDG_CACHE_HOME/samara`, else `~/.cache/samara`)"),
         choice("dtype",
                "\"float32\"",
                "float32|float64|bfloat16",
                "compute type; float64 is for checks",
                "bfloat16")},
        "The language model to start from."};
}

// The blind controls, of training data and of evaluation sets.
Key blind(const char* name, const char* doc) {
    return choice(name, "\"as_is\"", "as_is|empty|shuffled", doc);
}

Key max_records() {
    return count("max_records", "0", "only the first so many rows; 0: all");
}

Section data_section() {
    Key columns{
        "columns",
        Type::text_map,
        "{}",
        "names of the file's fields, where they differ from ours: `{ prompt = \"instruction\" }`"};
    columns.choices =
        "id|prompt|chosen|rejected|prompt_ids|chosen_ids|rejected_ids|response|weight|margin|label";
    return {
        "data",
        false,
        {{"train",
          Type::texts,
          nullptr,
          "JSONL files (also .gz) of preferences, relative to this file"},
         columns,
         choice("format",
                "\"auto\"",
                "auto|hh",
                "hh: one transcript per side, split at the last assistant turn"),
         choice(
             "on_bad_row", "\"error\"", "error|skip", "what to do with a row that cannot be used"),
         count(
             "max_bad_rows", "0", "with `on_bad_row = \"skip\"`: more than this many are an error"),
         choice(
             "chat",
             "\"auto\"",
             "auto|always|never",
             "auto: messages and plain text go through the model's chat format where it has one"),
         count("max_tokens", "1024", "limit of prompt and response together, tokens", 2),
         choice("too_long",
                "\"drop\"",
                "drop|error|truncate_prompt",
                "what to do with candidates above `max_tokens`; always counted",
                "truncate_prompt"),
         choice("order", "\"shuffle\"", "shuffle|file", "order of the groups within an epoch"),
         blind("prompt",
               "blind training: what is learned without the prompt, or with another row's"),
         blind("response", "blind training: the same for the responses"),
         max_records(),
         count("seed",
               "0",
               "of what synthesizers draw, in training and evaluation sets; apart from `run.seed`, "
               "so that runs of several seeds see the same data and share its caches",
               0,
               kInf)},
        "The preferences to train on."};
}

Section dpo_section() {
    return {"dpo",
            false,
            {text("reference",
                  "\"initial\"",
                  "whose log-probs are subtracted: `initial`, the model as it is before the first "
                  "step; `none`, nobody's (SimPO, ORPO, SFT); or a folder like `model.path`. "
                  "Computed once and cached")},
            "Only with `pipeline = \"dpo\"`."};
}

Section ppo_section() {
    return {
        "ppo",
        false,
        {text("reference",
              "\"initial\"",
              "whose log-probs the divergence is measured against: `initial`, `none` or a folder, "
              "as "
              "`dpo.reference`"),
         count("prompts", "8", "prompts of a batch of rollouts", 1),
         count("samples", "4", "responses to each prompt", 1),
         count("max_new_tokens", "64", "length limit of a response", 1),
         {"temperature",
          Type::number,
          "1.0",
          "of sampling; log-probs are those of 1",
          0,
          100,
          true},
         count("top_k", "0", "sample from the k most probable tokens; 0: from all"),
         {"top_p",
          Type::number,
          "1.0",
          "sample from the most probable tokens that reach this share",
          0,
          1,
          true},
         count("epochs", "1", "passes over a batch of rollouts", 1),
         count("minibatches",
               "1",
               "optimizer steps of a pass: the batch's prompts are divided among them",
               1),
         choice("advantage",
                "\"group\"",
                "group|group_mean|leave_one_out|gae",
                "group: reward minus the prompt's mean, over its deviation (GRPO); group_mean: "
                "without the division (Dr. GRPO); leave_one_out: minus the mean of the others "
                "(RLOO); gae: by a critic"),
         number("gamma", "1.0", "gae: discount"),
         number("lambda", "0.95", "gae: 0 trusts the critic, 1 the rewards"),
         choice(
             "whiten",
             "\"none\"",
             "none|advantages",
             "advantages: to mean 0 and variance 1 over all tokens of the batch (usual with gae)"),
         text("critic",
              "\"\"",
              "gae: a folder to start the critic from, a reward model or a language model; empty: "
              "the policy's"),
         choice(
             "kl",
             "\"k1\"",
             "k1|k3",
             "estimate of the divergence from the reference, subtracted from each token's reward"),
         number("kl_coef", "0.05", "its factor; 0: none"),
         number(
             "kl_target",
             "0.0",
             "adapt kl_coef so that a response diverges by this many nats (Ziegler et al. 2019); "
             "0: fixed"),
         {"kl_horizon", Type::number, "10000.0", "responses over which it adapts", 0, 1e12, true},
         number("kl_stop", "0.0", "end the run when a response diverges by more nats; 0: never"),
         number("reward_clip",
                "0.0",
                "rewards are cut to this magnitude before the divergence; 0: not"),
         number("missing_end_penalty",
                "0.0",
                "subtracted from the reward of a response that reaches max_new_tokens")},
        "Only with `pipeline = \"ppo\"`: prompts are candidates without a response "
        "(`rollout_prompts` of the synthesizers)."};
}

Section reward_section() {
    return {"ppo.reward",
            true,
            {text("model", "\"\"", "a reward model's folder: its score of prompt and response"),
             choice("instructions",
                    "\"\"",
                    "|fraction|all",
                    "the share of the prompt's verifiable instructions that the response follows, "
                    "or 1 if it follows all and 0 otherwise"),
             text("plugin", "\"\"", "id of a reward"),
             {"params", Type::params, "{}", "its parameters: `samara plugins describe ID`"},
             {"weight", Type::number, "1.0", "factor in the sum; may be negative"}},
            "A term of a response's reward; at least one. Each names a model, instructions or a plugin."};
}

Section best_section() {
    return {"best",
            false,
            {text("metric",
                  "\"\"",
                  "what decides which weights are saved: `SET/METRIC` as evaluations are called in "
                  "metrics.jsonl, e.g. `held-out/accuracy/base`; empty: the last step's"),
             choice("goal", "\"max\"", "max|min", "whether more or less of it is better"),
             count("patience",
                   "0",
                   "evaluations without a better value before the run ends early; 0: never")},
            "Early stop and the best weights. The set needs `every_steps`."};
}

Section objective_section() {
    std::vector<Key> keys = plugin_keys("id of an objective");
    keys.push_back(number("weight", "1.0", "factor of this objective in the total loss"));
    keys.push_back({"tags",
                    Type::number_map,
                    "{}",
                    "weight per tag, e.g. `{ base = 1.0, intra = 0.5 }`; tags that are not listed "
                    "are not seen; "
                    "empty: every tag with weight 1",
                    0});
    return {"objective", true, std::move(keys), "What is minimised; at least one. Several add up."};
}

Section schedule_section() {
    return {"schedule",
            false,
            {number("learning_rate", "1e-5", "the highest rate"),
             choice("kind",
                    "\"cosine\"",
                    "constant|linear|cosine",
                    "constant, or from the highest rate down to 0 at the last step"),
             count("warmup_steps", "0", "steps over which the rate rises from 0")},
            "The learning rate."};
}

Section train_section() {
    return {
        "train",
        false,
        {{"epochs",
          Type::number,
          "1.0",
          "passes over the groups; not together with `max_steps`",
          0,
          1e6,
          true},
         count("max_steps", "0", "optimizer steps; 0: by `epochs`"),
         count("groups_per_step",
               "4",
               "groups of an optimizer step; the last step of an epoch may be smaller",
               1),
         choice("mix",
                "\"by_tag\"",
                "by_tag|union",
                "by_tag: each tag's loss is averaged, then weighted; union: one average over all "
                "relations"),
         count("tokens_per_batch",
               "4096",
               "tokens of a micro-batch (shared ones once); bounds memory, never changes results",
               1),
         number(
             "max_grad_norm", "1.0", "gradients above this norm are scaled down to it; 0: never")},
        "Steps."};
}

Section eval_section() {
    return {"eval",
            true,
            {text("name", nullptr, "names the set in metrics and tables"),
             text("path",
                  nullptr,
                  "JSONL file, relative to this file; read with the settings of [data]"),
             count("every_steps",
                   "0",
                   "also every so many steps; 0: before the first and after the last step only"),
             blind("prompt",
                   "blind control: how much is known without the prompt, or with another row's"),
             blind("response", "blind control: the same for the responses"),
             max_records(),
             {"by",
              Type::texts,
              "[]",
              "fields of the rows: accuracy is also told for each of their values"}},
            "A held-out set. [[eval.synthesizer]] and [[eval.instructions]] below it replace the "
            "run's."};
}

Section plugins_section() {
    return {"plugins",
            false,
            {{"load",
              Type::texts,
              "[]",
              "plugin libraries, relative to this file; searched before `--plugin-dir`, "
              "`SAMARA_PLUGIN_PATH`, the "
              "user's and the system's folder"}},
            "Third parties' libraries."};
}

Section checkpoint_section() {
    return {
        "checkpoint",
        false,
        {count(
             "every_steps", "0", "steps between checkpoints; 0: only when a signal stops the run"),
         count("keep", "2", "checkpoints kept", 2)},
        "What `--resume` continues from."};
}

Section plugin_list(const char* name, const char* what, const char* doc) {
    return {name, true, plugin_keys(what), doc};
}

}  // namespace

const std::vector<Section>& schema() {
    static const char* const kLibrary = "id of a library of instruction types";
    static const std::vector<Section> sections = {
        run_section(),
        model_section(),
        data_section(),
        plugins_section(),
        plugin_list(
            "instructions", kLibrary, "Where synthesizers draw verifiable instructions from."),
        plugin_list("synthesizer",
                    "id of a synthesizer",
                    "What makes candidates and relations out of records; at least one."),
        objective_section(),
        dpo_section(),
        ppo_section(),
        reward_section(),
        {"optimizer", false, plugin_keys("id of an optimizer"), "What moves the parameters."},
        schedule_section(),
        train_section(),
        best_section(),
        checkpoint_section(),
        eval_section(),
        plugin_list("eval.instructions",
                    kLibrary,
                    "Instruction types of this set: held-out types or wordings."),
        plugin_list("eval.synthesizer", "id of a synthesizer", "Synthesizers of this set.")};
    return sections;
}

const Section& section(const std::string& name) {
    for (const Section& candidate : schema()) {
        if (candidate.name == name) {
            return candidate;
        }
    }
    throw std::out_of_range("no section " + name);
}

const Key* Section::find(const std::string& key) const {
    const auto found =
        std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == key; });
    return found == keys.end() ? nullptr : &*found;
}

}  // namespace samara::host::config
