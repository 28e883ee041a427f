// The keys; see schema.hpp.  Their names are a contract with everybody's files: add, never rename.
#include "core/config/schema.hpp"

#include "core/config/schema_keys.hpp"

#include <algorithm>
#include <stdexcept>

namespace samara::host::config {
namespace {

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
         choice("device",
                "\"cpu\"",
                "cpu|cuda|auto",
                "where the model computes; cuda needs a LibTorch with CUDA and a card "
                "(docs/models.md)",
                "auto")},
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
         choice(
             "too_long",
             "\"drop\"",
             "drop|error|truncate_prompt",
             "what to do with candidates above `max_tokens`; always counted. truncate_prompt cuts "
             "prompts on their left (docs/data.md) and drops what still does not fit"),
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

Section eval_section() {
    return {"eval",
            true,
            {text("name", nullptr, "names the set in metrics and tables"),
             text("path",
                  nullptr,
                  "JSONL file, relative to this file; read with the settings of [data]"),
             count("every_steps",
                   "0",
                   "also every so many steps; 0: before the first step and with the weights that "
                   "the run leaves"),
             choice("on_start",
                    "\"evaluate\"",
                    "evaluate|skip",
                    "skip: not before the first step, where only models at the end are compared; "
                    "[best] then begins with the first regular evaluation"),
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
