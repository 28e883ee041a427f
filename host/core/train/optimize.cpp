// Optimizer state and steps; see optimize.hpp.
#include "core/train/optimize.hpp"

#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace samara::host {
Optimizer::Optimizer(std::unique_ptr<OptimizerInstance> plugin, std::vector<Parameter>& parameters)
    : plugin_(std::move(plugin)), parameters_(parameters) {
    for (const Parameter& parameter : parameters_) {
        ParamInfo info{parameter.name,
                       parameter.role,
                       parameter.value.sizes().vec(),
                       parameter.value.scalar_type() == at::kDouble ? SAMARA_F64 : SAMARA_F32};
        std::vector<Slot> slots = plugin_->slots(info);
        auto group = std::find_if(
            groups_.begin(), groups_.end(), [&](const StepGroup& g) { return g.slots == slots; });
        if (group == groups_.end()) {
            group = groups_.insert(groups_.end(), StepGroup{std::move(slots), {}, {}, {}});
        }
        group->infos.push_back(std::move(info));
        group->values.push_back(parameter.value);
    }
    for (StepGroup& group : groups_) {
        for (const Slot& slot : group.slots) {
            for (const at::Tensor& value : group.values) {
                group.state.push_back(make_slot(slot, value));
            }
        }
    }
}

double Optimizer::clip(double max_norm) {
    const c10::NoGradGuard no_grad;
    std::vector<at::Tensor> grads;
    for (const Parameter& parameter : parameters_) {
        if (parameter.value.grad().defined()) {
            grads.push_back(parameter.value.grad());
        }
    }
    if (grads.empty()) {
        return 0.0;
    }
    double squares = 0;
    for (const at::Tensor& norm : at::_foreach_norm(grads, 2)) {
        const double value = norm.item<double>();
        squares += value * value;
    }
    const double norm = std::sqrt(squares);
    // As torch.nn.utils.clip_grad_norm_: the factor has 1e-6 in the denominator and never
    // exceeds 1.
    if (max_norm > 0 && std::isfinite(norm) && norm + 1e-6 > max_norm) {
        at::_foreach_mul_(grads, max_norm / (norm + 1e-6));
    }
    return norm;
}

void Optimizer::step(int64_t number, int64_t total, double lr, const RunInfo& info) {
    const c10::NoGradGuard no_grad;
    for (StepGroup& group : groups_) {
        std::vector<at::Tensor> grads;
        for (const at::Tensor& value : group.values) {
            if (!value.grad().defined()) {  // a parameter that no loss reached
                value.mutable_grad() = at::zeros_like(value);
            }
            grads.push_back(value.grad());
        }
        plugin_->step(number, total, lr, group.infos, group.values, grads, group.state, info);
        plugin_->check_finite(group.infos, group.values);
    }
    zero_grad();
}

void Optimizer::zero_grad() {
    const c10::NoGradGuard no_grad;
    for (const Parameter& parameter : parameters_) {
        if (parameter.value.grad().defined()) {
            parameter.value.mutable_grad().zero_();
        }
    }
}

std::vector<NamedTensor> Optimizer::state() const {
    std::vector<NamedTensor> out;
    for (const StepGroup& group : groups_) {
        for (size_t s = 0; s < group.slots.size(); ++s) {
            for (size_t p = 0; p < group.values.size(); ++p) {
                out.push_back({group.slots[s].name + "." + group.infos[p].name,
                               group.state[s * group.values.size() + p]});
            }
        }
    }
    return out;
}

}  // namespace samara::host
