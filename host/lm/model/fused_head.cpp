// The fused route's language-model head: logits only of rows that a response token is read from, in
// chunks; softmax kept for a backward of three products without a pass over all logits
// (docs/performance.md, section 4).
#include "lm/model/decoder.hpp"
#include "lm/model/kernels.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace samara::host {
namespace {

constexpr int64_t kChunk = 256;  // rows of logits at a time: 50 MB at a vocabulary of 49,152
/// Probabilities kept for the backward, in floats (1 GiB); beyond it they are computed again, one
/// product more.
constexpr int64_t kKeep = int64_t{1} << 28;

struct Head : torch::CustomClassHolder {
    Slab* slab = nullptr;       // the logits' weight [V, H]
    at::Tensor h;               // [M, H]
    at::Tensor rows, ids;       // [U] row of h and token
    std::vector<at::Tensor> p;  // softmax of the first chunks
};

at::Tensor logits_of(const Head& head, int64_t begin) {
    const int64_t n = std::min(kChunk, head.h.size(0) - begin);
    return at::mm(head.h.narrow(0, begin, n), head.slab->value().t());
}

/// Log-probabilities of all targets; keeps the softmax of as many chunks as fit, if asked.
at::Tensor run(Head& head, bool keep) {
    const int64_t m = head.h.size(0), u = head.rows.size(0), v = head.slab->value().size(0);
    at::Tensor logps = at::empty({u}, head.h.options());
    const at::Tensor lse = at::empty({kChunk}, head.h.options());
    float* out = logps.mutable_data_ptr<float>();
    const auto* rows = head.rows.const_data_ptr<int64_t>();
    const auto* ids = head.ids.const_data_ptr<int64_t>();
    int64_t target = 0;  // rows are ascending
    for (int64_t begin = 0; begin < m; begin += kChunk) {
        const at::Tensor logits = logits_of(head, begin);
        const int64_t n = logits.size(0), first = target;
        float* data = logits.mutable_data_ptr<float>();
        for (; target < u && rows[target] < begin + n; ++target)
            out[target] = data[(rows[target] - begin) * v + ids[target]];
        const bool kept = keep && (begin + n) * v <= kKeep;
        kernels::log_sum_exp(data, lse.mutable_data_ptr<float>(), kept, n, v);
        for (int64_t i = first; i < target; ++i)
            out[i] -= lse.const_data_ptr<float>()[rows[i] - begin];
        if (kept)
            head.p.push_back(logits);
    }
    return logps;
}

/// The softmax of a chunk: kept, or computed again.
at::Tensor probabilities(Head& head, int64_t begin) {
    const auto chunk = static_cast<size_t>(begin / kChunk);
    if (chunk < head.p.size())
        return std::exchange(head.p[chunk], at::Tensor());
    at::Tensor logits = logits_of(head, begin);
    const at::Tensor lse = at::empty({logits.size(0)}, logits.options());
    kernels::log_sum_exp(logits.mutable_data_ptr<float>(),
                         lse.mutable_data_ptr<float>(),
                         true,
                         logits.size(0),
                         logits.size(1));
    return logits;
}

class HeadFunction : public torch::autograd::Function<HeadFunction> {
public:
    static at::Tensor forward(torch::autograd::AutogradContext* ctx,
                              const at::Tensor& /*hidden*/,
                              const c10::intrusive_ptr<Head>& head) {
        at::Tensor logps = run(*head, true);
        ctx->saved_data["head"] = c10::IValue::make_capsule(head);
        return logps;
    }
    /// With g the gradient of a target and G the sum of g over a row's targets:
    /// dh = sum g W[y] - G P W,  dW[y] += g h,  dW -= P^T (G h).
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                   const torch::autograd::variable_list& grads) {
        auto& head = static_cast<Head&>(*ctx->saved_data["head"].toCapsule());
        TORCH_CHECK(head.h.defined(), "the graph of a forward was already used by a backward");
        const at::Tensor g = grads[0].contiguous(), weight = head.slab->value();
        const int64_t m = head.h.size(0), width = head.h.size(1), u = head.rows.size(0);
        const at::Tensor sums =
            at::zeros({m}, g.options()).index_add_(0, head.rows, g).unsqueeze(1);
        const at::Tensor dh = at::empty_like(head.h), scaled = head.h * sums;
        at::Tensor& dw = head.slab->grad();
        for (int64_t begin = 0; begin < m; begin += kChunk) {
            const at::Tensor p = probabilities(head, begin);
            at::Tensor part = dh.narrow(0, begin, p.size(0));
            at::mm_out(part, p, weight);
            dw.addmm_(p.t(), scaled.narrow(0, begin, p.size(0)), 1, -1);
        }
        dh.mul_(sums.neg());
        const auto* rows = head.rows.const_data_ptr<int64_t>();
        const auto* ids = head.ids.const_data_ptr<int64_t>();
        const float* scale = g.const_data_ptr<float>();
        kernels::add_rows(dh.mutable_data_ptr<float>(),
                          rows,
                          weight.const_data_ptr<float>(),
                          ids,
                          scale,
                          u,
                          width);
        kernels::add_rows(dw.mutable_data_ptr<float>(),
                          ids,
                          head.h.const_data_ptr<float>(),
                          rows,
                          scale,
                          u,
                          width);
        head.h.reset();
        return {dh, at::Tensor()};
    }
};

}  // namespace

at::Tensor target_logps_fused(Weights& weights,
                              const at::Tensor& normed,
                              const ForestTensors& tensors) {
    const auto head = c10::make_intrusive<Head>();
    head->slab = &weights.logits_head();
    head->h = normed.detach().contiguous();
    head->rows = tensors.target_rows;
    head->ids = tensors.target_ids;
    if (at::GradMode::is_enabled() && normed.requires_grad())
        return HeadFunction::apply(normed, head);
    return run(*head, false);
}

}  // namespace samara::host
