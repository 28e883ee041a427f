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
            throw Error(Code::config, "'" + prefix_ + key + "' is missing", where_);
        if (!value->is_number_integer() || *value < 1 || *value > (int64_t{1} << 31))
            refuse(key, "expected a whole number from 1 to 2^31");
        return value->get<int64_t>();
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

/// rope_scaling (transformers 4) or rope_parameters (5): only the plain rotation.
void read_rope(Reader& top, const std::string& key, const std::string& where, ModelConfig& config) {
    const Json* value = top.find(key);
    if (!value)
        return;
    if (!value->is_object())
        top.refuse(key, "expected an object");
    Reader rope(*value, where, key + ".");
    for (const char* type : {"rope_type", "type"})
        rope.require(type, "default", "only the default rotary embedding is computed");
    rope.require("partial_rotary_factor", 1.0, "partial rotation is not computed");
    config.rope_theta = rope.number("rope_theta", config.rope_theta);
    rope.finish();
}

void read_shape(Reader& top, const std::string& where, ModelConfig& config) {
    config.hidden = top.size("hidden_size", 0);
    config.layers = top.size("num_hidden_layers", 0);
    config.heads = top.size("num_attention_heads", 0);
    config.kv_heads = top.size("num_key_value_heads", config.heads);
    config.intermediate = top.size("intermediate_size", 0);
    config.vocabulary = top.size("vocab_size", 0);
    config.norm_eps = top.number("rms_norm_eps", 1e-6);
    config.initializer_range = top.number("initializer_range", 0.02);
    if (config.heads % config.kv_heads != 0)
        top.refuse("num_key_value_heads", "must divide num_attention_heads");
    if (!top.find("head_dim") && config.hidden % config.heads != 0)
        top.refuse("num_attention_heads", "must divide hidden_size where head_dim is absent");
    config.head_dim = top.size("head_dim", std::max<int64_t>(config.hidden / config.heads, 1));
    if (config.head_dim % 2 != 0)
        throw Error(Code::config, "head_dim must be even for the rotary embedding", where);
    config.rope_theta = top.number("rope_theta", 10000.0);
    read_rope(top, "rope_scaling", where, config);
    read_rope(top, "rope_parameters", where, config);
    if (config.rope_theta <= 0)
        throw Error(Code::config, "rope_theta must be above 0", where);
}

void read_family(Reader& top, const std::string& where, ModelConfig& config) {
    config.family = top.word("model_type", "");
    if (config.family == "llama") {
        config.qkv_bias = config.output_bias = top.flag("attention_bias", false);
        config.mlp_bias = top.flag("mlp_bias", false);
        top.require("pretraining_tp", 1, "only 1 is computed");
        top.require("rope_interleaved", false, "the interleaved rotation is not computed");
        top.ignore({"is_llama_config"});
    } else if (config.family == "qwen2") {
        config.qkv_bias = true;
        top.require("use_sliding_window", false, "sliding-window attention is not computed");
        top.require("use_mrope", false, "the multi-modal rotation is not computed");
        top.ignore({"sliding_window", "max_window_layers"});
    } else {
        throw Error(Code::config,
                    "model_type '" + config.family + "' is not computed here",
                    where,
                    "supported: llama, qwen2");
    }
    const Json* layers = top.find("layer_types");
    for (const auto& type : layers ? *layers : Json::array())
        if (type != "full_attention")
            top.refuse("layer_types", "only full_attention is computed");
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
    const std::string stem = config.family == "llama" ? "Llama" : "Qwen2";
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
    read_family(top, where, config);
    read_shape(top, where, config);
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
