// Slabs and the list of a decoder's parameters; see weights.hpp.
#include "lm/model/weights.hpp"

#include <samara/samara.h>

#include <ATen/ATen.h>

namespace samara::host {

Slab::Slab(const std::vector<std::vector<int64_t>>& shapes, const at::TensorOptions& options) {
    std::vector<int64_t> whole = shapes.front();
    for (size_t i = 1; i < shapes.size(); ++i)
        whole[0] += shapes[i][0];
    value_ = at::empty(whole, options);
    int64_t row = 0;
    for (const auto& shape : shapes) {
        parts_.push_back(value_.narrow(0, row, shape[0]).detach().requires_grad_(true));
        row += shape[0];
    }
}

const at::Tensor& Slab::part(size_t index) const {
    static const at::Tensor absent;
    return parts_.empty() ? absent : parts_[index];
}

at::Tensor& Slab::grad() {
    const at::NoGradGuard no_grad;
    if (!grad_.defined())
        grad_ = at::zeros_like(value_);
    int64_t row = 0;
    for (auto& part : parts_) {
        const auto own = grad_.narrow(0, row, part.size(0));
        row += part.size(0);
        at::Tensor& seen = part.mutable_grad();
        if (seen.defined() && seen.data_ptr() == own.data_ptr())
            continue;
        if (seen.defined())
            own.copy_(seen);
        else
            own.zero_();
        seen = own;
    }
    return grad_;
}

namespace {

class Builder {
public:
    Builder(Weights& weights, const at::TensorOptions& options)
        : weights_(weights), options_(options) {}
    /// One slab of the named parts, each [rows, columns], or [rows] if columns is 0.
    Slab make(const std::vector<std::pair<std::string, int64_t>>& named,
              int64_t columns,
              int64_t role) {
        std::vector<std::vector<int64_t>> shapes;
        for (const auto& [name, rows] : named)
            shapes.push_back(columns > 0 ? std::vector{rows, columns} : std::vector{rows});
        Slab slab(shapes, options_);
        for (size_t i = 0; i < named.size(); ++i)
            weights_.parameters.push_back({named[i].first, role, slab.part(i)});
        return slab;
    }

private:
    Weights& weights_;
    at::TensorOptions options_;
};

Layer make_layer(Builder& build, const ModelConfig& config, int64_t index) {
    const std::string at = "model.layers." + std::to_string(index) + ".";
    const std::string attn = at + "self_attn.", mlp = at + "mlp.";
    const int64_t h = config.hidden, q = config.heads * config.head_dim;
    const int64_t kv = config.kv_heads * config.head_dim, inner = config.intermediate;
    const auto weight = [](const std::string& name) { return name + "_proj.weight"; };
    const auto bias = [](const std::string& name) { return name + "_proj.bias"; };
    Layer layer;
    layer.qkv =
        build.make({{weight(attn + "q"), q}, {weight(attn + "k"), kv}, {weight(attn + "v"), kv}},
                   h,
                   SAMARA_ROLE_MATRIX);
    if (config.qkv_bias)
        layer.qkv_bias =
            build.make({{bias(attn + "q"), q}, {bias(attn + "k"), kv}, {bias(attn + "v"), kv}},
                       0,
                       SAMARA_ROLE_BIAS);
    layer.output = build.make({{weight(attn + "o"), h}}, q, SAMARA_ROLE_MATRIX);
    if (config.output_bias)
        layer.output_bias = build.make({{bias(attn + "o"), h}}, 0, SAMARA_ROLE_BIAS);
    if (config.qk_norm) {
        layer.norm_q = build.make({{attn + "q_norm.weight", config.head_dim}}, 0, SAMARA_ROLE_NORM);
        layer.norm_k = build.make({{attn + "k_norm.weight", config.head_dim}}, 0, SAMARA_ROLE_NORM);
    }
    layer.window = config.windows[static_cast<size_t>(index)];
    layer.gate_up = build.make(
        {{weight(mlp + "gate"), inner}, {weight(mlp + "up"), inner}}, h, SAMARA_ROLE_MATRIX);
    layer.down = build.make({{weight(mlp + "down"), h}}, inner, SAMARA_ROLE_MATRIX);
    if (config.mlp_bias) {
        layer.gate_up_bias = build.make(
            {{bias(mlp + "gate"), inner}, {bias(mlp + "up"), inner}}, 0, SAMARA_ROLE_BIAS);
        layer.down_bias = build.make({{bias(mlp + "down"), h}}, 0, SAMARA_ROLE_BIAS);
    }
    layer.norm_attention = build.make({{at + "input_layernorm.weight", h}}, 0, SAMARA_ROLE_NORM);
    layer.norm_mlp = build.make({{at + "post_attention_layernorm.weight", h}}, 0, SAMARA_ROLE_NORM);
    return layer;
}

}  // namespace

Weights make_weights(const ModelConfig& config, const at::TensorOptions& options, bool reward) {
    Weights weights;
    weights.config = config;
    Builder build(weights, options);
    const int64_t h = config.hidden, v = config.vocabulary;
    weights.embedding = build.make({{"model.embed_tokens.weight", v}}, h, SAMARA_ROLE_EMBEDDING);
    for (int64_t i = 0; i < config.layers; ++i)
        weights.layers.push_back(make_layer(build, config, i));
    weights.norm = build.make({{"model.norm.weight", h}}, 0, SAMARA_ROLE_NORM);
    if (reward)
        weights.score = build.make({{"score.weight", 1}}, h, SAMARA_ROLE_HEAD);
    else if (!config.tied)
        weights.head = build.make({{"lm_head.weight", v}}, h, SAMARA_ROLE_HEAD);
    return weights;
}

}  // namespace samara::host
