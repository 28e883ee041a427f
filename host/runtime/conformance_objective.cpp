// Conformance of objectives on columns drawn from a fixed sequence: determinism, an empty batch,
// and the gradient against central differences in float64.
#include "runtime/conformance_detail.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace samara::host {
namespace {

constexpr int64_t kGroups = 3;

/// Plain numbers in (-1, 1), the same everywhere.
class Sequence {
public:
    double next() {
        state_ = state_ * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return static_cast<double>(state_ >> 11) * 0x1.0p-52 - 1.0;
    }
    at::Tensor floats(int64_t n, double low, double high) {
        at::Tensor out = at::empty({n}, at::kDouble);
        for (int64_t i = 0; i < n; ++i) {
            out.data_ptr<double>()[i] = low + (high - low) * (next() + 1) / 2;
        }
        return out;
    }
    at::Tensor ints(int64_t n, int64_t low, int64_t high) {  // both ends included
        return at::clamp(
                   at::floor(floats(n, static_cast<double>(low), static_cast<double>(high) + 1)),
                   low,
                   high)
            .to(at::kLong);
    }

private:
    uint64_t state_ = 12345;
};

bool is_differentiable(const std::string& column) {
    const std::string base = column.starts_with("gap.") ? column.substr(4) : column;
    return base == "score" || base == "logp" || base == "prompt_logp" || base == "tok.logp" ||
           base == "tok.entropy" || base == "tok.value";
}

/// One column of a batch; undefined for a name that this version does not know.
at::Tensor make_column(const std::string& name, const Extent& extent, int64_t orders, Sequence& s) {
    const int64_t r = extent.relations, n = extent.candidates, t = extent.tokens;
    const at::Tensor second = orders == 1   ? at::zeros({r}, at::kLong)
                              : orders == 2 ? at::ones({r}, at::kLong)
                                            : at::arange(r, at::kLong) % 2;
    const at::Tensor minus = at::full({r}, -1, at::kLong);
    const auto index = [&](int64_t shift) { return (at::arange(r, at::kLong) + shift) % n; };
    if (name.starts_with("gap.") && name != "gap.length") {
        return s.floats(r, -2, 2);
    }
    if (name.starts_with("meta.")) {
        return s.floats(kGroups, 0, 1);
    }
    if (name == "rel.i" || name == "rel.j") {
        return index(name == "rel.i" ? 0 : 1);
    }
    if (name == "rel.k" || name == "rel.l") {
        return at::where(second == 1, index(name == "rel.k" ? 2 : 3), minus);
    }
    const std::map<std::string, std::function<at::Tensor()>> known = {
        {"rel.order", [&] { return second + 1; }},
        {"rel.tag", [&] { return at::zeros({r}, at::kLong); }},
        {"rel.group", [&] { return s.ints(r, 0, kGroups - 1); }},
        {"rel.weight", [&] { return s.floats(r, 0.5, 2); }},
        {"rel.margin", [&] { return s.floats(r, -0.5, 0.5); }},
        {"rel.flip", [&] { return s.floats(r, 0, 0.5); }},
        {"score", [&] { return s.floats(n, -2, 2); }},
        {"reward", [&] { return s.floats(n, -2, 2); }},
        {"logp", [&] { return s.floats(n, -30, -5); }},
        {"ref_logp", [&] { return s.floats(n, -30, -5); }},
        {"prompt_logp", [&] { return s.floats(n, -30, -5); }},
        {"ref_prompt_logp", [&] { return s.floats(n, -30, -5); }},
        {"gap.length", [&] { return s.ints(r, -9, 9); }},
        {"length", [&] { return s.ints(n, 3, 30); }},
        {"prompt_length", [&] { return s.ints(n, 3, 30); }},
        {"group", [&] { return s.ints(n, 0, kGroups - 1); }},
        {"label", [&] { return s.ints(n, -1, 1); }},
        {"auxiliary", [&] { return s.ints(n, 0, 1).to(at::kDouble); }},
        {"weight", [&] { return s.floats(n, 0.5, 2); }},
        {"tok.candidate", [&] { return at::arange(t, at::kLong) * n / std::max<int64_t>(t, 1); }},
        {"tok.position", [&] { return at::arange(t, at::kLong) % 4; }},
        {"tok.logp", [&] { return s.floats(t, -4, -0.1); }},
        {"tok.ref_logp", [&] { return s.floats(t, -4, -0.1); }},
        {"tok.old_logp", [&] { return s.floats(t, -4, -0.1); }},
        {"tok.log_p2", [&] { return s.floats(t, -4, -0.1); }},
        {"tok.entropy", [&] { return s.floats(t, 0.1, 4); }},
        {"tok.advantage", [&] { return s.floats(t, -2, 2); }},
        {"tok.return", [&] { return s.floats(t, -2, 2); }},
        {"tok.value", [&] { return s.floats(t, -2, 2); }},
        {"tok.old_value", [&] { return s.floats(t, -2, 2); }}};
    const auto it = known.find(name);
    return it == known.end() ? at::Tensor() : it->second();
}

struct Batch {
    Extent extent;
    std::vector<at::Tensor> columns, weights;
};

Batch make_batch(const ObjectiveInstance& objective, const Extent& extent) {
    Batch out{extent, {}, {}};
    Sequence s;
    for (size_t c = 0; c < objective.columns().size(); ++c) {
        const std::string& name = objective.columns()[c];
        at::Tensor column = make_column(name, extent, objective.orders(), s);
        require(column.defined() || objective.optional(c),
                "it wants column '" + name + "', which does not exist");
        if (column.defined() && is_differentiable(name)) {
            column.requires_grad_(true);
        }
        out.columns.push_back(std::move(column));
    }
    for (const LossInfo& loss : objective.losses()) {
        const int64_t items = loss.level == SAMARA_PER_RELATION    ? extent.relations
                              : loss.level == SAMARA_PER_CANDIDATE ? extent.candidates
                                                                   : extent.tokens;
        const at::Tensor weights = s.floats(loss.level == SAMARA_SCALAR ? 1 : items, 0.2, 1);
        out.weights.push_back(loss.level == SAMARA_SCALAR ? weights.reshape({}) : weights);
    }
    return out;
}

/// sum over m of sum(weights[m] * losses[m]), by the tensor path or by plain memory.
at::Tensor total_of(ObjectiveInstance& objective, const Batch& batch, bool tensors) {
    RunInfo info;
    info.tags = {"base"};
    if (!tensors) {
        return objective.value_and_grad(
            batch.columns, batch.weights, batch.extent, info, nullptr, nullptr);
    }
    at::Tensor total = at::zeros({}, at::kDouble);
    const std::vector<at::Tensor> losses =
        objective.forward(batch.columns, batch.extent, info, nullptr);
    for (size_t m = 0; m < losses.size(); ++m) {
        total = total + (batch.weights[m] * losses[m]).sum();
    }
    return total;
}

std::vector<at::Tensor> gradients(ObjectiveInstance& objective, const Batch& batch, bool tensors) {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& column : batch.columns) {
        if (column.defined() && column.requires_grad()) {
            column.mutable_grad() = at::zeros_like(column);
            leaves.push_back(column);
        }
    }
    const at::Tensor total = total_of(objective, batch, tensors);
    if (total.requires_grad()) {
        total.backward();
    }
    std::vector<at::Tensor> out{total.detach()};
    for (const at::Tensor& leaf : leaves) {
        out.push_back(leaf.grad().clone());
    }
    return out;
}

/// Largest difference between the gradient and central differences, relative to 1 + |difference|.
double gradient_error(ObjectiveInstance& objective, const Batch& batch, bool tensors) {
    const std::vector<at::Tensor> grads = gradients(objective, batch, tensors);
    const at::NoGradGuard no_graph;
    double worst = 0;
    size_t leaf = 0;
    for (const at::Tensor& column : batch.columns) {
        if (!column.defined() || !column.requires_grad()) {
            continue;
        }
        const at::Tensor& grad = grads[++leaf];
        auto* values = column.data_ptr<double>();
        for (int64_t i = 0; i < column.numel(); ++i) {
            const double x = values[i];
            const double h = 1e-5 * (1 + std::abs(x));
            values[i] = x + h;
            const double above = total_of(objective, batch, tensors).item<double>();
            values[i] = x - h;
            const double below = total_of(objective, batch, tensors).item<double>();
            values[i] = x;
            const double slope = (above - below) / (2 * h);
            worst = std::max(worst,
                             std::abs(grad.data_ptr<double>()[i] - slope) / (1 + std::abs(slope)));
        }
    }
    return worst;
}

bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(), [](const at::Tensor& x, const at::Tensor& y) {
            return at::equal(x, y);
        });
}

}  // namespace

void check_objective(Checks& checks, const Plugin& plugin, const BoundParams& params) {
    constexpr Extent kFull{7, 8, 20};
    const bool has_forward =
        plugin.descriptor != nullptr &&
        static_cast<const samara_objective*>(plugin.descriptor->vtable)->forward != nullptr;
    const bool has_arrays =
        static_cast<const samara_objective*>(plugin.descriptor->vtable)->value_and_grad != nullptr;
    const bool stops = (plugin.descriptor->flags & SAMARA_STOPS_GRADIENT) != 0;
    for (const bool tensors : {true, false}) {
        if (tensors ? !has_forward : !has_arrays) {
            continue;
        }
        const std::string path = tensors ? "forward: " : "value_and_grad: ";
        checks.run(path + "determinism", [&] {
            ObjectiveInstance first(plugin, params), second(plugin, params);
            const Batch batch = make_batch(first, kFull);
            const auto expected = gradients(first, batch, tensors);
            require(equal(expected, gradients(first, batch, tensors)),
                    "the same call again gives other bits");
            require(equal(expected, gradients(second, batch, tensors)),
                    "a second instance gives other bits");
            return std::string();
        });
        checks.run(path + "empty batch", [&] {
            ObjectiveInstance objective(plugin, params);
            gradients(
                objective, make_batch(objective, {0, kFull.candidates, kFull.tokens}), tensors);
            gradients(objective, make_batch(objective, {0, 0, 0}), tensors);
            return std::string();
        });
        checks.run(path + "gradient", [&]() -> std::string {
            if (stops) {
                return "not compared: it declares stopped gradients";
            }
            ObjectiveInstance objective(plugin, params);
            const double error = gradient_error(objective, make_batch(objective, kFull), tensors);
            // Central differences with h = 1e-5 are good to about 1e-10 * curvature in float64.
            require(error < 1e-6, "differs from central differences by " + std::to_string(error));
            char text[48];
            std::snprintf(text, sizeof text, "within %.1e of central differences", error);
            return text;
        });
    }
    if (has_forward && has_arrays) {
        checks.run("both paths", [&] {
            ObjectiveInstance objective(plugin, params);
            const Batch batch = make_batch(objective, kFull);
            const auto a = gradients(objective, batch, true),
                       b = gradients(objective, batch, false);
            for (size_t i = 0; i < a.size(); ++i) {
                require(at::allclose(a[i], b[i], 1e-9, 1e-9),
                        "forward and value_and_grad disagree");
            }
            return std::string();
        });
    }
}

}  // namespace samara::host
