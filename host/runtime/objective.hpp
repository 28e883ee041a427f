// A running objective: columns in, unreduced losses out, with the checks of the contract on every
// call. Reduction (weights, tags, coefficients, normalisers) is the trainer's.
#pragma once
#include "runtime/instances.hpp"

#include <ATen/core/Tensor.h>

namespace samara::host {

/// Sizes of the micro-batch (or step): R, N, T.
struct Extent {
    int64_t relations = 0, candidates = 0, tokens = 0;
};

/// A number a plugin reported in one call.
struct Metric {
    std::string name;
    int64_t level = 0;  ///< SAMARA_SCALAR, SAMARA_PER_RELATION, ...
    at::Tensor values;  ///< detached; [] or [items]
};

struct LossInfo {
    std::string name;
    int64_t level = 0;       ///< SAMARA_PER_RELATION, _CANDIDATE, _TOKEN, SAMARA_SCALAR
    int64_t normaliser = 0;  ///< SAMARA_BY_*
    bool coupled = false;    ///< scalars always are
    double coefficient = 1.0;
};

/// An objective with its parameters.  [one call at a time]
///
/// Columns come in the order of columns(); an absent optional one is an undefined tensor.  All lie
/// on one device. Errors: Code::plugin_fault (loss missing, wrong shape, dtype, device, detached;
/// input written; a refused or failed operator; an exception), Code::non_finite, Code::plugin from
/// the constructor.
class ObjectiveInstance {
public:
    ObjectiveInstance(const Plugin& plugin, const BoundParams& params, HostHooks hooks = {});
    ~ObjectiveInstance();
    ObjectiveInstance(ObjectiveInstance&&) noexcept;

    [[nodiscard]] const std::vector<std::string>& columns() const {
        return columns_;
    }  ///< '?' stripped
    [[nodiscard]] bool optional(size_t column) const { return optional_[column]; }
    [[nodiscard]] const std::vector<LossInfo>& losses() const { return losses_; }
    [[nodiscard]] int64_t orders() const {
        return orders_;
    }  ///< 1 preferences, 2 contrasts, 3 both
    [[nodiscard]] bool has_forward() const;
    [[nodiscard]] bool has_weigh() const;

    /// Unreduced losses in the order of losses(), with the graph if grad mode is on and a column
    /// requires it. Shapes [R], [N], [T] or [].  `metrics` may be null.
    [[nodiscard]] std::vector<at::Tensor> forward(std::span<const at::Tensor> columns,
                                                  const Extent& extent,
                                                  const RunInfo& info,
                                                  std::vector<Metric>* metrics);

    /// For plugins without forward: one autograd node, sum over m of sum(weights[m] * losses[m]),
    /// shape []. `weights[m]` has the loss's shape and already holds coefficients and normalisers.
    /// `losses` (may be null) receives the unreduced values, detached.  Whatever the device, the
    /// plugin works on CPU copies.
    [[nodiscard]] at::Tensor value_and_grad(std::span<const at::Tensor> columns,
                                            std::span<const at::Tensor> weights,
                                            const Extent& extent,
                                            const RunInfo& info,
                                            std::vector<at::Tensor>* losses,
                                            std::vector<Metric>* metrics);

    /// Lets the plugin change `weights` (float64, CPU, the shape of each loss; they arrive holding
    /// the defaults) from the columns that need no model; the others are undefined.  Call only if
    /// has_weigh().
    void weigh(std::span<const at::Tensor> columns,
               const Extent& extent,
               const RunInfo& info,
               std::vector<at::Tensor>& weights);

    /// State that a checkpoint must hold; empty if the plugin has none.
    [[nodiscard]] std::string save();
    void load(const std::string& bytes);

private:
    friend struct ArraysNode;
    std::unique_ptr<Instance> instance_;
    std::vector<std::string> columns_;
    std::vector<bool> optional_;
    std::vector<LossInfo> losses_;
    int64_t orders_ = 3;
};

}  // namespace samara::host
