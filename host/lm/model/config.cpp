// Reading config.json; see config.hpp.
#include "lm/model/config.hpp"

#include "lm/model/json.hpp"

#include <cmath>

namespace samara::host {
namespace {

using Json = nlohmann::json;

/// Typed access to one object that remembers what was asked for, so that the rest can be refused.
class Reader {
public:
    Reader(const Json& json, std::string where, std::string prefix = "")
        : json_(json), where_(std::move(where)), prefix_(std::move(prefix)) {}

    [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
        throw Error(Code::config,
                    "'" + prefix_ + key + "' = " + json_.at(key).dump().substr(0, 80) + ": " + why,
                    where_);
    }
    [[noreturn]] void missing(const std::string& key) const {
        throw Error(Code::config, "'" + prefix_ + key + "' is missing", where_);
    }
    /// True if the key stands in the file, be it as null.
    [[nodiscard]] bool stated(const std::string& key) const { return json_.contains(key); }
    /// The value, or nullptr if the key is absent or null.
    const Json* find(const std::string& key) {
        seen_.insert(key);
        const auto found = json_.find(key);
        return found == json_.end() || found->is_null() ? nullptr : &*found;
    }
    int64_t size(const std::string& key, int64_t otherwise) {
        const Json* value = find(key);
        if (!value && otherwise > 0)
            return otherwise;
        if (!value)
            missing(key);
        if (!value->is_number_integer() || *value < 1 || *value > (int64_t{1} << 31))
            refuse(key, "expected a whole number from 1 to 2^31");
        return value->get<int64_t>();
    }
    /// A whole number of at least 0.
    int64_t count(const std::string& key, int64_t otherwise) {
        const Json* value = find(key);
        if (value && (!value->is_number_integer() || *value < 0 || *value > (int64_t{1} << 31)))
            refuse(key, "expected a whole number from 0 to 2^31");
        return value ? value->get<int64_t>() : otherwise;
    }
    double number(const std::string& key, double otherwise) {
        const Json* value = find(key);
        if (!value)
            return otherwise;
        if (!value->is_number() || !(value->get<double>() >= 0) || std::isinf(value->get<double>()))
            refuse(key, "expected a number of at least 0");
        return value->get<double>();
    }
    bool flag(const std::string& key, bool otherwise) {
        const Json* value = find(key);
        if (value && !value->is_boolean())
            refuse(key, "expected true or false");
        return value ? value->get<bool>() : otherwise;
    }
    std::string word(const std::string& key, const std::string& otherwise) {
        const Json* value = find(key);
        if (value && !value->is_string())
            refuse(key, "expected a string");
        return value ? value->get<std::string>() : otherwise;
    }
    /// Absent, null or exactly `only`.
    void require(const std::string& key, const Json& only, const std::string& why) {
        const Json* value = find(key);
        if (value && *value != only)
            refuse(key, why);
    }
    void ignore(std::initializer_list<const char*> keys) { seen_.insert(keys.begin(), keys.end()); }
    void finish() const {
        for (const auto& [key, value] : json_.items())
            if (!seen_.count(key) && !value.is_null())
                refuse(key, "unknown key; it might change results, so the model is refused");
    }

private:
    const Json& json_;
    std::string where_, prefix_;
    std::set<std::string> seen_;
};

/// What the families' own configuration classes say where config.json is silent.
struct Family {
    const char* type;
    const char* stem;
    int64_t kv_heads;  ///< 0: as many as heads
    int64_t head_dim;  ///< 0: hidden / heads
};
constexpr Family kFamilies[] = {{"llama", "Llama", 0, 0},
                                {"mistral", "Mistral", 8, 0},
                                {"qwen2", "Qwen2", 32, 0},
                                {"qwen3", "Qwen3", 32, 128}};

/// rope_scaling (transformers 4) or rope_parameters (5): the plain rotation and Llama 3's.
void read_rope(Reader& top, const std::string& key, const std::string& where, ModelConfig& config) {
    const Json* value = top.find(key);
    if (!value)
        return;
    if (!value->is_object())
        top.refuse(key, "expected an object");
    Reader rope(*value, where, key + ".");
    const std::string type = rope.word("rope_type", rope.word("type", "default"));
    if (type != "default" && type != "llama3")
        rope.refuse(rope.find("rope_type") ? "rope_type" : "type",
                    "only the rotary embeddings default and llama3 are computed");
    rope.require("partial_rotary_factor", 1.0, "partial rotation is not computed");
    config.rope.theta = rope.number("rope_theta", config.rope.theta);
    config.rope.llama3 = type == "llama3";
    if (config.rope.llama3) {
        for (const char* needed : {"factor", "low_freq_factor", "high_freq_factor"})
            if (!rope.find(needed))
                rope.missing(needed);
        config.rope.factor = rope.number("factor", 1);
        config.rope.low = rope.number("low_freq_factor", 1);
        config.rope.high = rope.number("high_freq_factor", 4);
        config.rope.original = rope.size("original_max_position_embeddings",
                                         top.size("max_position_embeddings", 2048));
        if (config.rope.factor < 1)
            rope.refuse("factor", "expected a number of at least 1");
        if (config.rope.high <= config.rope.low)
            rope.refuse("high_freq_factor", "must be above low_freq_factor");
    }
    rope.finish();
}

/// Windows of the layers: one for all (Mistral), or for those that layer_types names.
void read_windows(Reader& top, ModelConfig& config) {
    config.windows.assign(static_cast<size_t>(config.layers), 0);
    const Json* types = top.find("layer_types");
    if (types && (!types->is_array() || types->size() != config.windows.size()))
        top.refuse("layer_types", "expected one entry for each layer");
    if (config.family == "mistral") {
        // A silent file means 4096, null means none.
        const bool none = top.stated("sliding_window") && !top.find("sliding_window");
        if (types)
            top.refuse("layer_types", "Mistral has one kind of layer");
        config.windows.assign(config.windows.size(), none ? 0 : top.size("sliding_window", 4096));
        return;
    }
    const bool qwen = config.family != "llama";
    const bool used = qwen && top.flag("use_sliding_window", false) &&
                      !(top.stated("sliding_window") && !top.find("sliding_window"));
    const int64_t window = used ? top.size("sliding_window", 4096) : 0;
    const int64_t first = used && !types ? top.count("max_window_layers", 28) : config.layers;
    if (qwen)
        top.ignore({"sliding_window", "max_window_layers"});
    for (int64_t i = 0; i < config.layers; ++i) {
        const auto at = static_cast<size_t>(i);
        const Json type = types        ? (*types)[at]
                          : i >= first ? "sliding_attention"
                                       : "full_attention";
        if (type == "sliding_attention" && used)
            config.windows[at] = window;
        else if (type != "full_attention")
            top.refuse("layer_types",
                       used ? "only full_attention and sliding_attention are computed"
                            : "only full_attention is computed where no window is in use");
    }
}

void read_shape(Reader& top, const Family& family, const std::string& where, ModelConfig& config) {
    config.hidden = top.size("hidden_size", 0);
    config.layers = top.size("num_hidden_layers", 0);
    config.heads = top.size("num_attention_heads", 0);
    const bool silent = !top.stated("num_key_value_heads") && family.kv_heads > 0;
    config.kv_heads = top.size("num_key_value_heads", silent ? family.kv_heads : config.heads);
    config.intermediate = top.size("intermediate_size", 0);
    config.vocabulary = top.size("vocab_size", 0);
    config.norm_eps = top.number("rms_norm_eps", 1e-6);
    config.initializer_range = top.number("initializer_range", 0.02);
    if (config.heads % config.kv_heads != 0)
        top.refuse(silent ? "num_attention_heads" : "num_key_value_heads",
                   "must be a multiple of num_key_value_heads, " + std::to_string(config.kv_heads));
    if (!top.find("head_dim") && family.head_dim == 0 && config.hidden % config.heads != 0)
        top.refuse("num_attention_heads", "must divide hidden_size where head_dim is absent");
    config.head_dim = top.size(
        "head_dim",
        family.head_dim > 0 ? family.head_dim : std::max<int64_t>(config.hidden / config.heads, 1));
    if (config.head_dim % 2 != 0)
        throw Error(Code::config, "head_dim must be even for the rotary embedding", where);
    config.rope.theta = top.number("rope_theta", 10000.0);
    read_rope(top, "rope_scaling", where, config);
    read_rope(top, "rope_parameters", where, config);
    if (config.rope.theta <= 0)
        throw Error(Code::config, "rope_theta must be above 0", where);
    read_windows(top, config);
}

const Family& find_family(const std::string& type, const std::string& where) {
    for (const Family& family : kFamilies)
        if (type == family.type)
            return family;
    throw Error(Code::config,
                "model_type '" + type + "' is not computed here",
                where,
                "supported: llama, mistral, qwen2, qwen3");
}

void read_family(Reader& top, const Family& family, ModelConfig& config) {
    config.family = family.type;
    config.stem = family.stem;
    if (config.family == "llama") {
        config.qkv_bias = config.output_bias = top.flag("attention_bias", false);
        config.mlp_bias = top.flag("mlp_bias", false);
        top.require("pretraining_tp", 1, "only 1 is computed");
        top.require("rope_interleaved", false, "the interleaved rotation is not computed");
        top.ignore({"is_llama_config"});
    } else if (config.family == "qwen2") {
        config.qkv_bias = true;
        top.require("use_mrope", false, "the multi-modal rotation is not computed");
    } else if (config.family == "qwen3") {
        config.qk_norm = true;
        config.qkv_bias = config.output_bias = top.flag("attention_bias", false);
    }
    top.require("hidden_act", "silu", "only silu is computed");
    top.require("attention_dropout", 0.0, "dropout is not computed");
    top.require("partial_rotary_factor", 1.0, "partial rotation is not computed");
    config.tied = top.flag("tie_word_embeddings", false);
}

int64_t token_id(Reader& top, const std::string& key, const Json& value) {
    if (!value.is_number_integer())
        top.refuse(key, "expected a token id");
    return value.get<int64_t>();
}

void read_labels(Reader& top, ModelConfig& config) {
    const Json* architectures = top.find("architectures");
    const std::string& stem = config.stem;
    for (const auto& name : architectures ? *architectures : Json::array()) {
        if (name == stem + "ForSequenceClassification")
            config.classification = true;
        else if (name != stem + "ForCausalLM" && name != stem + "Model")
            top.refuse("architectures",
                       "expected " + stem + "ForCausalLM, " + stem + "Model or " + stem +
                           "ForSequenceClassification");
    }
    if (const Json* labels = top.find("id2label"))
        config.labels = static_cast<int64_t>(labels->size());
    config.labels = top.size("num_labels", config.labels);
    top.require("problem_type", "regression", "a reward is a regression score");
    if (const Json* eos = top.find("eos_token_id"))
        for (const auto& id : eos->is_array() ? *eos : Json::array({*eos}))
            config.end_ids.insert(token_id(top, "eos_token_id", id));
    if (const Json* bos = top.find("bos_token_id"))
        config.bos_id = token_id(top, "bos_token_id", *bos);
    if (const Json* pad = top.find("pad_token_id"))
        config.pad_id = token_id(top, "pad_token_id", *pad);
}

/// Keys that no forward reads: bookkeeping, generation defaults and the wrapper's own options.
void ignore_harmless(Reader& top) {
    top.ignore({"_name_or_path",
                "transformers_version",
                "torch_dtype",
                "dtype",
                "use_cache",
                "max_position_embeddings",
                "label2id",
                "unk_token_id",
                "sep_token_id",
                "decoder_start_token_id",
                "return_dict",
                "return_dict_in_generate",
                "output_hidden_states",
                "output_attentions",
                "output_scores",
                "torchscript",
                "use_bfloat16",
                "is_decoder",
                "is_encoder_decoder",
                "tf_legacy_loss",
                "prefix",
                "task_specific_params",
                "finetuning_task",
                "tokenizer_class",
                "pruned_heads",
                "chunk_size_feed_forward",
                "cross_attention_hidden_size",
                "add_cross_attention",
                "tie_encoder_decoder",
                "forced_bos_token_id",
                "forced_eos_token_id",
                "suppress_tokens",
                "begin_suppress_tokens",
                "bad_words_ids",
                "do_sample",
                "temperature",
                "top_k",
                "top_p",
                "typical_p",
                "repetition_penalty",
                "length_penalty",
                "no_repeat_ngram_size",
                "encoder_no_repeat_ngram_size",
                "num_beams",
                "num_beam_groups",
                "num_return_sequences",
                "diversity_penalty",
                "early_stopping",
                "exponential_decay_length_penalty",
                "max_length",
                "min_length",
                "remove_invalid_values",
                "transformers.js_config",
                "unsloth_version",
                "unsloth_fixed",
                "classifier_dropout",
                "_attn_implementation_autoset"});
}

}  // namespace

ModelConfig parse_model_config(const std::string& text, const std::string& where) {
    ModelConfig config;
    config.json = parse_json(text, where, Code::config);
    if (!config.json.is_object())
        throw Error(Code::config, "the file is not a JSON object", where);
    Reader top(config.json, where);
    if (top.find("quantization_config"))
        top.refuse("quantization_config", "quantized checkpoints are not read");
    const Family& family = find_family(top.word("model_type", ""), where);
    read_family(top, family, config);
    read_shape(top, family, where, config);
    read_labels(top, config);
    ignore_harmless(top);
    top.finish();
    return config;
}

ModelConfig read_model_config(const std::string& folder) {
    const std::string path = folder + "/config.json";
    if (!file_exists(path))
        throw Error(Code::config,
                    "no config.json in the model folder",
                    folder,
                    "point model.path at a Hugging Face folder (config.json, model.safetensors, "
                    "tokenizer.json)");
    return parse_model_config(read_text(path), path);
}

bool has_score_head(const std::string& folder) {
    return read_model_config(folder).classification;
}

}  // namespace samara::host
