// Draws one token from a row of logits: temperature, top_k, top_p.  No model, no state: the caller
// brings the random number.
#pragma once
#include "core/model.hpp"

namespace samara::host {

struct Drawn {
    int64_t id = 0;
    double logp = 0;  ///< nats, at temperature 1 over the whole vocabulary
};

/// logits [v], left as they are.  u in [0, 1) picks from the cumulative distribution; greedy does
/// not read it.  Errors: non_finite.  [any-thread]
Drawn draw_token(const float* logits, int64_t v, const Sampling& sampling, double u);

}  // namespace samara::host
