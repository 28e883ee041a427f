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
//   const samara_plugin hinge = samara::objective<Hinge>(
//       {.id = "vendor.hinge", .doc = "Hinge on the gap."});
//   SAMARA_PLUGINS(&hinge)
//
// Math     loss of a run = sum_objectives weight_o * sum_losses coefficient *
//          sum_tags w_tag * sum_items(weight * out) / normaliser, over one optimizer step.
//          gap.C = (C[i] - C[j]) - (C[k] - C[l]), without the second part in a preference.
//          One line on gaps serves reward models, DPO and MAPL's relations alike: Bradley-Terry
//          (arXiv 2305.18290 eq. 7) is -log_sigmoid(beta * in[0]) with the column gap.score.
// Order    describe (columns, losses) once, when the run is set up; weigh once per step, then
//          forward once per micro-batch; an evaluation is one weigh and its forwards.
#pragma once
#include "tensor.hpp"

namespace samara {

/// A loss with one value per item of `level`, divided by `normaliser` over the whole optimizer
/// step. `coupled` says that one item's loss depends on others (a sort, a batch mean): the host
/// then calls the objective once per step on all columns.
///
/// name         distinct in the objective
/// level        SAMARA_PER_RELATION [R], SAMARA_PER_CANDIDATE [N], SAMARA_PER_TOKEN [T],
///              SAMARA_SCALAR [], which is always coupled
/// normaliser   SAMARA_BY_WEIGHT (sum of the items' weights), _BY_ITEMS, _BY_CANDIDATES,
///              _BY_GROUPS, _BY_NOTHING (1); samara.h, section 6
/// coefficient  finite; a fixed factor between the losses of one objective.  What a user may want
///              to change is a parameter, and then a `losses()` that depends on it
/// A pipeline without tokens refuses SAMARA_PER_TOKEN, one that cannot train coupled losses refuses
/// them: by name, before a model is loaded.
constexpr samara_loss loss(const char* name, int64_t level = SAMARA_PER_RELATION,
                           int64_t normaliser = SAMARA_BY_WEIGHT, double coefficient = 1.0,
                           bool coupled = false) {
    return {name, level, normaliser, coupled ? 1 : 0, coefficient};
}

/// What class T may have.
///
/// Columns  `static constexpr const char* columns[]`, or a member function `columns()` that returns
///          a span for sets that depend on parameters (the array lives as long as the object).  A
///          trailing '?' makes a column optional: absent is an empty Tensor.  Others that the
///          pipeline has not are refused before a model is loaded.  Asking for rel.margin or
///          rel.flip says that they are honoured; data that has some is refused for an objective on
///          gaps that does not ask.  At least one column, no name twice.
/// Losses   `static constexpr samara_loss losses[]`, or `losses()`, alike.
/// Orders   `static constexpr int64_t orders`: 1 preferences, 2 contrasts, 3 both.  Default 3:
///          right for every objective that reads gaps.  One that reads rel.i and rel.j itself says
///          what it understands; contrasts that it would see and does not understand are refused
///          before a model is loaded, by tag.
/// Forward  `void forward(std::span<const Tensor> in, std::span<Tensor> out)`: in the order of
///          columns and losses.  Every loss has its level's shape ([R], [N], [T] or []), is
///          floating, finite, on the columns' device, and depends on a differentiable column.
///          Inputs are read-only; in[c] and out[m] are valid during the call.  R, N and T may be 0:
///          an empty loss is right then.  Floats are float32, float64 in checks; indices int64.
///          A loss left empty is a fault, one that is not finite ends the run (exit code 7).
/// Arrays   `void value_and_grad(std::span<const samara_array> in, std::span<const samara_array>
///          weights, std::span<const samara_array> losses, std::span<const samara_array> grads)`:
///          plain memory, no tensors.  Write losses[m].data and, where grads[c].data is not NULL,
///          the derivative of sum_m sum(weights[m] * losses[m]) by column c (zeroed by the host).
///          Every float is float64, whatever the run's; an absent optional column has data NULL.
///          `weights` hold all factors of the formula above.  Losses start as NaN, so one that is
///          not written is found.  Used only where there is no forward.
/// Weigh    `void weigh(std::span<const samara_array> in, std::span<const samara_array> weights)`:
///          optional; the items' weights from the columns that need no model (the others are NULL),
///          before the first forward.  weights[m].data: float64, shape of loss m, holding the
///          defaults (rel.weight; the candidate's weight, 0 if auxiliary); change them in place to
///          finite numbers >= 0.  They cover the whole step, so R and N are the step's here.
///          Example: an objective that trains on one tag's candidates only sets the others' to 0.
/// State    as in core.hpp (Stateful).  `forward` must not change state while info().evaluating is
///          1.  It runs once per micro-batch, and the split of a step into micro-batches must not
///          show in the result: change state when info().step has changed.
/// Threads  one call at a time on one object, on the run's thread.
/// Errors   fail(); a broken rule is a fault that names plugin, function and rule.
template <class T>
struct ObjectiveAdapter {
    // What T has.  A function with another signature is not seen: without forward and
    // value_and_grad the assertion below tells, a misspelt weigh goes unnoticed.
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

/// The descriptor of objective T, for SAMARA_PLUGINS.  `about.flags`: add SAMARA_STOPS_GRADIENT
/// when forward uses detach() on purpose, else `samara plugins check` compares and complains.
template <class T>
constexpr samara_plugin objective(const About& about) {
    return describe_plugin<T>(about, "objective/1", &ObjectiveAdapter<T>::table);
}

}  // namespace samara
