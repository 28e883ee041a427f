// open_model: a Hugging Face folder as the LanguageModel that core trains (core/model.hpp).
#include "lm/lm.hpp"

#include "lm/model/folder.hpp"
#include "lm/model/generate.hpp"
#include "lm/model/json.hpp"
#include "lm/model/probe.hpp"
#include "lm/text/tokenizer.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace samara::host {
namespace {

at::TensorOptions options_of(const ModelRequest& request) {
    at::TensorOptions options;
    if (request.dtype == "float32")
        options = options.dtype(at::kFloat);
    else if (request.dtype == "float64")
        options = options.dtype(at::kDouble);
    else
        throw Error(Code::config,
                    "dtype '" + request.dtype + "' is not computed",
                    "[model] dtype",
                    "use float32 (or float64 for checks)");
    if (request.device == "cpu")
        return options.device(at::kCPU);
    if (request.device != "cuda")
        throw Error(Code::config,
                    "device '" + request.device + "' is unknown",
                    "[run] device",
                    "use cpu or cuda");
    if (!at::hasCUDA())
        throw Error(Code::memory,
                    "device 'cuda' is not available: LibTorch is without CUDA, or no card is there",
                    "[run] device",
                    "use cpu, or build against a LibTorch with CUDA");
    // Wrong gradients and NaN of cuDNN's attention are reported for recent cards.  Ours is masked
    // softmax in plain operators; a plugin may still call scaled_dot_product_attention.
    at::globalContext().setSDPUseCuDNN(false);
    return options.device(at::kCUDA);
}

}  // namespace

DecoderModel::DecoderModel(const ModelRequest& request, Route route)
    : request_(request),
      route_(route),
      weights_(
          make_weights(read_model_config(request.path), options_of(request), request.score_head)) {
    const ModelConfig& config = weights_.config;
    if (config.classification && !request.score_head)
        throw Error(Code::config,
                    "the folder holds a reward model, which has no language-model head",
                    request.path,
                    "name a ...ForCausalLM folder");
    if (config.classification && config.labels != 1)
        throw Error(Code::config,
                    "the folder's classifier has " + std::to_string(config.labels) +
                        " labels; a reward has one",
                    request.path);
    head_loaded_ = load_weights(request.path, weights_);
    if (request.score_head && !head_loaded_ && config.classification)
        throw Error(Code::corrupt,
                    "tensor 'score.weight' is missing",
                    request.path,
                    "config.json announces a sequence classifier");
    if (request.score_head && !head_loaded_)
        draw_score_head(weights_, request.seed);
}

int64_t DecoderModel::tree_tokens(const Group& group) const {
    return samara::host::tree_tokens(group);
}

/// What would read outside a table or has no meaning is refused before anything is computed.
void DecoderModel::check(const Forest& forest, Wanted wanted) const {
    if ((wanted.score || wanted.values) && !weights_.score.defined())
        throw Error(Code::config,
                    "a language model has no score head",
                    request_.path,
                    "open it as a reward model");
    if ((wanted.logp || wanted.prompt_logp) && weights_.score.defined())
        throw Error(Code::config, "a reward model has no language-model head", request_.path);
    if ((wanted.logp || wanted.prompt_logp || wanted.values) && forest.without_prompt >= 0)
        throw Error(
            Code::data,
            "candidate " + std::to_string(forest.without_prompt) +
                " has a prompt of no tokens: its first response token has no log-probability",
            "",
            "give a prompt, or a tokenizer that begins with a bos token");
    for (const int64_t id : forest.ids)
        if (id < 0 || id >= weights_.config.vocabulary)
            throw Error(Code::data,
                        "token id " + std::to_string(id) +
                            " is outside the model's vocabulary of " +
                            std::to_string(weights_.config.vocabulary),
                        request_.path,
                        "the data was tokenised for another model");
}

void DecoderModel::add_logps(const at::Tensor& hidden,
                             const ForestTensors& tensors,
                             Wanted wanted,
                             Scored& scored) {
    const at::Tensor normed = final_norm(weights_, hidden.index_select(0, tensors.rows));
    TargetStats targets;
    if (wanted.token_stats) {
        targets = target_stats(weights_, normed, tensors);
        scored.tok_entropy = targets.entropy.index_select(0, tensors.tok_target);
        scored.tok_log_p2 = targets.log_p2.index_select(0, tensors.tok_target);
    } else {
        targets.logp = target_logps(weights_, normed, tensors, route_);
    }
    const at::Tensor none = at::zeros({tensors.last.size(0)}, targets.logp.options());
    scored.tok_logp = targets.logp.index_select(0, tensors.tok_target);
    scored.logp = none.index_add(0, tensors.tok_candidate, scored.tok_logp);
    if (wanted.prompt_logp)
        scored.prompt_logp = none.index_add(
            0, tensors.prompt_candidate, targets.logp.index_select(0, tensors.prompt_target));
}

Scored DecoderModel::forward(std::span<const Group* const> groups, Wanted wanted) {
    const Forest forest = build_forest(groups, wanted.prompt_logp);
    check(forest, wanted);
    const ForestTensors tensors = make_tensors(forest, weights_);
    Scored scored;
    scored.tree_tokens = static_cast<int64_t>(forest.ids.size());
    scored.length = tensors.length;
    if (forest.ids.empty() ||
        (!wanted.score && !wanted.values && !wanted.logp && !wanted.prompt_logp))
        return scored;
    const at::Tensor hidden = decode(weights_, forest, tensors, route_);
    if (wanted.score) {
        const at::Tensor ends = final_norm(weights_, hidden.index_select(0, tensors.last));
        scored.score = at::mv(ends, weights_.score.part().view({-1}));
    }
    if (wanted.values) {
        const at::Tensor rows = final_norm(weights_, hidden.index_select(0, tensors.rows));
        scored.tok_value =
            at::mv(rows, weights_.score.part().view({-1}))
                .index_select(0, tensors.target_rows.index_select(0, tensors.tok_target));
    }
    if (wanted.logp || wanted.prompt_logp)
        add_logps(hidden, tensors, wanted, scored);
    return scored;
}

Generated DecoderModel::generate(std::span<const Prompt> prompts,
                                 const Sampling& sampling,
                                 const GenerateHooks& hooks) {
    return samara::host::generate(weights_, route_, request_.path, prompts, sampling, hooks);
}

std::string DecoderModel::fingerprint() const {
    const std::string config = read_text(request_.path + "/config.json");
    std::vector<at::Tensor> values;
    std::vector<std::string_view> parts{config, request_.dtype};
    for (const Parameter& parameter : weights_.parameters) {
        const at::Tensor& value = values.emplace_back(parameter.value.detach().cpu().contiguous());
        parts.emplace_back(parameter.name);
        parts.emplace_back(static_cast<const char*>(value.const_data_ptr()), value.nbytes());
    }
    return hash_parts(parts);
}

void DecoderModel::save(const std::string& folder) const {
    save_folder(weights_, request_.path, folder);
}

std::map<std::string, std::string> DecoderModel::facts() const {
    int64_t count = 0;
    for (const Parameter& parameter : weights_.parameters)
        count += parameter.value.numel();
    const bool reward = weights_.score.defined();
    std::map<std::string, std::string> facts{
        {"architecture", weights_.config.family},
        {"parameters", std::to_string(count)},
        {"layers", std::to_string(weights_.config.layers)},
        {"hidden", std::to_string(weights_.config.hidden)},
        {"vocabulary", std::to_string(weights_.config.vocabulary)},
        {"tied", weights_.config.tied ? "true" : "false"},
        {"dtype", request_.dtype},
        {"device", request_.device},
        {"kernels", route_ == Route::fused ? "fused" : "plain"},
        {"fp32_route", name_of(current_fp32_route())},
        {"head",
         !reward        ? "language model"
         : head_loaded_ ? "loaded"
                        : "new"}};
    if (reward && !head_loaded_)
        facts["head_seed"] = std::to_string(request_.seed);
    return facts;
}

std::unique_ptr<LanguageModel> open_model(const ModelRequest& request) {
    const bool fused = request.device == "cpu" && request.dtype == "float32";
    return std::make_unique<DecoderModel>(request, fused ? Route::fused : Route::plain);
}

}  // namespace samara::host
