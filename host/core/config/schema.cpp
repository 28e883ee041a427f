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
        {choice("pipeline",
                "\"reward\"",
                "reward|dpo|ppo",
                "what is trained: a reward model (a linear head on the last token), or a policy "
                "by implicit rewards: score = log-prob of the response minus the reference's",
                "ppo"),
         text("output", nullptr, "the run's folder, relative to the working directory"),
         count("seed", "0", "of every random choice: same seed, same run", 0, kInf),
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
         max_records()},
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
             max_records()},
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
        {"optimizer", false, plugin_keys("id of an optimizer"), "What moves the parameters."},
        schedule_section(),
        train_section(),
        checkpoint_section(),
        eval_section(),
        plugin_list("eval.instructions",
                    kLibrary,
                    "Instruction types of this set: held-out types or wordings."),
        plugin_list("eval.synthesizer", "id of a synthesizer", "Synthesizers of this set.")};
    return sections;
}

const std::vector<std::string>& later_sections() {
    static const std::vector<std::string> names = {"base", "matrix", "seeds", "ppo"};
    return names;
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
