// The step of samara.sgd; see sgd.hpp.
#include "sgd.hpp"

namespace samara::optimizers {
namespace {

constexpr samara_slot kSlots[] = {samara::slot("momentum_buffer")};

}  // namespace

Sgd::Sgd(const Params& params)
    : momentum_(params.number("momentum")),
      weight_decay_(params.number("weight_decay")),
      nesterov_(params.flag("nesterov")) {
    if (nesterov_ && momentum_ == 0) {
        fail("nesterov is true but momentum is 0; nesterov needs a momentum above 0, 0.9 is usual");
    }
}

std::span<const samara_slot> Sgd::slots(const samara_param_info& /*param*/) const {
    return momentum_ == 0 ? std::span<const samara_slot>{} : kSlots;
}

void Sgd::step(const Step& step) const {
    const size_t n_slots = momentum_ == 0 ? 0 : 1;
    for_each_decay(step, n_slots, weight_decay_, [&](const Part& part) {
        constexpr double kDampening = 0;
        constexpr bool kMaximize = false, kFirstStep = false;  // the buffers exist: filled with 0
        call_into<
            "aten::_fused_sgd_(self, grads, momentum_buffer_list, weight_decay, momentum, lr, "
            "dampening, nesterov, maximize, is_first_step)">({},
                                                             part.params,
                                                             part.grads,
                                                             part.slots[0],
                                                             part.decay,
                                                             momentum_,
                                                             step.lr(),
                                                             kDampening,
                                                             nesterov_,
                                                             kMaximize,
                                                             kFirstStep);
    });
}

}  // namespace samara::optimizers
