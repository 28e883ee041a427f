// Running objectives: both paths (tensors, plain memory), and the checks of every call.  See
// objective.hpp.
#include "runtime/objective.hpp"

#include "runtime/instance.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <set>

namespace samara::host {
namespace {

const samara_objective& table_of(const Instance& instance) {
    return instance.table<samara_objective>();
}

/// The number of items of a level; nullopt for a scalar.
std::optional<int64_t> items_of(int64_t level, const Extent& extent) {
    switch (level) {
        case SAMARA_PER_RELATION:
            return extent.relations;
        case SAMARA_PER_CANDIDATE:
            return extent.candidates;
        case SAMARA_PER_TOKEN:
            return extent.tokens;
        default:
            return std::nullopt;
    }
}

std::vector<int64_t> shape_of(int64_t level, const Extent& extent) {
    const std::optional<int64_t> items = items_of(level, extent);
    return items ? std::vector<int64_t>{*items} : std::vector<int64_t>{};
}

LossInfo read_loss(const Instance& instance, const samara_loss& loss) {
    const std::string name = loss.name == nullptr ? "" : loss.name;
    const auto want = [&](bool good, const std::string& rule) {
        if (!good) {
            instance.fault("describe", "loss '" + name + "' " + rule, Code::plugin);
        }
    };
    want(!name.empty(), "has no name");
    want(loss.level >= SAMARA_PER_RELATION && loss.level <= SAMARA_SCALAR, "has an unknown level");
    want(loss.normaliser >= SAMARA_BY_WEIGHT && loss.normaliser <= SAMARA_BY_NOTHING,
         "has an unknown normaliser");
    want(std::isfinite(loss.coefficient), "has a coefficient that is not finite");
    return {name,
            loss.level,
            loss.normaliser,
            loss.coupled != 0 || loss.level == SAMARA_SCALAR,
            loss.coefficient};
}

/// First index of a value that is not finite, for the message.
std::string position_of_non_finite(const at::Tensor& values) {
    const at::Tensor bad =
        at::nonzero(at::logical_not(at::isfinite(values.detach().reshape({-1}))));
    return bad.size(0) == 0 ? "its sum overflows"
                            : "first at item " + std::to_string(bad[0][0].item<int64_t>());
}

/// The cheap test first: one reduction (0.8 us for 64 items).
void require_finite(const Instance& instance,
                    const char* function,
                    const std::string& what,
                    const at::Tensor& values) {
    const at::Tensor flat = values.detach();
    if (!std::isfinite(flat.sum(at::kDouble).item<double>())) {
        instance.fault(
            function, what + " is not finite, " + position_of_non_finite(flat), Code::non_finite);
    }
}

samara_array array_of(const at::Tensor& t) {
    return t.defined()
               ? samara_array{from_torch(t.scalar_type()), t.dim(), t.sizes().data(), t.data_ptr()}
               : samara_array{0, 0, nullptr, nullptr};
}

std::vector<samara_array> arrays_of(const std::vector<at::Tensor>& tensors) {
    std::vector<samara_array> out;
    for (const at::Tensor& t : tensors) {
        out.push_back(array_of(t));
    }
    return out;
}

/// Columns or weights as the plain memory that plugins see: dense, on the CPU, floats as float64.
/// Always copies: C code can write through a pointer unseen, so the host's own memory stays out of
/// reach.
std::vector<at::Tensor> private_copies(std::span<const at::Tensor> tensors) {
    std::vector<at::Tensor> out;
    for (const at::Tensor& t : tensors) {
        if (!t.defined()) {
            out.emplace_back();
            continue;
        }
        const at::ScalarType dtype = t.is_floating_point() ? at::kDouble : t.scalar_type();
        out.push_back(t.detach().to(at::kCPU, dtype, false, true).contiguous());
    }
    return out;
}

}  // namespace

ObjectiveInstance::ObjectiveInstance(const Plugin& plugin,
                                     const BoundParams& params,
                                     HostHooks hooks)
    : instance_(std::make_unique<Instance>(plugin, "objective/1", params, std::move(hooks))) {
    samara_objective_info info{};
    info.struct_size = sizeof info;
    const Frame frame(*instance_, nullptr);
    instance_->run("describe", [&] {
        return table_of(*instance_).describe(instance_->self(), &instance_->call(), &info);
    });
    const auto bad = [&](const std::string& rule) {
        instance_->fault("describe", rule, Code::plugin);
    };
    std::set<std::string> seen;
    for (int64_t i = 0; i < info.n_columns; ++i) {
        std::string name = info.columns[i];
        optional_.push_back(name.ends_with('?'));
        name.resize(name.size() - (optional_.back() ? 1 : 0));
        if (name.empty() || !seen.insert(name).second) {
            bad("column '" + name + "' is empty or named twice");
        }
        columns_.push_back(std::move(name));
    }
    seen.clear();
    for (int64_t m = 0; m < info.n_losses; ++m) {
        losses_.push_back(read_loss(*instance_, info.losses[m]));
        if (!seen.insert(losses_.back().name).second) {
            bad("loss '" + losses_.back().name + "' is named twice");
        }
    }
    if (columns_.empty() || losses_.empty()) {
        bad("an objective has at least one column and one loss");
    }
    if (info.orders < 1 || info.orders > 3) {
        bad("orders is " + std::to_string(info.orders) + ", expected 1, 2 or 3");
    }
    orders_ = info.orders;
    if (table_of(*instance_).forward == nullptr && table_of(*instance_).value_and_grad == nullptr) {
        bad("it has neither forward nor value_and_grad");
    }
}

ObjectiveInstance::~ObjectiveInstance() = default;
ObjectiveInstance::ObjectiveInstance(ObjectiveInstance&&) noexcept = default;

bool ObjectiveInstance::has_forward() const {
    return table_of(*instance_).forward != nullptr;
}
bool ObjectiveInstance::has_weigh() const {
    return table_of(*instance_).weigh != nullptr;
}
std::string ObjectiveInstance::save() {
    return instance_->save();
}
void ObjectiveInstance::load(const std::string& bytes) {
    instance_->load(bytes);
}

std::vector<at::Tensor> ObjectiveInstance::forward(std::span<const at::Tensor> columns,
                                                   const Extent& extent,
                                                   const RunInfo& info,
                                                   std::vector<Metric>* metrics) {
    samara_call& call = instance_->call();
    const Frame frame(*instance_, &info);
    call.extent = extent;
    std::vector<samara_tensor> in;
    std::vector<uint32_t> versions;
    bool differentiable = false;
    for (const at::Tensor& column : columns) {
        in.push_back(column.defined() ? call.arena.put(column) : 0);
        versions.push_back(column.defined() ? column._version() : 0);
        if (column.defined()) {
            call.read_only.push_back(column.storage().unsafeGetStorageImpl());
            call.device = column.device();
            differentiable = differentiable || column.requires_grad();
        }
    }
    std::vector<samara_tensor> out(losses_.size());
    const bool grad_mode = at::GradMode::is_enabled();
    instance_->run("forward", [&] {
        return table_of(*instance_).forward(instance_->self(), &call, in.data(), out.data());
    });
    for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].defined() && columns[i]._version() != versions[i]) {
            instance_->fault("forward", "it wrote to its input '" + columns_[i] + "'");
        }
    }
    std::vector<at::Tensor> losses;
    for (size_t m = 0; m < losses_.size(); ++m) {
        const std::string what = "loss '" + losses_[m].name + "'";
        const at::Tensor* loss = call.arena.find(out[m]);
        if (loss == nullptr) {
            instance_->fault(
                "forward",
                what + (out[m] == 0 ? " is missing" : " is a stale, released or invented handle"));
        }
        const std::vector<int64_t> shape = shape_of(losses_[m].level, extent);
        if (loss->sizes() != at::IntArrayRef(shape)) {
            instance_->fault("forward",
                             what + " has shape " + shape_text(loss->sizes()) + ", declared is " +
                                 shape_text(shape));
        }
        if (!loss->is_floating_point()) {
            instance_->fault(
                "forward",
                what + " has dtype " + dtype_name(loss->scalar_type()) + ", expected a float");
        }
        if (loss->device() != call.device) {
            instance_->fault("forward",
                             what + " lies on " + loss->device().str() + ", its columns on " +
                                 call.device.str());
        }
        if (grad_mode && differentiable && !loss->requires_grad()) {
            instance_->fault("forward", what + " depends on no differentiable column (detached?)");
        }
        require_finite(*instance_, "forward", what, *loss);
        losses.push_back(*loss);
    }
    if (metrics != nullptr) {
        metrics->insert(metrics->end(), call.metrics.begin(), call.metrics.end());
    }
    return losses;
}

/// One node of the graph that replays the gradient which the plugin computed in plain memory.
struct ArraysNode : torch::autograd::Function<ArraysNode> {
    static at::Tensor forward(torch::autograd::AutogradContext* ctx,
                              at::TensorList /* columns that require a gradient */,
                              const at::Tensor& total,
                              const std::vector<at::Tensor>& grads) {
        ctx->save_for_backward(grads);  // in the order of the columns
        return total.clone();
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                   torch::autograd::variable_list upstream) {
        torch::autograd::variable_list out;
        for (const at::Tensor& grad : ctx->get_saved_variables()) {
            out.push_back(grad * upstream[0].to(grad.device(), grad.scalar_type()));
        }
        out.emplace_back();  // total
        out.emplace_back();  // grads
        return out;
    }
};

at::Tensor ObjectiveInstance::value_and_grad(std::span<const at::Tensor> columns,
                                             std::span<const at::Tensor> weights,
                                             const Extent& extent,
                                             const RunInfo& info,
                                             std::vector<at::Tensor>* losses_out,
                                             std::vector<Metric>* metrics) {
    samara_call& call = instance_->call();
    const Frame frame(*instance_, &info);
    call.extent = extent;
    const std::vector<at::Tensor> in = private_copies(columns);
    const std::vector<at::Tensor> weight = private_copies(weights);
    std::vector<at::Tensor> losses, grads;
    for (const LossInfo& loss : losses_) {
        losses.push_back(
            at::full(shape_of(loss.level, extent), NAN, at::kDouble));  // what is not written shows
    }
    std::vector<at::Tensor> attached;  // the defined columns, which the node is attached to
    for (size_t i = 0; i < columns.size(); ++i) {
        const bool want =
            columns[i].defined() && columns[i].requires_grad() && at::GradMode::is_enabled();
        grads.push_back(want ? at::zeros_like(in[i]) : at::Tensor());
    }
    std::vector<samara_array> out = arrays_of(losses), grad = arrays_of(grads);
    const std::vector<samara_array> column = arrays_of(in), factor = arrays_of(weight);
    instance_->run("value_and_grad", [&] {
        return table_of(*instance_)
            .value_and_grad(
                instance_->self(), &call, column.data(), factor.data(), out.data(), grad.data());
    });
    at::Tensor total = at::zeros({}, at::kDouble);
    for (size_t m = 0; m < losses.size(); ++m) {
        require_finite(*instance_, "value_and_grad", "loss '" + losses_[m].name + "'", losses[m]);
        total += (losses[m] * weight[m]).sum();
    }
    at::Device device = at::kCPU;
    at::ScalarType dtype = at::kDouble;
    std::vector<at::Tensor> saved;
    for (size_t i = 0; i < columns.size(); ++i) {
        if (grads[i].defined()) {
            require_finite(
                *instance_, "value_and_grad", "the gradient by '" + columns_[i] + "'", grads[i]);
            attached.push_back(columns[i]);
            saved.push_back(grads[i].to(columns[i].device(), columns[i].scalar_type()));
            device = columns[i].device();
            dtype = columns[i].scalar_type();
        }
    }
    if (metrics != nullptr) {
        metrics->insert(metrics->end(), call.metrics.begin(), call.metrics.end());
    }
    if (losses_out != nullptr) {
        *losses_out = std::move(losses);
    }
    return ArraysNode::apply(at::TensorList(attached), total.to(device, dtype), saved);
}

void ObjectiveInstance::weigh(std::span<const at::Tensor> columns,
                              const Extent& extent,
                              const RunInfo& info,
                              std::vector<at::Tensor>& weights) {
    samara_call& call = instance_->call();
    const Frame frame(*instance_, &info);
    call.extent = extent;
    const std::vector<at::Tensor> in = private_copies(columns);
    const std::vector<samara_array> column = arrays_of(in);
    for (size_t m = 0; m < losses_.size(); ++m) {
        if (weights.size() != losses_.size() || weights[m].scalar_type() != at::kDouble ||
            !weights[m].is_cpu() || !weights[m].is_contiguous() ||
            weights[m].sizes() != at::IntArrayRef(shape_of(losses_[m].level, extent))) {
            throw Error(Code::internal,
                        "weigh wants one float64 CPU tensor of the loss's shape per loss");
        }
    }
    std::vector<samara_array> factor = arrays_of(weights);
    instance_->run("weigh", [&] {
        return table_of(*instance_).weigh(instance_->self(), &call, column.data(), factor.data());
    });
    for (size_t m = 0; m < weights.size(); ++m) {
        require_finite(
            *instance_, "weigh", "the weight of loss '" + losses_[m].name + "'", weights[m]);
        if (weights[m].numel() > 0 && weights[m].min().item<double>() < 0) {
            instance_->fault("weigh", "a weight of loss '" + losses_[m].name + "' is negative");
        }
    }
}

}  // namespace samara::host
