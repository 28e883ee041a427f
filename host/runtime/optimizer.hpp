// A running optimizer: moves parameters in place.  The host owns parameters, gradients and slots.
#pragma once
#include "runtime/instances.hpp"

#include <ATen/core/Tensor.h>

namespace samara::host {

struct ParamInfo {
    std::string name;  ///< "model.layers.3.mlp.up_proj.weight"
    int64_t role = 0;  ///< SAMARA_ROLE_*
    std::vector<int64_t> shape;
    int64_t dtype = SAMARA_F32;
};

/// A state slot.  Parameters with equal lists of slots are stepped together.
struct Slot {
    std::string name;
    int64_t dtype = SAMARA_SAME;        ///< SAMARA_SAME or a dtype
    int64_t shape = SAMARA_SHAPE_SAME;  ///< SAMARA_SHAPE_*
    double init = 0.0;
    bool operator==(const Slot&) const = default;
};

/// A new slot tensor for `param`, filled with slot.init, on its device.
[[nodiscard]] at::Tensor make_slot(const Slot& slot, const at::Tensor& param);

/// An optimizer with its parameters.  [one call at a time]
class OptimizerInstance {
public:
    OptimizerInstance(const Plugin& plugin, const BoundParams& params, HostHooks hooks = {});
    ~OptimizerInstance();
    OptimizerInstance(OptimizerInstance&&) noexcept;

    /// The slots of one parameter.  Checked: names distinct, dtypes and shapes known, init finite.
    [[nodiscard]] std::vector<Slot> slots(const ParamInfo& param);

    /// One step of one group.  `number` is 1 at the first step.  slots[s * n + p] is slot s of
    /// parameter p. Parameters and slots are written in place, no graph is recorded.  Tensors share
    /// nothing with each other.
    void step(int64_t number,
              int64_t total,
              double lr,
              std::span<const ParamInfo> infos,
              std::span<const at::Tensor> params,
              std::span<const at::Tensor> grads,
              std::span<const at::Tensor> slots,
              const RunInfo& info = {});

    /// Error(Code::non_finite) naming plugin and parameter if a value is not finite.  For use
    /// before a save.
    void check_finite(std::span<const ParamInfo> infos, std::span<const at::Tensor> params) const;

    /// State of the plugin beside the slots; empty if it has none.
    [[nodiscard]] std::string save();
    void load(const std::string& bytes);

private:
    std::unique_ptr<Instance> instance_;
};

}  // namespace samara::host
