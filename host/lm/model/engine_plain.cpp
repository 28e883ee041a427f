// The plain engine: the same tokens behind the same caches in ATen operators, for any device and
// for float64; the reference of the fused one.
#include "lm/model/generate.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace samara::host {
namespace {

class PlainEngine final : public Engine {
public:
    explicit PlainEngine(Weights& weights) : weights_(weights) {}

    [[nodiscard]] Cache make_cache(int64_t capacity) const override {
        const ModelConfig& config = weights_.config;
        Cache cache;
        cache.k = at::zeros({config.layers, config.kv_heads, capacity, config.head_dim},
                            weights_.embedding.value().options());
        cache.v = at::zeros_like(cache.k);
        cache.capacity = capacity;
        return cache;
    }

    at::Tensor advance(std::span<const Run> runs, bool logits) override {
        Forest forest;
        for (const Run& run : runs) {
            const int64_t before = run.own->size + (run.shared ? run.shared->size : 0);
            for (size_t i = 0; i < run.ids.size(); ++i) {
                forest.ids.push_back(run.ids[i]);
                forest.positions.push_back(before + static_cast<int64_t>(i));
            }
            forest.last.push_back(static_cast<int64_t>(forest.ids.size()) - 1);
        }
        const ForestTensors tensors = make_tensors(forest, weights_);
        at::Tensor x = weights_.embedding.value().index_select(0, tensors.ids);
        for (size_t i = 0; i < weights_.layers.size(); ++i)
            x = run_layer(i, runs, tensors, x);
        for (const Run& run : runs)
            run.own->size += static_cast<int64_t>(run.ids.size());
        if (!logits)
            return {};
        const at::Tensor y = final_norm(weights_, x.index_select(0, tensors.last));
        return at::mm(y, weights_.logits_head().value().t()).to(at::kCPU, at::kFloat).contiguous();
    }

private:
    [[nodiscard]] at::Tensor norm(const at::Tensor& x, const Slab& weight) const {
        return x * at::rsqrt(x.square().mean(-1, true) + weights_.config.norm_eps) * weight.value();
    }

    static at::Tensor linear(const at::Tensor& x, const Slab& weight, const Slab& bias) {
        const at::Tensor y = at::mm(x, weight.value().t());
        return bias.defined() ? y + bias.value() : y;
    }

    /// x [T, heads, D], rotated in halves.
    static at::Tensor rotate(const at::Tensor& x, const ForestTensors& tensors) {
        const auto halves = x.chunk(2, -1);
        const at::Tensor cos = tensors.cos.unsqueeze(1), sin = tensors.sin.unsqueeze(1);
        return at::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
    }

    /// One run's queries [heads, n, D] against everything before them and, causally, themselves.
    [[nodiscard]] at::Tensor attend(const Run& run, int64_t layer, const at::Tensor& q) const {
        const int64_t n = q.size(1), stored = run.own->size + n;
        at::Tensor k = run.own->k[layer].narrow(1, 0, stored);
        at::Tensor v = run.own->v[layer].narrow(1, 0, stored);
        if (run.shared) {
            k = at::cat({run.shared->k[layer].narrow(1, 0, run.shared->size), k}, 1);
            v = at::cat({run.shared->v[layer].narrow(1, 0, run.shared->size), v}, 1);
        }
        const int64_t repeat = q.size(0) / k.size(0), before = k.size(1) - n;
        const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
        const at::Tensor all = at::ones({n, k.size(1)}, q.options().dtype(at::kBool));
        const int64_t window = weights_.layers[static_cast<size_t>(layer)].window;
        at::Tensor hidden = all.triu(before + 1);
        if (window > 0)
            hidden = hidden.logical_or(all.tril(before - window));
        const at::Tensor scores =
            at::matmul(q, at::repeat_interleave(k, repeat, 0).transpose(1, 2)) * scale;
        return at::matmul(at::softmax(scores.masked_fill(hidden, -INFINITY), -1),
                          at::repeat_interleave(v, repeat, 0));
    }

    [[nodiscard]] at::Tensor run_layer(size_t index,
                                       std::span<const Run> runs,
                                       const ForestTensors& tensors,
                                       at::Tensor x) const {
        const Layer& layer = weights_.layers[index];
        const ModelConfig& config = weights_.config;
        const auto l = static_cast<int64_t>(index);
        const at::Tensor qkv = linear(norm(x, layer.norm_attention), layer.qkv, layer.qkv_bias)
                                   .view({x.size(0), -1, config.head_dim});
        const auto turned = [&](int64_t first, int64_t heads, const Slab& weight) {
            const at::Tensor part = qkv.narrow(1, first, heads);
            return rotate(weight.defined() ? norm(part, weight) : part, tensors).transpose(0, 1);
        };
        const at::Tensor q = turned(0, config.heads, layer.norm_q);
        const at::Tensor k = turned(config.heads, config.kv_heads, layer.norm_k);
        const at::Tensor v =
            qkv.narrow(1, config.heads + config.kv_heads, config.kv_heads).transpose(0, 1);
        std::vector<at::Tensor> outputs;
        int64_t row = 0;
        for (const Run& run : runs) {
            const auto n = static_cast<int64_t>(run.ids.size());
            run.own->k[l].narrow(1, run.own->size, n).copy_(k.narrow(1, row, n));
            run.own->v[l].narrow(1, run.own->size, n).copy_(v.narrow(1, row, n));
            outputs.push_back(attend(run, l, q.narrow(1, row, n)));
            row += n;
        }
        const at::Tensor o = at::cat(outputs, 1).transpose(0, 1).reshape({x.size(0), -1});
        x = x + linear(o, layer.output, layer.output_bias);
        const at::Tensor gate_up =
            linear(norm(x, layer.norm_mlp), layer.gate_up, layer.gate_up_bias);
        const auto halves = gate_up.chunk(2, -1);
        return x + linear(at::silu(halves[0]) * halves[1], layer.down, layer.down_bias);
    }

    Weights& weights_;
};

}  // namespace

std::unique_ptr<Engine> make_plain_engine(Weights& weights) {
    return std::make_unique<PlainEngine>(weights);
}

}  // namespace samara::host
