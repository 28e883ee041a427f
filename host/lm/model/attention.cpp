// Tree attention in blocks of query rows; see attention.hpp.
#include "lm/model/attention.hpp"

#include "lm/model/kernels.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace samara::host {
namespace {

/// Query rows at a time: keys are cut at the block's end, so that little of the causal triangle is
/// wasted, while the products stay large.  docs/performance.md, section 3.
constexpr int64_t kBlock = 128;

at::Tensor gather(const at::Tensor& k, const std::vector<Paths::Span>& path) {
    if (path.size() == 1)
        return k.narrow(1, path[0].begin, path[0].size);
    std::vector<at::Tensor> pieces;
    pieces.reserve(path.size());
    for (const auto& span : path)
        pieces.push_back(k.narrow(1, span.begin, span.size));
    return at::cat(pieces, 1);
}

/// dk [kv, F, D] += piece [kv, keys, D], where piece's keys are the first of the path's.
void scatter_add(at::Tensor& dk, const at::Tensor& piece, const std::vector<Paths::Span>& path) {
    int64_t done = 0;
    for (const auto& span : path) {
        const int64_t size = std::min(span.size, piece.size(1) - done);
        if (size <= 0)
            break;
        dk.narrow(1, span.begin, size).add_(piece.narrow(1, done, size));
        done += size;
    }
}

/// One block of query rows of one node.
struct Block {
    int64_t begin = 0;   // flat index of its first query
    int64_t rows = 0;    // queries
    int64_t before = 0;  // keys that come before its first query
};

template <class Visit>
void each_block(const std::vector<Paths::Span>& path, const Visit& visit) {
    int64_t ancestors = 0;
    for (size_t i = 0; i + 1 < path.size(); ++i)
        ancestors += path[i].size;
    const Paths::Span own = path.back();
    for (int64_t at = 0; at < own.size; at += kBlock)
        visit(Block{own.begin + at, std::min(kBlock, own.size - at), ancestors + at});
}

float scale_of(const at::Tensor& q) {
    return 1.0f / std::sqrt(static_cast<float>(q.size(3)));
}

}  // namespace

Paths::Paths(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
        auto path = node.parent < 0 ? std::vector<Span>{} : spans_[node.parent];
        path.push_back({node.begin, node.end - node.begin});
        spans_.push_back(std::move(path));
    }
}

at::Tensor tree_attention(const at::Tensor& q,
                          const at::Tensor& k,
                          const at::Tensor& v,
                          const Paths& paths,
                          int64_t window,
                          std::vector<at::Tensor>* probs) {
    const int64_t kv = q.size(0), tokens = q.size(1), group = q.size(2), dim = q.size(3);
    const at::Tensor out = at::empty({tokens, kv * group * dim}, q.options());
    const at::Tensor by_head = out.view({tokens, kv, group, dim}).permute({1, 0, 2, 3});
    for (const auto& path : paths.nodes()) {
        const at::Tensor keys = gather(k, path), values = gather(v, path);
        each_block(path, [&](const Block& block) {
            const int64_t seen = block.before + block.rows;
            const at::Tensor query =
                q.narrow(1, block.begin, block.rows).view({kv, block.rows * group, dim});
            const at::Tensor scores = at::bmm(query, keys.narrow(1, 0, seen).transpose(1, 2));
            kernels::causal_softmax(scores.mutable_data_ptr<float>(),
                                    kv,
                                    block.rows,
                                    group,
                                    seen,
                                    block.before,
                                    window,
                                    scale_of(q));
            by_head.narrow(1, block.begin, block.rows)
                .copy_(
                    at::bmm(scores, values.narrow(1, 0, seen)).view({kv, block.rows, group, dim}));
            if (probs)
                probs->push_back(scores);
        });
    }
    return out;
}

AttentionGrads tree_attention_backward(const at::Tensor& q,
                                       const at::Tensor& k,
                                       const at::Tensor& v,
                                       const at::Tensor& out,
                                       const at::Tensor& grad,
                                       const Paths& paths,
                                       const std::vector<at::Tensor>& probs) {
    const int64_t kv = q.size(0), tokens = q.size(1), group = q.size(2), dim = q.size(3);
    const at::Tensor dots = at::empty({tokens, kv, group}, q.options());
    kernels::row_dots(grad.const_data_ptr<float>(),
                      out.const_data_ptr<float>(),
                      dots.mutable_data_ptr<float>(),
                      tokens * kv * group,
                      dim);
    const at::Tensor delta = dots.transpose(0, 1).contiguous();  // [kv, F, group]
    const at::Tensor g = grad.view({tokens, kv, group, dim}).permute({1, 0, 2, 3}).contiguous();
    AttentionGrads d{at::empty_like(q), at::zeros_like(k), at::zeros_like(v)};
    size_t next = 0;
    for (const auto& path : paths.nodes()) {
        const at::Tensor keys = gather(k, path), values = gather(v, path);
        each_block(path, [&](const Block& block) {
            const int64_t seen = block.before + block.rows, rows = block.rows * group;
            const at::Tensor& p = probs[next++];
            const at::Tensor gi = g.narrow(1, block.begin, block.rows).view({kv, rows, dim});
            const at::Tensor qi = q.narrow(1, block.begin, block.rows).view({kv, rows, dim});
            scatter_add(d.v, at::bmm(p.transpose(1, 2), gi), path);
            const at::Tensor ds = at::bmm(gi, values.narrow(1, 0, seen).transpose(1, 2));
            kernels::softmax_backward(p.const_data_ptr<float>(),
                                      ds.mutable_data_ptr<float>(),
                                      delta.const_data_ptr<float>() + block.begin * group,
                                      tokens * group,
                                      kv,
                                      rows,
                                      seen,
                                      scale_of(q));
            d.q.narrow(1, block.begin, block.rows)
                .copy_(at::bmm(ds, keys.narrow(1, 0, seen)).view({kv, block.rows, group, dim}));
            scatter_add(d.k, at::bmm(ds.transpose(1, 2), qi), path);
        });
    }
    return d;
}

}  // namespace samara::host
