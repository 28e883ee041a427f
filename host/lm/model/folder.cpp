// Loading a Hugging Face folder and drawing a new score head; see folder.hpp.
#include "lm/model/folder.hpp"

#include "lm/model/json.hpp"
#include "lm/model/weight_files.hpp"
#include "runtime/random.hpp"

#include <ATen/ATen.h>

#include <set>

namespace samara::host {
namespace {

/// What stands before "embed_tokens.weight" in these files ("model." as a rule).
std::string prefix_of(const WeightFiles& files) {
    const std::string_view anchor = "embed_tokens.weight";
    for (const auto& [name, file] : files.tensors())
        if (name.ends_with(anchor))
            return name.substr(0, name.size() - anchor.size());
    throw Error(Code::corrupt,
                "no tensor '...embed_tokens.weight'",
                files.path(),
                "the folder holds no decoder of a family that is computed here");
}

/// The files may state a tied head as well; it must then be the embedding.
void check_tied(const WeightFiles& files, const Weights& weights) {
    if (!files.tensors().count("lm_head.weight"))
        return;
    const at::Tensor head = at::empty_like(weights.embedding.value());
    files.read_into("lm_head.weight", head);
    if (!at::equal(head, weights.embedding.value()))
        throw Error(Code::corrupt,
                    "lm_head.weight differs from the embedding it is tied to",
                    files.path(),
                    "set tie_word_embeddings to false in config.json");
}

}  // namespace

bool load_weights(const std::string& folder, Weights& weights) {
    const at::NoGradGuard no_grad;
    const WeightFiles files(folder);
    const std::string prefix = prefix_of(files);
    const bool reward = weights.score.defined();
    bool head_found = true;
    std::set<std::string> used;
    for (auto& parameter : weights.parameters) {
        std::string name = parameter.name;
        if (name.starts_with("model."))
            name = prefix + name.substr(6);
        if (name == "score.weight" && !files.tensors().count(name)) {
            head_found = false;
            continue;
        }
        files.read_into(name, parameter.value);
        used.insert(name);
    }
    if (!reward && weights.config.tied)
        check_tied(files, weights);
    for (const auto& [name, file] : files.tensors()) {
        const bool other_head = name == "lm_head.weight" ? reward || weights.config.tied
                                                         : name == "score.weight" && !reward;
        if (!used.count(name) && !other_head && !name.ends_with("rotary_emb.inv_freq"))
            throw Error(Code::corrupt,
                        "tensor '" + name + "' belongs to no part of the model",
                        file->path(),
                        "config.json and the weights are not of one model");
    }
    return head_found;
}

void draw_score_head(Weights& weights, uint64_t seed) {
    const int64_t n = weights.score.value().numel();
    const at::Tensor drawn = at::empty({n}, at::kFloat);
    // Sixteen uniforms on {0 .. 65535}: variance 16 (2^32 - 1) / 12; the sum's mean is 8 * 65535.
    const double unit = weights.config.initializer_range / 75674.45447441297;  // its square root
    for (int64_t i = 0; i < n; ++i) {
        int64_t sum = -8 * 65535;
        for (uint64_t word = 0; word < 4; ++word) {
            const uint64_t counter = random_word(static_cast<uint64_t>(i) * 4 + word, 0);
            const uint64_t bits = random_word(random_word(seed, 0) ^ counter, 0);
            for (int part = 0; part < 4; ++part)
                sum += static_cast<int64_t>(bits >> (16 * part) & 0xffff);
        }
        drawn.mutable_data_ptr<float>()[i] = static_cast<float>(static_cast<double>(sum) * unit);
    }
    const at::NoGradGuard no_grad;
    weights.score.value().view({n}).copy_(drawn);
}

}  // namespace samara::host
