// The parts of the model interface that hold tensors (see model.hpp); apart, so that rooms without
// LibTorch can include the rest.
#pragma once
#include "core/model.hpp"

#include <ATen/core/Tensor.h>

#include <string>

namespace samara::host {

struct Parameter {
    std::string name;  ///< "model.layers.3.mlp.up_proj.weight"
    int64_t role = 0;  ///< SAMARA_ROLE_*
    at::Tensor value;  ///< float32 (float64 in checks); leaf, requires grad
};

struct Scored {
    at::Tensor score;  ///< [N], with graph
    at::Tensor logp;   ///< [N], nats, with graph
    at::Tensor
        tok_logp;  ///< [T] response tokens of all candidates, one after the other, with graph
    at::Tensor prompt_logp;  ///< [N] nats, prompt tokens but the first (0 if none), with graph
    at::Tensor tok_entropy;  ///< [T] nats, of the distribution a response token is drawn from, with
                             ///< graph
    at::Tensor tok_log_p2;   ///< [T] log of the sum of its squared probabilities, no graph
    at::Tensor tok_value;    ///< [T] the score head where the token was drawn from, with graph
    at::Tensor length;       ///< [N] int64, response tokens
    int64_t tree_tokens = 0;  ///< F, tokens computed
};

}  // namespace samara::host
