// Tree attention on the CPU in float32: every node against its ancestors and, causally, itself
// (method m of docs/performance.md, section 3).  Forward and backward as plain functions; fused.cpp
// gives them a graph.
#pragma once
#include "lm/forest/forest.hpp"

#include <ATen/core/Tensor.h>

#include <vector>

namespace samara::host {

/// For every node the token spans from the root down to the node itself.
class Paths {
public:
    struct Span {
        int64_t begin = 0, size = 0;
    };
    explicit Paths(const std::vector<Node>& nodes);
    [[nodiscard]] const std::vector<std::vector<Span>>& nodes() const { return spans_; }

private:
    std::vector<std::vector<Span>> spans_;
};

/// q [kv, F, group, D] and k, v [kv, F, D] -> [F, kv * group * D].  `probs`, if given, receives the
/// attention probabilities that the backward needs: heads x F x context floats in all.  A query
/// sees at most `window` keys, itself included; 0: all.
at::Tensor tree_attention(const at::Tensor& q,
                          const at::Tensor& k,
                          const at::Tensor& v,
                          const Paths& paths,
                          int64_t window,
                          std::vector<at::Tensor>* probs);

struct AttentionGrads {
    at::Tensor q, k, v;
};
/// `out` is the forward's result and `grad` its gradient, both [F, kv * group * D].
AttentionGrads tree_attention_backward(const at::Tensor& q,
                                       const at::Tensor& k,
                                       const at::Tensor& v,
                                       const at::Tensor& out,
                                       const at::Tensor& grad,
                                       const Paths& paths,
                                       const std::vector<at::Tensor>& probs);

}  // namespace samara::host
