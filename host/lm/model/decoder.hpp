// The decoder over a forest: token ids to hidden states, scores and log-probabilities, with
// gradients.  Two routes give the same numbers: a readable one of plain ATen operators (any device,
// float32 and float64) and a fused one (CPU, float32).  Weights and forest come from outside;
// losses are somebody else's.
#pragma once
#include "lm/forest/forest.hpp"
#include "lm/model/weights.hpp"

#include <ATen/core/Tensor.h>

namespace samara::host {

enum class Route {
    plain,  ///< ATen operators and ATen's autograd: the reference
    fused,  ///< own kernels, gradients added straight into the slabs; CPU and float32 only
};

/// A forest's index lists as tensors on the model's device, and its rotation angles.
struct ForestTensors {
    at::Tensor ids, last, length, rows, target_ids, target_rows, tok_target, tok_candidate,
        prompt_target, prompt_candidate;  ///< int64
    at::Tensor cos, sin;                  ///< [F, D/2] in the model's type
};
ForestTensors make_tensors(const Forest& forest, const Weights& weights);

/// Angle per position of every pair of a head's numbers: [D/2], radians, computed in the type of
/// the model as transformers does.
at::Tensor rotary_frequencies(const ModelConfig& config, const at::TensorOptions& options);

/// Hidden states [F, H] after the last layer, before the final norm.  Records a
/// graph when grad mode is on.
at::Tensor decode(Weights& weights,
                  const Forest& forest,
                  const ForestTensors& tensors,
                  Route route);

/// Final norm of the given hidden rows.
at::Tensor final_norm(Weights& weights, const at::Tensor& hidden);

/// Log-probability, nats, of each distinct predicted tree token: [U].  normed [M, H]: the final
/// norm of forest.rows.
at::Tensor target_logps(Weights& weights,
                        const at::Tensor& normed,
                        const ForestTensors& tensors,
                        Route route);

/// The same, and what a whole distribution has to say; always by plain operators.
struct TargetStats {
    at::Tensor logp, entropy;  ///< [U] nats, with graph
    at::Tensor log_p2;         ///< [U] log of the sum of squared probabilities, no graph
};
TargetStats target_stats(Weights& weights, const at::Tensor& normed, const ForestTensors& tensors);

// The fused route's parts (fused.cpp, fused_head.cpp).
at::Tensor decode_fused(Weights& weights, const Forest& forest, const ForestTensors& tensors);
at::Tensor target_logps_fused(Weights& weights,
                              const at::Tensor& normed,
                              const ForestTensors& tensors);

}  // namespace samara::host
