// The step of samara.adamw; see adamw.hpp.
#include "adamw.hpp"

namespace samara::optimizers {

void AdamW::move(const Step& step, double lr) const {
    for_each_decay(step, std::size(kSlots), weight_decay_, [&](const Part& part) {
        const Handles t = part.slots[2];
        call_into<"aten::_foreach_add_.Scalar(self, scalar)">({}, t, 1.0);
        call_into<
            "aten::_fused_adamw_(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, "
            "lr, beta1, beta2, weight_decay, eps, amsgrad, maximize)">({},
                                                                       part.params,
                                                                       part.grads,
                                                                       part.slots[0],
                                                                       part.slots[1],
                                                                       Handles{},
                                                                       t,
                                                                       lr,
                                                                       beta1_,
                                                                       beta2_,
                                                                       part.decay,
                                                                       eps_,
                                                                       false,
                                                                       false);
    });
}

}  // namespace samara::optimizers
