// The plain route: the decoder in ATen operators, one line for each formula, and the parts both
// routes share.
#include "lm/model/decoder.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace samara::host {
namespace {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
    return x * at::rsqrt(x.square().mean(-1, true) + eps) * weight;
}

at::Tensor linear(const at::Tensor& x, const Slab& weight, const Slab& bias, size_t part = 0) {
    const at::Tensor y = at::mm(x, weight.part(part).t());
    return bias.defined() ? y + bias.part(part) : y;
}

/// x [F, heads, D], rotated in halves: (a, b) -> (a cos - b sin, b cos + a sin).
at::Tensor rotate(const at::Tensor& x, const ForestTensors& tensors) {
    const auto halves = x.chunk(2, -1);
    const at::Tensor cos = tensors.cos.unsqueeze(1), sin = tensors.sin.unsqueeze(1);
    return at::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

/// Flat indices of a node's ancestors' tokens and its own, first to last.
std::vector<std::pair<int64_t, int64_t>> spans_to(const Forest& forest, int64_t node) {
    std::vector<std::pair<int64_t, int64_t>> spans;
    for (; node >= 0; node = forest.nodes[node].parent)
        spans.insert(spans.begin(), {forest.nodes[node].begin, forest.nodes[node].end});
    return spans;
}

/// q [heads, F, D], k and v [kv heads, F, D] -> [F, heads * D]: every node against its ancestors
/// and, causally, itself; of those the last `window` keys if that is above 0.
at::Tensor attend(const at::Tensor& q,
                  const at::Tensor& k,
                  const at::Tensor& v,
                  const Forest& forest,
                  int64_t window) {
    const int64_t heads = q.size(0), dim = q.size(2), repeat = heads / k.size(0);
    const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
    std::vector<at::Tensor> outputs;
    for (size_t n = 0; n < forest.nodes.size(); ++n) {
        const Node& node = forest.nodes[n];
        std::vector<at::Tensor> keys, values;
        for (const auto& [begin, end] : spans_to(forest, static_cast<int64_t>(n))) {
            keys.push_back(k.slice(1, begin, end));
            values.push_back(v.slice(1, begin, end));
        }
        const at::Tensor key = at::repeat_interleave(at::cat(keys, 1), repeat, 0);
        const at::Tensor value = at::repeat_interleave(at::cat(values, 1), repeat, 0);
        const int64_t rows = node.end - node.begin, before = key.size(1) - rows;
        const at::Tensor all = at::ones({rows, key.size(1)}, q.options().dtype(at::kBool));
        at::Tensor hidden = all.triu(before + 1);
        if (window > 0)
            hidden = hidden.logical_or(all.tril(before - window));
        const at::Tensor scores =
            at::matmul(q.slice(1, node.begin, node.end), key.transpose(1, 2)) * scale;
        const at::Tensor weights = at::softmax(scores.masked_fill(hidden, -INFINITY), -1);
        outputs.push_back(at::matmul(weights, value));
    }
    return at::cat(outputs, 1).transpose(0, 1).reshape({q.size(1), heads * dim});
}

/// [M, V], nats.
at::Tensor log_probs(Weights& weights, const at::Tensor& normed) {
    return at::log_softmax(at::mm(normed, weights.logits_head().part().t()), -1);
}

/// Of all log-probabilities [M, V] those of the targets: [U].
at::Tensor pick(const at::Tensor& all, const ForestTensors& tensors) {
    return all.reshape({-1}).index_select(0,
                                          tensors.target_rows * all.size(1) + tensors.target_ids);
}

at::Tensor decode_plain(Weights& weights, const Forest& forest, const ForestTensors& tensors) {
    const ModelConfig& config = weights.config;
    at::Tensor x = weights.embedding.part().index_select(0, tensors.ids);
    const int64_t f = x.size(0), dim = config.head_dim;
    for (const Layer& layer : weights.layers) {
        const at::Tensor y = rms_norm(x, layer.norm_attention.part(), config.norm_eps);
        const auto head = [&](size_t part) {
            return linear(y, layer.qkv, layer.qkv_bias, part).view({f, -1, dim});
        };
        const auto turned = [&](size_t part, const Slab& norm) {
            const at::Tensor x = head(part);
            return rotate(norm.defined() ? rms_norm(x, norm.part(), config.norm_eps) : x, tensors);
        };
        const at::Tensor q = turned(0, layer.norm_q), k = turned(1, layer.norm_k), v = head(2);
        const at::Tensor o =
            attend(q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), forest, layer.window);
        x = x + linear(o, layer.output, layer.output_bias);
        const at::Tensor z = rms_norm(x, layer.norm_mlp.part(), config.norm_eps);
        const at::Tensor gate = linear(z, layer.gate_up, layer.gate_up_bias, 0);
        const at::Tensor up = linear(z, layer.gate_up, layer.gate_up_bias, 1);
        x = x + linear(at::silu(gate) * up, layer.down, layer.down_bias);
    }
    return x;
}

}  // namespace

at::Tensor rotary_frequencies(const ModelConfig& config, const at::TensorOptions& options) {
    const Rope& rope = config.rope;
    const double dim = static_cast<double>(config.head_dim);
    const at::Tensor power = at::arange(0, config.head_dim, 2, options) / dim;
    const at::Tensor plain = at::reciprocal(at::pow(rope.theta, power));
    if (!rope.llama3)
        return plain;
    // Waves longer than original / low turn slower by the factor, those shorter than original /
    // high as they did; between, the share of the old frequency is linear in 1 / wavelength.
    const at::Tensor turns = static_cast<double>(rope.original) * plain / (2 * M_PI);
    const at::Tensor share = ((turns - rope.low) / (rope.high - rope.low)).clamp(0, 1);
    return (1 - share) * plain / rope.factor + share * plain;
}

ForestTensors make_tensors(const Forest& forest, const Weights& weights) {
    const at::TensorOptions options = weights.embedding.value().options();
    const auto list = [&](const std::vector<int64_t>& values) {
        return at::tensor(values, at::kLong).to(options.device());
    };
    ForestTensors out;
    out.ids = list(forest.ids);
    out.last = list(forest.last);
    out.length = list(forest.length);
    out.rows = list(forest.rows);
    out.target_ids = list(forest.target_ids);
    out.target_rows = list(forest.target_rows);
    out.tok_target = list(forest.tok_target);
    out.tok_candidate = list(forest.tok_candidate);
    out.prompt_target = list(forest.prompt_target);
    out.prompt_candidate = list(forest.prompt_candidate);
    const at::Tensor angle = list(forest.positions).to(options.dtype()).unsqueeze(1) *
                             rotary_frequencies(weights.config, options);
    out.cos = angle.cos().contiguous();
    out.sin = angle.sin().contiguous();
    return out;
}

at::Tensor decode(Weights& weights,
                  const Forest& forest,
                  const ForestTensors& tensors,
                  Route route) {
    return route == Route::fused ? decode_fused(weights, forest, tensors)
                                 : decode_plain(weights, forest, tensors);
}

at::Tensor final_norm(Weights& weights, const at::Tensor& hidden) {
    return rms_norm(hidden, weights.norm.part(), weights.config.norm_eps);
}

at::Tensor target_logps(Weights& weights,
                        const at::Tensor& normed,
                        const ForestTensors& tensors,
                        Route route) {
    if (route == Route::fused)
        return target_logps_fused(weights, normed, tensors);
    return pick(log_probs(weights, normed), tensors);
}

TargetStats target_stats(Weights& weights, const at::Tensor& normed, const ForestTensors& tensors) {
    const at::Tensor all = log_probs(weights, normed);  // [M, V]
    const at::Tensor entropy = -(all.exp() * all).sum(-1);
    const at::Tensor log_p2 = at::logsumexp(2 * all.detach(), -1);
    return {pick(all, tensors),
            entropy.index_select(0, tensors.target_rows),
            log_p2.index_select(0, tensors.target_rows)};
}

}  // namespace samara::host
