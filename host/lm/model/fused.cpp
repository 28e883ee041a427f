// The fused route: the whole stack of layers as one autograd function with hand-written forward and
// backward. Weight gradients are added straight into the slabs; what is cheap to compute again
// (normed rows, the gated product) is not kept, and each layer's memory is returned as soon as the
// backward has passed it.
#include "lm/model/attention.hpp"
#include "lm/model/decoder.hpp"
#include "lm/model/kernels.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace samara::host {
namespace {

const float* in(const at::Tensor& x) {
    return x.const_data_ptr<float>();
}
float* out(const at::Tensor& x) {
    return x.mutable_data_ptr<float>();
}

struct Normed {
    at::Tensor sum, y, rstd;
};

/// What one layer's backward reads.
struct LayerState {
    at::Tensor x1, rstd1;  ///< residual stream before attention [F, H] and its norm's factor [F]
    at::Tensor q, k, v, o;
    Normed heads_q, heads_k;  ///< heads before their norm [F * heads, D]; y is not kept
    std::vector<at::Tensor> probs;
    at::Tensor x2, rstd2;  ///< residual stream before the MLP
    at::Tensor gate_up;    ///< [F, 2 I]
};

/// One forward's layers, and the forest they were computed on: the backward outlives the caller's.
struct Pass : torch::CustomClassHolder {
    Pass(Weights& weights_in, const Forest& forest, const ForestTensors& tensors)
        : weights(weights_in),
          paths(forest.nodes),
          ids(tensors.ids),
          cos(tensors.cos),
          sin(tensors.sin) {
        const ModelConfig& config = weights.config;
        heads = {ids.size(0), config.kv_heads, config.heads / config.kv_heads, config.head_dim};
        zeros = at::zeros({(heads.group + 2) * heads.kv * heads.dim}, cos.options());
    }
    Weights& weights;
    Paths paths;
    at::Tensor ids, cos, sin, zeros;
    kernels::Heads heads{};
    std::vector<LayerState> layers;
};

/// The residual stream after `delta` (undefined: nothing to add), and its norm.
Normed add_norm(const at::Tensor& x, const at::Tensor& delta, const Slab& weight, double eps) {
    const int64_t n = x.size(0), h = x.size(1);
    Normed result{
        delta.defined() ? at::empty_like(x) : x, at::empty_like(x), at::empty({n}, x.options())};
    kernels::add_rms(in(x),
                     delta.defined() ? in(delta) : nullptr,
                     in(weight.value()),
                     static_cast<float>(eps),
                     delta.defined() ? out(result.sum) : nullptr,
                     out(result.y),
                     out(result.rstd),
                     n,
                     h);
    return result;
}

at::Tensor norm_again(const at::Tensor& x, const at::Tensor& rstd, const Slab& weight) {
    at::Tensor y = at::empty_like(x);
    kernels::apply_rms(in(x), in(rstd), in(weight.value()), out(y), x.size(0), x.size(1));
    return y;
}

at::Tensor linear(const at::Tensor& x, const Slab& weight, const Slab& bias) {
    at::Tensor y = at::mm(x, weight.value().t());
    if (bias.defined())
        y.add_(bias.value());
    return y;
}

/// The weight's and bias's gradients of y = x W^T + b; returns nothing of x.
void add_grads(Slab& weight, Slab& bias, const at::Tensor& dy, const at::Tensor& x) {
    weight.grad().addmm_(dy.t(), x);
    if (bias.defined())
        bias.grad().add_(dy.sum(0));
}

/// `heads` heads of every row of qkv, from head `first` on: their norm in place; what they were and
/// the norm's factor are returned.
Normed norm_heads(const at::Tensor& qkv, int64_t first, int64_t heads, const Slab& w, double eps) {
    const int64_t dim = w.value().size(0);
    const at::Tensor part = qkv.narrow(1, first * dim, heads * dim);
    const at::Tensor before = part.clone(at::MemoryFormat::Contiguous).view({-1, dim});
    Normed normed = add_norm(before, at::Tensor(), w, eps);
    part.copy_(normed.y.view_as(part));
    normed.y.reset();
    return normed;
}

/// Gradients of those heads in place, of the norm's weight into its slab.
void norm_heads_backward(const at::Tensor& dqkv, int64_t first, const Normed& normed, Slab& w) {
    const int64_t n = normed.sum.size(0), dim = normed.sum.size(1);
    const at::Tensor part = dqkv.narrow(1, first * dim, n / dqkv.size(0) * dim);
    const at::Tensor dy = part.clone(at::MemoryFormat::Contiguous).view({n, dim});
    const at::Tensor dx = at::zeros_like(dy);
    kernels::rms_backward(
        in(dy), in(normed.sum), in(w.value()), in(normed.rstd), out(dx), out(w.grad()), n, dim);
    part.copy_(dx.view_as(part));
}

/// x is the stream and `delta` what the layer before adds to it; the same of this layer are
/// returned in place.
void layer_forward(Pass& pass,
                   const Layer& layer,
                   at::Tensor& x,
                   at::Tensor& delta,
                   LayerState* keep) {
    const double eps = pass.weights.config.norm_eps;
    const auto& s = pass.heads;
    const Normed first = add_norm(x, delta, layer.norm_attention, eps);
    const at::Tensor qkv = at::mm(first.y, layer.qkv.value().t());
    const at::Tensor q = at::empty({s.kv, s.tokens, s.group, s.dim}, qkv.options());
    const at::Tensor k = at::empty({s.kv, s.tokens, s.dim}, qkv.options()), v = at::empty_like(k);
    const at::Tensor* bias = layer.qkv_bias.defined() ? &layer.qkv_bias.value() : &pass.zeros;
    Normed heads_q, heads_k;
    if (layer.norm_q.defined()) {
        const int64_t queries = s.kv * s.group;
        qkv.add_(*std::exchange(bias, &pass.zeros));
        heads_q = norm_heads(qkv, 0, queries, layer.norm_q, eps);
        heads_k = norm_heads(qkv, queries, s.kv, layer.norm_k, eps);
    }
    kernels::split_rotate(
        in(qkv), in(*bias), in(pass.cos), in(pass.sin), out(q), out(k), out(v), s);
    std::vector<at::Tensor> probs;
    const at::Tensor o = tree_attention(q, k, v, pass.paths, layer.window, keep ? &probs : nullptr);
    const Normed second =
        add_norm(first.sum, linear(o, layer.output, layer.output_bias), layer.norm_mlp, eps);
    const at::Tensor gate_up = linear(second.y, layer.gate_up, layer.gate_up_bias);
    const at::Tensor z = at::empty({s.tokens, gate_up.size(1) / 2}, gate_up.options());
    kernels::swiglu(in(gate_up), out(z), z.size(0), z.size(1));
    delta = linear(z, layer.down, layer.down_bias);
    x = second.sum;
    if (keep)
        *keep = {first.sum,
                 first.rstd,
                 q,
                 k,
                 v,
                 o,
                 heads_q,
                 heads_k,
                 std::move(probs),
                 second.sum,
                 second.rstd,
                 gate_up};
}

at::Tensor forward_pass(Pass& pass, bool keep) {
    at::Tensor x = pass.weights.embedding.value().index_select(0, pass.ids), delta;
    if (keep)
        pass.layers.resize(pass.weights.layers.size());
    for (size_t i = 0; i < pass.weights.layers.size(); ++i)
        layer_forward(pass, pass.weights.layers[i], x, delta, keep ? &pass.layers[i] : nullptr);
    return x + delta;
}

/// g [F, H]: gradient of the layer's output stream in, of its input stream out.
void mlp_backward(Layer& layer, const LayerState& state, at::Tensor& g) {
    const int64_t n = g.size(0), h = g.size(1);
    const at::Tensor dz = at::mm(g, layer.down.value());
    const at::Tensor d = at::empty_like(state.gate_up), z = at::empty_like(dz);
    kernels::swiglu_backward(in(state.gate_up), in(dz), out(d), out(z), n, dz.size(1));
    add_grads(layer.down, layer.down_bias, g, z);
    add_grads(
        layer.gate_up, layer.gate_up_bias, d, norm_again(state.x2, state.rstd2, layer.norm_mlp));
    const at::Tensor dy = at::mm(d, layer.gate_up.value());
    kernels::rms_backward(in(dy),
                          in(state.x2),
                          in(layer.norm_mlp.value()),
                          in(state.rstd2),
                          out(g),
                          out(layer.norm_mlp.grad()),
                          n,
                          h);
}

void attention_backward(Pass& pass, Layer& layer, const LayerState& state, at::Tensor& g) {
    const int64_t n = g.size(0), h = g.size(1);
    add_grads(layer.output, layer.output_bias, g, state.o);
    const at::Tensor dout = at::mm(g, layer.output.value());
    const auto d =
        tree_attention_backward(state.q, state.k, state.v, state.o, dout, pass.paths, state.probs);
    const at::Tensor dqkv = at::empty({n, layer.qkv.value().size(0)}, g.options());
    kernels::merge_rotate(in(d.q),
                          in(d.k),
                          in(d.v),
                          in(pass.zeros),
                          in(pass.cos),
                          in(pass.sin),
                          out(dqkv),
                          pass.heads);
    if (layer.norm_q.defined()) {
        norm_heads_backward(dqkv, 0, state.heads_q, layer.norm_q);
        norm_heads_backward(dqkv, pass.heads.kv * pass.heads.group, state.heads_k, layer.norm_k);
    }
    add_grads(
        layer.qkv, layer.qkv_bias, dqkv, norm_again(state.x1, state.rstd1, layer.norm_attention));
    const at::Tensor dy = at::mm(dqkv, layer.qkv.value());
    kernels::rms_backward(in(dy),
                          in(state.x1),
                          in(layer.norm_attention.value()),
                          in(state.rstd1),
                          out(g),
                          out(layer.norm_attention.grad()),
                          n,
                          h);
}

class DecodeFunction : public torch::autograd::Function<DecodeFunction> {
public:
    /// `embedding` is there to make the result require grad; its gradient is added to its slab like
    /// all others.
    static at::Tensor forward(torch::autograd::AutogradContext* ctx,
                              const at::Tensor& /*embedding*/,
                              const c10::intrusive_ptr<Pass>& pass) {
        at::Tensor hidden = forward_pass(*pass, true);
        ctx->saved_data["pass"] = c10::IValue::make_capsule(pass);
        return hidden;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                   const torch::autograd::variable_list& grads) {
        auto& pass = static_cast<Pass&>(*ctx->saved_data["pass"].toCapsule());
        TORCH_CHECK(pass.layers.size() == pass.weights.layers.size(),
                    "the graph of a forward was already used by a backward");
        // Own copy: it is changed in place, and the incoming gradient may be shared.
        at::Tensor g = grads[0].clone(at::MemoryFormat::Contiguous);
        while (!pass.layers.empty()) {
            Layer& layer = pass.weights.layers[pass.layers.size() - 1];
            mlp_backward(layer, pass.layers.back(), g);
            attention_backward(pass, layer, pass.layers.back(), g);
            pass.layers.pop_back();
        }
        kernels::add_rows(out(pass.weights.embedding.grad()),
                          pass.ids.const_data_ptr<int64_t>(),
                          in(g),
                          nullptr,
                          nullptr,
                          g.size(0),
                          g.size(1));
        return {at::Tensor(), at::Tensor()};
    }
};

}  // namespace

at::Tensor decode_fused(Weights& weights, const Forest& forest, const ForestTensors& tensors) {
    const auto pass = c10::make_intrusive<Pass>(weights, forest, tensors);
    if (at::GradMode::is_enabled())
        return DecodeFunction::apply(weights.embedding.part(), pass);
    return forward_pass(*pass, false);
}

}  // namespace samara::host
