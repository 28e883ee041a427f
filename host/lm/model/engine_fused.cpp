// The fused engine: rows through the layers by kernels whose result for a row depends on no other
// row.  The formulas are those of fused.cpp; the matrix products are not the library's, because its
// order of summation changes with the number of rows, and because a few rows leave it far from the
// speed of memory (docs/performance.md, section 5).
#include "lm/model/generate.hpp"
#include "lm/model/kernels_decode.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace samara::host {
namespace {

constexpr int64_t kAngles =
    256;  // positions whose angles are computed together: one thread, always

const float* in(const at::Tensor& x) {
    return x.const_data_ptr<float>();
}
float* out(const at::Tensor& x) {
    return x.mutable_data_ptr<float>();
}

at::Tensor linear(const at::Tensor& x, const Slab& weight, const Slab& bias) {
    const at::Tensor& w = weight.value();
    const at::Tensor y = at::empty({x.size(0), w.size(0)}, x.options());
    kernels::row_products(in(x),
                          in(w),
                          bias.defined() ? in(bias.value()) : nullptr,
                          out(y),
                          x.size(0),
                          x.size(1),
                          w.size(0));
    return y;
}

class FusedEngine final : public Engine {
public:
    explicit FusedEngine(Weights& weights) : weights_(weights) {
        const ModelConfig& config = weights.config;
        heads_ = {0, config.kv_heads, config.heads / config.kv_heads, config.head_dim};
        zeros_ = at::zeros({(heads_.group + 2) * heads_.kv * heads_.dim},
                           weights.embedding.value().options());
    }

    [[nodiscard]] Cache make_cache(int64_t capacity) const override {
        const int64_t blocks = (capacity + kernels::kKeyBlock - 1) / kernels::kKeyBlock;
        const int64_t tokens = blocks * kernels::kKeyBlock;
        const auto layers = static_cast<int64_t>(weights_.layers.size());
        Cache cache;
        cache.k = at::zeros({layers, heads_.kv, blocks, heads_.dim, kernels::kKeyBlock},
                            zeros_.options());
        cache.v = at::zeros({layers, heads_.kv, tokens, heads_.dim}, zeros_.options());
        cache.capacity = tokens;
        return cache;
    }

    at::Tensor advance(std::span<const Run> runs, bool logits) override {
        Rows rows = lay(runs);
        at::Tensor x = weights_.embedding.value().index_select(0, rows.ids), delta;
        for (size_t i = 0; i < weights_.layers.size(); ++i)
            run_layer(i, runs, rows, x, delta);
        for (const Run& run : runs)
            run.own->size += static_cast<int64_t>(run.ids.size());
        if (!logits)
            return {};
        const at::Tensor last = at::tensor(rows.last, at::kLong);
        x = x.index_select(0, last);
        return linear(
            norm(x, delta.index_select(0, last), weights_.norm), weights_.logits_head(), Slab());
    }

private:
    struct Rows {
        at::Tensor ids, cos, sin;
        std::vector<int64_t> last;  ///< row of each run's last token
        kernels::Heads heads{};
    };

    Rows lay(std::span<const Run> runs) {
        Rows rows;
        std::vector<int64_t> ids, positions;
        for (const Run& run : runs) {
            const int64_t before = run.own->size + (run.shared ? run.shared->size : 0);
            for (size_t i = 0; i < run.ids.size(); ++i) {
                ids.push_back(run.ids[i]);
                positions.push_back(before + static_cast<int64_t>(i));
            }
            rows.last.push_back(static_cast<int64_t>(ids.size()) - 1);
        }
        rows.heads = heads_;
        rows.heads.tokens = static_cast<int64_t>(ids.size());
        extend_angles(*std::max_element(positions.begin(), positions.end()));
        const at::Tensor at = at::tensor(positions, at::kLong);
        rows.ids = at::tensor(ids, at::kLong);
        rows.cos = cos_.index_select(0, at);
        rows.sin = sin_.index_select(0, at);
        return rows;
    }

    /// Angles of positions up to `position`, in pieces that are computed alike whoever asks.
    void extend_angles(int64_t position) {
        while (!cos_.defined() || cos_.size(0) <= position) {
            Forest forest;
            for (int64_t i = 0, first = cos_.defined() ? cos_.size(0) : 0; i < kAngles; ++i)
                forest.positions.push_back(first + i);
            const ForestTensors more = make_tensors(forest, weights_);
            cos_ = cos_.defined() ? at::cat({cos_, more.cos}) : more.cos;
            sin_ = sin_.defined() ? at::cat({sin_, more.sin}) : more.sin;
        }
    }

    /// x += delta (undefined: nothing to add); returns its norm.
    [[nodiscard]] at::Tensor norm(at::Tensor& x,
                                  const at::Tensor& delta,
                                  const Slab& weight) const {
        const int64_t n = x.size(0), h = x.size(1);
        const at::Tensor y = at::empty_like(x), rstd = at::empty({n}, x.options());
        kernels::add_rms(in(x),
                         delta.defined() ? in(delta) : nullptr,
                         in(weight.value()),
                         static_cast<float>(weights_.config.norm_eps),
                         delta.defined() ? out(x) : nullptr,
                         out(y),
                         out(rstd),
                         n,
                         h);
        return y;
    }

    /// `heads` heads of every row, from head `first` on: their norm in place, where there is one.
    void norm_heads(const at::Tensor& qkv, int64_t first, int64_t heads, const Slab& weight) const {
        if (!weight.defined())
            return;
        const at::Tensor part = qkv.narrow(1, first * heads_.dim, heads * heads_.dim);
        at::Tensor before = part.clone(at::MemoryFormat::Contiguous).view({-1, heads_.dim});
        part.copy_(norm(before, at::Tensor(), weight).view_as(part));
    }

    /// Queries of all rows; their keys and values go into the caches.
    at::Tensor attend(size_t index,
                      std::span<const Run> runs,
                      const Rows& rows,
                      const at::Tensor& qkv) const {
        const Layer& layer = weights_.layers[index];
        const kernels::Heads& s = rows.heads;
        const at::Tensor q = at::empty({s.kv, s.tokens, s.group, s.dim}, qkv.options());
        const at::Tensor k = at::empty({s.kv, s.tokens, s.dim}, qkv.options()),
                         v = at::empty_like(k);
        kernels::split_rotate(
            in(qkv), in(zeros_), in(rows.cos), in(rows.sin), out(q), out(k), out(v), s);
        std::vector<kernels::Sight> sights;
        for (const Run& run : runs) {
            const kernels::Stretch shared =
                run.shared ? stretch(*run.shared, index) : kernels::Stretch{};
            kernels::Stretch own = stretch(*run.own, index);
            for (size_t i = 0; i < run.ids.size(); ++i) {
                const int64_t stride = own.stride;
                const auto offset = static_cast<int64_t>(index) * s.kv * stride;
                kernels::store_row(in(k),
                                   in(v),
                                   static_cast<int64_t>(sights.size()),
                                   s,
                                   out(run.own->k) + offset,
                                   out(run.own->v) + offset,
                                   stride,
                                   own.size++);
                sights.push_back({shared, own});
            }
        }
        const at::Tensor o = at::empty({s.tokens, s.kv * s.group * s.dim}, qkv.options());
        kernels::cached_attention(in(q),
                                  sights.data(),
                                  out(o),
                                  s,
                                  layer.window,
                                  1.0f / std::sqrt(static_cast<float>(s.dim)));
        return o;
    }

    [[nodiscard]] kernels::Stretch stretch(const Cache& cache, size_t index) const {
        const int64_t stride = cache.capacity * heads_.dim;
        const int64_t offset = static_cast<int64_t>(index) * heads_.kv * stride;
        return {in(cache.k) + offset, in(cache.v) + offset, stride, cache.size};
    }

    /// x is the stream and `delta` what the layer before adds to it; the same of this layer are
    /// returned in place.
    void run_layer(size_t index,
                   std::span<const Run> runs,
                   const Rows& rows,
                   at::Tensor& x,
                   at::Tensor& delta) const {
        const Layer& layer = weights_.layers[index];
        const at::Tensor qkv =
            linear(norm(x, delta, layer.norm_attention), layer.qkv, layer.qkv_bias);
        norm_heads(qkv, 0, heads_.kv * heads_.group, layer.norm_q);
        norm_heads(qkv, heads_.kv * heads_.group, heads_.kv, layer.norm_k);
        const at::Tensor o = attend(index, runs, rows, qkv);
        const at::Tensor y = norm(x, linear(o, layer.output, layer.output_bias), layer.norm_mlp);
        const at::Tensor gate_up = linear(y, layer.gate_up, layer.gate_up_bias);
        const at::Tensor z = at::empty({x.size(0), gate_up.size(1) / 2}, x.options());
        kernels::swiglu(in(gate_up), out(z), z.size(0), z.size(1));
        delta = linear(z, layer.down, layer.down_bias);
    }

    Weights& weights_;
    kernels::Heads heads_{};
    at::Tensor zeros_, cos_, sin_;
};

}  // namespace

std::unique_ptr<Engine> make_fused_engine(Weights& weights) {
    return std::make_unique<FusedEngine>(weights);
}

}  // namespace samara::host
