// roles.hpp - what the optimizers of this library share: which parameters are decayed, and a step's
// lists cut accordingly.
#pragma once
#include <samara/optimizer.hpp>

namespace samara::optimizers {

using Handles = std::span<const samara_tensor>;

/// The rule of every optimizer here: norms and biases are never decayed.
inline bool is_decayed(int64_t role) {
    return role != SAMARA_ROLE_NORM && role != SAMARA_ROLE_BIAS;
}

/// Parameters of one step that share a decay.  Element p of all lists belongs together.
struct Part {
    Handles params, grads;
    Handles slots[3];  ///< as many as the step has
    double decay;
};

/// Calls run(Part) for all parameters at once when nothing is decayed, else for the decayed ones
/// and then for the others.  `n_slots` <= 3.
template <class Run>
void for_each_decay(const Step& step, size_t n_slots, double weight_decay, Run&& run) {
    Handles from[5] = {step.params(), step.grads()};
    for (size_t s = 0; s < n_slots; ++s) {
        from[2 + s] = step.slots(s);
    }
    if (weight_decay == 0) {
        run(Part{from[0], from[1], {from[2], from[3], from[4]}, 0});
        return;
    }
    for (const bool decayed : {true, false}) {
        std::vector<samara_tensor> lists[5];
        for (size_t p = 0; p < step.size(); ++p) {
            for (size_t k = 0; k < 2 + n_slots && is_decayed(step.info(p).role) == decayed; ++k) {
                lists[k].push_back(from[k][p]);
            }
        }
        if (!lists[0].empty()) {
            run(Part{
                lists[0], lists[1], {lists[2], lists[3], lists[4]}, decayed ? weight_decay : 0});
        }
    }
}

}  // namespace samara::optimizers
