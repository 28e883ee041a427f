// Writing a Hugging Face folder; see folder.hpp.
#include "lm/model/folder.hpp"
#include "lm/model/json.hpp"
#include "lm/model/safetensors.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace samara::host {
namespace {

using Json = nlohmann::json;

Json read_json(const std::string& path) {
    return file_exists(path) ? parse_json(read_text(path), path, Code::config) : Json::object();
}

/// A token named in tokenizer_config.json or special_tokens_map.json, as text or as an object.
std::string content_of(const Json& files, const std::string& key) {
    if (!files.is_object() || !files.contains(key))
        return "";
    const Json& value = files[key];
    if (value.is_object())
        return value.value("content", "");
    return value.is_string() ? value.get<std::string>() : "";
}

struct Pad {
    int64_t id = -1;
    std::string content;  ///< empty: no token of the tokenizer has this id
};

/// The special tokens that never end a response: no end-of-sequence token and not named by the chat
/// format, whose turns end in one of its tokens.
struct Tokens {
    std::vector<Pad> quiet;  // by id
    std::set<int64_t> ends;
    int64_t size = 0;  // ids in use

    Tokens(const std::string& source, const ModelConfig& config) : ends(config.end_ids) {
        const Json tokenizer = read_json(source + "/tokenizer.json");
        const Json settings = read_json(source + "/tokenizer_config.json");
        const Json generation = read_json(source + "/generation_config.json");
        std::string chat =
            settings.contains("chat_template") ? settings["chat_template"].dump() : "";
        if (file_exists(source + "/chat_template.jinja"))
            chat += read_text(source + "/chat_template.jinja");
        if (generation.contains("eos_token_id")) {
            const Json& eos = generation["eos_token_id"];
            for (const auto& id : eos.is_array() ? eos : Json::array({eos}))
                if (id.is_number_integer())
                    ends.insert(id.get<int64_t>());
        }
        if (!tokenizer.contains("model"))
            return;
        const Json vocabulary = tokenizer["model"].value("vocab", Json::object());
        for (const auto& [text, id] : vocabulary.items())
            if (id.is_number_integer())
                size = std::max(size, id.get<int64_t>() + 1);
        for (const auto& token : tokenizer.value("added_tokens", Json::array())) {
            const Pad pad{token.value("id", int64_t{-1}), token.value("content", "")};
            size = std::max(size, pad.id + 1);
            const bool named = chat.find(pad.content) != std::string::npos;
            if (pad.content == content_of(settings, "eos_token"))
                ends.insert(pad.id);
            if (token.value("special", false) && !named && !ends.count(pad.id) && pad.id >= 0 &&
                pad.id < config.vocabulary)
                quiet.push_back(pad);
        }
        std::sort(
            quiet.begin(), quiet.end(), [](const Pad& a, const Pad& b) { return a.id < b.id; });
    }
};

Pad choose_pad(const std::string& source, const ModelConfig& config) {
    const Tokens tokens(source, config);
    const Json settings = read_json(source + "/tokenizer_config.json");
    for (const Pad& pad : tokens.quiet)
        if (pad.id == config.pad_id)
            return pad;
    for (const char* role : {"unk_token", "bos_token"})
        for (const Pad& pad : tokens.quiet)
            if (pad.content == content_of(settings, role))
                return pad;
    if (!tokens.quiet.empty())
        return tokens.quiet.front();
    if (tokens.size > 0 && tokens.size < config.vocabulary)
        return {tokens.size, ""};  // a row of the embedding that no text reaches
    for (const int64_t id : {config.pad_id, config.bos_id})
        if (id >= 0 && id < config.vocabulary && !tokens.ends.count(id))
            return {id, ""};
    int64_t id = config.vocabulary - 1;
    while (id > 0 && tokens.ends.count(id))
        --id;
    return {id, ""};
}

Json rope_scaling(const Rope& rope) {
    if (!rope.llama3)
        return nullptr;
    return {{"rope_type", "llama3"},
            {"factor", rope.factor},
            {"low_freq_factor", rope.low},
            {"high_freq_factor", rope.high},
            {"original_max_position_embeddings", rope.original}};
}

Json saved_config(const Weights& weights, const Pad& pad) {
    const ModelConfig& config = weights.config;
    const bool reward = weights.score.defined();
    Json json = config.json;
    json["architectures"] = {config.stem + (reward ? "ForSequenceClassification" : "ForCausalLM")};
    // Both spellings: transformers 4 reads the first of each pair, transformers 5 the second.
    const char* dtype =
        weights.embedding.value().scalar_type() == at::kDouble ? "float64" : "float32";
    json["torch_dtype"] = json["dtype"] = dtype;
    json["rope_theta"] = config.rope.theta;
    json["rope_scaling"] = rope_scaling(config.rope);
    json["rope_parameters"] = {{"rope_type", "default"}};
    if (config.rope.llama3)
        json["rope_parameters"] = json["rope_scaling"];
    json["rope_parameters"]["rope_theta"] = config.rope.theta;
    if (reward) {
        json.erase("num_labels");
        json["id2label"] = {{"0", "LABEL_0"}};
        json["label2id"] = {{"LABEL_0", 0}};
        json["pad_token_id"] = pad.id;
    }
    return json;
}

/// tokenizer_config.json and special_tokens_map.json pad with the same token as the model, or not
/// at all.
void save_with_pad(const std::string& from, const std::string& to, const Pad& pad) {
    if (!file_exists(from))
        return;
    Json json = read_json(from);
    if (pad.content.empty())
        json.erase("pad_token");
    else
        json["pad_token"] = pad.content;
    write_text(to, json.dump(2) + "\n");
}

}  // namespace

void save_folder(const Weights& weights, const std::string& source, const std::string& folder) {
    const bool reward = weights.score.defined();
    const Pad pad = reward ? choose_pad(source, weights.config) : Pad{};
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    for (const Parameter& parameter : weights.parameters)
        tensors.emplace_back(parameter.name, parameter.value);
    write_safetensors(folder + "/model.safetensors", tensors);
    write_text(folder + "/config.json", saved_config(weights, pad).dump(2) + "\n");
    for (const std::string name : {"tokenizer_config.json", "special_tokens_map.json"}) {
        if (reward)
            save_with_pad(source + "/" + name, folder + "/" + name, pad);
        else if (file_exists(source + "/" + name))
            write_text(folder + "/" + name, read_text(source + "/" + name));
    }
    for (const std::string name :
         {"tokenizer.json", "generation_config.json", "chat_template.jinja"})
        if (file_exists(source + "/" + name))
            write_text(folder + "/" + name, read_text(source + "/" + name));
}

}  // namespace samara::host
