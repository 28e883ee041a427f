// The step of samara.lion; see lion.hpp.
#include "lion.hpp"

#include <algorithm>

namespace samara::optimizers {
namespace {

constexpr samara_slot kSlots[] = {samara::slot("exp_avg")};
// Directions are made for so many parameters at a time: lists long enough for the device, and no
// second copy of the whole model.
constexpr size_t kSlice = 32;

}  // namespace

std::span<const samara_slot> Lion::slots(const samara_param_info& /*param*/) const {
    return kSlots;
}

void Lion::step(const Step& step) const {
    for_each_decay(step, std::size(kSlots), weight_decay_, [&](const Part& part) {
        for (size_t first = 0; first < part.params.size(); first += kSlice) {
            const size_t n = std::min(kSlice, part.params.size() - first);
            const Handles params = part.params.subspan(first, n);
            const Handles grads = part.grads.subspan(first, n);
            const Handles momenta = part.slots[0].subspan(first, n);
            const std::vector<Tensor> owned =
                call_list<"aten::_foreach_mul.Scalar(self, scalar)">(momenta, beta1_);
            std::vector<samara_tensor> directions;
            for (const Tensor& direction : owned) {
                directions.push_back(direction.handle());
            }
            const Handles c = directions;
            call_into<"aten::_foreach_add_.List(self, other, alpha)">({}, c, grads, 1 - beta1_);
            call_into<"aten::_foreach_sign_(self)">({}, c);
            if (part.decay != 0) {
                call_into<"aten::_foreach_mul_.Scalar(self, scalar)">(
                    {}, params, 1 - step.lr() * part.decay);
            }
            call_into<"aten::_foreach_add_.List(self, other, alpha)">({}, params, c, -step.lr());
            call_into<"aten::_foreach_mul_.Scalar(self, scalar)">({}, momenta, beta2_);
            call_into<"aten::_foreach_add_.List(self, other, alpha)">(
                {}, momenta, grads, 1 - beta2_);
        }
    });
}

}  // namespace samara::optimizers
