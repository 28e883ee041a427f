// optimizer.hpp - a class becomes an optimizer plugin: it moves parameters, and owns no memory.
// The host owns parameters, gradients and state slots: it allocates, initialises, saves and
// restores the slots, even when the plugin's file is gone.  examples/hello_optimizer.cpp is a whole
// one.
//
//   struct Sgd {  // p <- p - lr * g
//       std::span<const samara_slot> slots(const samara_param_info&) const { return {}; }
//       void step(const samara::Step& s) const {
//           samara::call_into<"aten::_foreach_add_.List(self, other, alpha)">(
//               {}, s.params(), s.grads(), -s.lr());
//       }
//   };
//
// Order    slots once per parameter, before the first step; then, in every optimizer step, step
//          once per group of parameters.  lr is the configuration's learning rate times warm-up and
//          schedule: the plugin multiplies by it and declares no learning rate of its own.
#pragma once
#include "tensor.hpp"

namespace samara {

/// A state slot: one tensor per parameter, on the parameter's device.
///
/// name   distinct in the list, never empty; never renamed once released: checkpoints hold it
/// shape  SAMARA_SHAPE_SAME (as the parameter), _SCALAR ([]), _ROWS ([first dimension]) or _COLUMNS
///        ([last dimension]); a parameter of shape [] has [] in all of them
/// dtype  SAMARA_SAME (as the parameter) or a dtype code (a step counter: SAMARA_F32)
/// init   finite; fills it before the first step
/// A list that breaks a rule is a fault, before the first step.
constexpr samara_slot slot(const char* name, int64_t shape = SAMARA_SHAPE_SAME,
                           int64_t dtype = SAMARA_SAME, double init = 0.0) {
    return {name, dtype, shape, init};
}

/// One step of one group of parameters, those whose slot lists are equal.  Element p of `params`,
/// `grads` and `slots(s)` belongs together; all may be written in place.  Gradients are those of
/// the whole step's loss, clipped as configured, and 0 where no loss reached; what the plugin
/// leaves in them is thrown away.  Parameter, gradient and SAME slots have equal, dense strides:
/// LibTorch's fused kernels rely on it.  All views and handles die with the call.
class Step {
public:
    explicit Step(const samara_step& step) : step_(step) {}
    int64_t number() const { return step_.number; }  ///< 1 at the first step
    int64_t total() const { return step_.total; }    ///< planned steps
    double lr() const { return step_.lr; }           ///< after the schedule
    /// Parameters in this group; p below counts 0 .. size() - 1, in the model's order.
    size_t size() const { return static_cast<size_t>(step_.n); }
    /// Name, role (SAMARA_ROLE_*), shape and dtype of parameter p.  Weight decay goes by role:
    /// norms and biases usually have none.
    const samara_param_info& info(size_t p) const { return *step_.infos[p]; }
    /// Lists for _foreach_ and fused operators, one handle per parameter.  slots(s): slot s of the
    /// plugin's list.
    std::span<const samara_tensor> params() const { return {step_.params, size()}; }
    std::span<const samara_tensor> grads() const { return {step_.grads, size()}; }
    std::span<const samara_tensor> slots(size_t s) const {
        return {step_.slots + s * size(), size()};
    }
    /// Single tensors, borrowed: in-place operators on them change the run's memory.
    Tensor param(size_t p) const { return Tensor::borrow(step_.params[p]); }
    Tensor grad(size_t p) const { return Tensor::borrow(step_.grads[p]); }
    Tensor slot(size_t s, size_t p) const { return Tensor::borrow(step_.slots[s * size() + p]); }

private:
    const samara_step& step_;
};

/// What class T has.
///
/// Slots   `std::span<const samara_slot> slots(const samara_param_info&) const`: for one parameter;
///         the array lives as long as the object.  Parameters with equal lists are stepped
///         together, so a rule for matrices and another for the rest are two lists (names may
///         differ only).
/// Step    `void step(const Step&)`, or `void step_arrays(const samara_step&)` for plain memory
///         (param_arrays, grad_arrays, slot_arrays: dense, on the CPU).  At least one; with both,
///         step is used.  Arrays of a run on another device are copies: parameters and slots are
///         copied back.
/// Numbers No gradient is recorded.  A parameter left non-finite stops the run in the same step,
///         with its name (exit code 7).  Slots are not looked at: keep them finite.
/// State   in slots, per parameter; what is one for all (Stateful, core.hpp) is saved beside them.
/// Random  None unless drawn from info().seed and number(), in plain memory: operators that draw
///         are refused.
/// Threads one call at a time on one object, on the run's thread; parallel_for over plain memory.
template <class T>
struct OptimizerAdapter {
    static constexpr bool kHasStep = requires(T o, const Step& s) { o.step(s); };
    static constexpr bool kHasArrays = requires(T o, const samara_step& s) { o.step_arrays(s); };
    static_assert(kHasStep || kHasArrays, "an optimizer has step(), step_arrays(), or both");

    static int64_t slots(void* self, samara_call* call, const samara_param_info* param,
                         const samara_slot** out, int64_t* n) {
        return enter<T>(self, call, [&](const T& object) {
            const std::span<const samara_slot> list = object.slots(*param);
            *out = list.data();
            *n = static_cast<int64_t>(list.size());
        });
    }
    static int64_t step(void* self, samara_call* call, const samara_step* step) {
        return enter<T>(self, call, [&](T& object) {
            if constexpr (kHasStep) { object.step(Step(*step)); }
        });
    }
    static int64_t step_arrays(void* self, samara_call* call, const samara_step* step) {
        return enter<T>(self, call, [&](T& object) {
            if constexpr (kHasArrays) { object.step_arrays(*step); }
        });
    }
    static constexpr samara_optimizer table = {sizeof(samara_optimizer),
                                               create<T>,
                                               destroy<T>,
                                               save_function<T>(),
                                               load_function<T>(),
                                               slots,
                                               kHasStep ? step : nullptr,
                                               kHasArrays ? step_arrays : nullptr};
};

/// The descriptor of optimizer T, for SAMARA_PLUGINS.
template <class T>
constexpr samara_plugin optimizer(const About& about) {
    return describe_plugin<T>(about, "optimizer/1", &OptimizerAdapter<T>::table);
}

}  // namespace samara
