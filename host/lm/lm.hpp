// What the lm library offers beside the two doors of core/model.hpp (open_model, open_encoder): the
// concrete model, for tests and benchmarks that need to look inside.
#pragma once
#include "core/model_tensors.hpp"
#include "lm/model/decoder.hpp"

namespace samara::host {

/// A Llama or Qwen2 decoder from a Hugging Face folder.  [one thread at a time]
class DecoderModel final : public LanguageModel {
public:
    /// `route` fused needs device cpu and dtype float32.  Errors: as open_model
    DecoderModel(const ModelRequest& request, Route route);
    [[nodiscard]] int64_t tree_tokens(const Group& group) const override;
    [[nodiscard]] Scored forward(std::span<const Group* const> groups, Wanted wanted) override;
    [[nodiscard]] Generated generate(std::span<const Prompt> prompts,
                                     const Sampling& sampling,
                                     const GenerateHooks& hooks) override;
    [[nodiscard]] std::vector<Parameter>& parameters() override { return weights_.parameters; }
    [[nodiscard]] std::string fingerprint() const override;
    void save(const std::string& folder) const override;
    [[nodiscard]] std::map<std::string, std::string> facts() const override;
    [[nodiscard]] Weights& weights() { return weights_; }
    [[nodiscard]] Route route() const { return route_; }

private:
    void check(const Forest& forest, Wanted wanted) const;
    void add_logps(const at::Tensor& hidden,
                   const ForestTensors& tensors,
                   Wanted wanted,
                   Scored& scored);
    ModelRequest request_;
    Route route_;
    Weights weights_;
    bool head_loaded_ = false;
};

/// Whether `folder` holds a reward model (then open it with score_head) or a language model.
/// Errors: config, io
bool has_score_head(const std::string& folder);

}  // namespace samara::host
