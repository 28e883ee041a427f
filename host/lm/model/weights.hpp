// The trainable tensors of a decoder: separate named leaves for the optimizer, laid side by side in
// slabs where the forward multiplies them in one product.  Loading and saving are in folder.hpp,
// computing in decoder.hpp.
#pragma once
#include "core/model_tensors.hpp"
#include "lm/model/config.hpp"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace samara::host {

/// Rows of one or more parameters in one buffer.  Each part is a leaf that shares the slab's
/// memory, so an optimizer step on the part is seen by the next product and nothing is ever
/// concatenated.
class Slab {
public:
    Slab() = default;
    Slab(const std::vector<std::vector<int64_t>>& shapes, const at::TensorOptions& options);
    [[nodiscard]] bool defined() const { return value_.defined(); }
    /// The whole buffer, no grad: [sum of rows, columns], or [sum] of vectors.
    [[nodiscard]] const at::Tensor& value() const { return value_; }
    /// The leaves, in order; the undefined tensor if the slab is absent.
    [[nodiscard]] const at::Tensor& part(size_t index = 0) const;
    /// The gradient buffer of the whole slab, ready to be added to: every part's .grad() is a view
    /// of it afterwards. A grad that was reset counts as zero, one that somebody replaced is copied
    /// in.
    at::Tensor& grad();

private:
    at::Tensor value_, grad_;
    std::vector<at::Tensor> parts_;
};

struct Layer {
    Slab qkv, qkv_bias;             ///< q, k, v: [(heads + 2 kv) * D, H]
    Slab output, output_bias;       ///< [H, heads * D]
    Slab gate_up, gate_up_bias;     ///< gate, up: [2 I, H]
    Slab down, down_bias;           ///< [H, I]
    Slab norm_attention, norm_mlp;  ///< [H]
    Slab norm_q, norm_k;            ///< [D], of every head alike; absent without qk_norm
    int64_t window = 0;             ///< keys that a query sees, itself included; 0: all
};

struct Weights {
    ModelConfig config;
    Slab embedding;  ///< [V, H]
    std::vector<Layer> layers;
    Slab norm;                          ///< [H]
    Slab head;                          ///< [V, H]; absent where tied and in a reward model
    Slab score;                         ///< [1, H]; only in a reward model
    std::vector<Parameter> parameters;  ///< all parts, in the order of a transformers state_dict

    /// The slab whose product gives logits.
    [[nodiscard]] Slab& logits_head() { return head.defined() ? head : embedding; }
};

/// Allocates every tensor, uninitialised.  Names are those of ...ForCausalLM or
/// ...ForSequenceClassification.
Weights make_weights(const ModelConfig& config, const at::TensorOptions& options, bool reward);

}  // namespace samara::host
