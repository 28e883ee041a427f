// objective.hpp - a class becomes an objective plugin: named columns in, unreduced losses out.
// The host computes only the columns that are asked for, applies weights, tags, coefficients and
// normalisers, and reduces; an objective never sums.  Columns, their shapes and meanings: samara.h,
// section 6.
//
//   struct Hinge {
//       static constexpr const char* columns[] = {"gap.score", "rel.margin"};
//       static constexpr samara_loss losses[] = {samara::loss("hinge")};
//       void forward(std::span<const samara::Tensor> in, std::span<samara::Tensor> out) const {
//           out[0] = samara::relu(in[1] - in[0]);
//       }
//   };
//   const samara_plugin hinge = samara::objective<Hinge>({.id = "vendor.hinge", .doc = "Hinge on
//   the gap."}); SAMARA_PLUGINS(&hinge)
#pragma once
#include "tensor.hpp"

namespace samara {

/// A loss with one value per item of `level`, divided by `normaliser` over the whole optimizer
/// step. `coupled` says that one item's loss depends on others (a sort, a batch mean): the host
/// then calls the objective once per step on all columns.
constexpr samara_loss loss(const char* name, int64_t level = SAMARA_PER_RELATION,
                           int64_t normaliser = SAMARA_BY_WEIGHT, double coefficient = 1.0,
                           bool coupled = false) {
    return {name, level, normaliser, coupled ? 1 : 0, coefficient};
}

/// What class T may have.
///
/// Columns  `static constexpr const char* columns[]`, or a member function `columns()` that returns
///          a span for sets that depend on parameters.  A trailing '?' makes a column optional:
///          absent is an empty Tensor.
/// Losses   `static constexpr samara_loss losses[]`, or `losses()`, alike.
/// Orders   `static constexpr int64_t orders`: 1 preferences, 2 contrasts, 3 both.  Default 3:
///          right for every objective that reads gaps.  One that reads rel.i and rel.j itself says
///          what it understands.
/// Forward  `void forward(std::span<const Tensor> in, std::span<Tensor> out)`: in the order of
///          columns and losses.  Every loss has its level's shape ([R], [N], [T] or []), is
///          floating, finite, on the columns' device, and depends on a differentiable column.
///          Inputs are read-only.
/// Arrays   `void value_and_grad(std::span<const samara_array> in, std::span<const samara_array>
///          weights, std::span<const samara_array> losses, std::span<const samara_array> grads)`:
///          plain memory, no tensors.  Write losses[m].data and, where grads[c].data is not NULL,
///          the derivative of sum_m sum(weights[m] * losses[m]) by column c (zeroed by the host).
/// Weigh    `void weigh(std::span<const samara_array> in, std::span<const samara_array> weights)`:
///          optional; the items' weights from the columns that need no model (the others are NULL),
///          before the first forward.
/// State    as in core.hpp (Stateful).  `forward` must not change state while info().evaluating is
///          1.
/// Threads  one call at a time on one object.
template <class T>
struct ObjectiveAdapter {
    static constexpr bool kHasForward =
        requires(T o, std::span<const Tensor> in, std::span<Tensor> out) {
        o.forward(in, out);
    };
    static constexpr bool kHasArrays = requires(T o, std::span<const samara_array> a) {
        o.value_and_grad(a, a, a, a);
    };
    static constexpr bool kHasWeigh = requires(T o, std::span<const samara_array> a) {
        o.weigh(a, a);
    };
    static_assert(kHasForward || kHasArrays,
                  "an objective has forward(), value_and_grad(), or both");

    static std::span<const char* const> columns_of(const T& object) {
        if constexpr (requires { object.columns(); }) {
            return object.columns();
        } else {
            return {std::data(T::columns), std::size(T::columns)};
        }
    }
    static std::span<const samara_loss> losses_of(const T& object) {
        if constexpr (requires { object.losses(); }) {
            return object.losses();
        } else {
            return {std::data(T::losses), std::size(T::losses)};
        }
    }

    static int64_t describe(void* self, samara_call* call, samara_objective_info* out) {
        return enter<T>(self, call, [&](const T& object) {
            const auto columns = columns_of(object);
            const auto losses = losses_of(object);
            out->columns = columns.data();
            out->n_columns = static_cast<int64_t>(columns.size());
            out->losses = losses.data();
            out->n_losses = static_cast<int64_t>(losses.size());
            if constexpr (requires { T::orders; }) {
                out->orders = T::orders;
            } else {
                out->orders = 3;
            }
        });
    }

    static int64_t forward(void* self, samara_call* call, const samara_tensor* in,
                           samara_tensor* out) {
        return enter<T>(self, call, [&](T& object) {
            std::vector<Tensor> columns(columns_of(object).size());
            std::vector<Tensor> losses(losses_of(object).size());
            for (size_t i = 0; i < columns.size(); ++i) { columns[i] = Tensor::borrow(in[i]); }
            if constexpr (kHasForward) { object.forward(columns, losses); }
            for (size_t i = 0; i < losses.size(); ++i) { out[i] = losses[i].give(); }
        });
    }

    static int64_t value_and_grad(void* self, samara_call* call, const samara_array* columns,
                                  const samara_array* weights, samara_array* losses,
                                  samara_array* grads) {
        return enter<T>(self, call, [&](T& object) {
            const size_t c = columns_of(object).size();
            const size_t m = losses_of(object).size();
            if constexpr (kHasArrays) {
                object.value_and_grad(std::span<const samara_array>(columns, c),
                                      std::span<const samara_array>(weights, m),
                                      std::span<const samara_array>(losses, m),
                                      std::span<const samara_array>(grads, c));
            }
        });
    }

    static int64_t weigh(void* self, samara_call* call, const samara_array* columns,
                         samara_array* weights) {
        return enter<T>(self, call, [&](T& object) {
            if constexpr (kHasWeigh) {
                object.weigh(std::span<const samara_array>(columns, columns_of(object).size()),
                             std::span<const samara_array>(weights, losses_of(object).size()));
            }
        });
    }

    static constexpr samara_objective table = {sizeof(samara_objective),
                                               create<T>,
                                               destroy<T>,
                                               save_function<T>(),
                                               load_function<T>(),
                                               describe,
                                               kHasForward ? forward : nullptr,
                                               kHasArrays ? value_and_grad : nullptr,
                                               kHasWeigh ? weigh : nullptr};
};

/// The descriptor of objective T.
template <class T>
constexpr samara_plugin objective(const About& about) {
    return describe_plugin<T>(about, "objective/1", &ObjectiveAdapter<T>::table);
}

}  // namespace samara
