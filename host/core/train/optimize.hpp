// Parameters, gradients and optimizer state, which the host owns; the optimizer plugin only moves
// them.
#pragma once
#include "core/model_tensors.hpp"
#include "runtime/optimizer.hpp"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// One tensor of a checkpoint.
struct NamedTensor {
    std::string name;
    at::Tensor value;
};

/// Runs an optimizer plugin over all parameters of a model.  [one thread]
class Optimizer {
public:
    /// Asks the plugin for the slots of every parameter and allocates them.  Parameters with equal
    /// slot lists form one step, in the model's order.
    Optimizer(std::unique_ptr<OptimizerInstance> plugin, std::vector<Parameter>& parameters);

    /// Clips to `max_norm` (0: no clipping) and returns the L2 norm of all gradients before
    /// clipping, in double.
    double clip(double max_norm);
    void zero_grad();
    /// One step at number/total (from 1) with learning rate `lr`; gradients are zeroed afterwards.
    /// Throws Error(Code::non_finite) naming the parameter when the update left NaN or infinity
    /// behind.
    void step(int64_t number, int64_t total, double lr, const RunInfo& info);
    /// Every slot, named "<slot>.<parameter>", in a fixed order: what a checkpoint saves and
    /// restores.
    [[nodiscard]] std::vector<NamedTensor> state() const;
    [[nodiscard]] std::string save_plugin() const { return plugin_->save(); }
    void load_plugin(const std::string& blob) { plugin_->load(blob); }

private:
    struct StepGroup {
        std::vector<Slot> slots;
        std::vector<ParamInfo> infos;
        std::vector<at::Tensor> values;
        std::vector<at::Tensor> state;  ///< slot-major: state[s * n + p]
    };
    std::unique_ptr<OptimizerInstance> plugin_;
    std::vector<Parameter>& parameters_;
    std::vector<StepGroup> groups_;
};

}  // namespace samara::host
