// config.json of the decoder families that are computed here (Llama, Mistral, Qwen2, Qwen3), in
// both spellings that transformers 4 and 5 write.  Whatever would change results and is not
// implemented is refused by name.  No tensors.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace samara::host {

/// The rotary embedding's frequencies: plain, or those of Llama 3.1 for texts longer than the
/// pretraining's (long waves slower by `factor`, short ones as they are, a ramp between).
struct Rope {
    double theta = 10000.0;
    bool llama3 = false;  ///< the rest is read only then
    double factor = 1.0;
    double low = 1.0;         ///< low_freq_factor
    double high = 4.0;        ///< high_freq_factor, above low
    int64_t original = 8192;  ///< original_max_position_embeddings
};

struct ModelConfig {
    std::string family;  ///< model_type: "llama" | "mistral" | "qwen2" | "qwen3"
    std::string stem;    ///< what the names of its architectures begin with, as "Llama"
    int64_t hidden = 0;  ///< H
    int64_t layers = 0;
    int64_t heads = 0;
    int64_t kv_heads = 0;  ///< divides heads
    int64_t head_dim = 0;  ///< even; not always hidden / heads
    int64_t intermediate = 0;
    int64_t vocabulary = 0;  ///< V, rows of the embedding
    double norm_eps = 1e-6;
    Rope rope;
    std::vector<int64_t> windows;  ///< per layer: keys that a query sees, itself included; 0: all
    double initializer_range = 0.02;
    bool qk_norm = false;  ///< every query and key head is normed before its rotation
    bool qkv_bias = false;
    bool output_bias = false;  ///< of the attention's output projection
    bool mlp_bias = false;
    bool tied = false;            ///< the language-model head is the embedding
    bool classification = false;  ///< architectures says ...ForSequenceClassification
    int64_t labels = 2;           ///< num_labels, or the size of id2label
    std::set<int64_t> end_ids;    ///< eos_token_id
    int64_t bos_id = -1;          ///< -1: none
    int64_t pad_id = -1;
    nlohmann::json json;  ///< the whole file, for save()
};

/// Parses the text of a config.json.  Errors: config, naming key and value; `where` is the file.
ModelConfig parse_model_config(const std::string& text, const std::string& where);

/// Reads `folder`/config.json.  Errors: config (no such folder or file), io
ModelConfig read_model_config(const std::string& folder);

/// True if the folder holds a reward model (a sequence classifier) and not a language model.
bool has_score_head(const std::string& folder);

}  // namespace samara::host
