// Running optimizers: parameters, gradients and slots as handles or plain memory.  See
// optimizer.hpp.
#include "runtime/optimizer.hpp"

#include "runtime/instance.hpp"

#include <cmath>
#include <set>

namespace samara::host {
namespace {

const samara_optimizer& table_of(const Instance& instance) {
    return instance.table<samara_optimizer>();
}

samara_param_info view_of(const ParamInfo& param) {
    return {sizeof(samara_param_info),
            param.name.c_str(),
            param.role,
            param.dtype,
            static_cast<int64_t>(param.shape.size()),
            param.shape.data()};
}

/// Tensors as plain memory on the CPU; `write_back` copies what had to be moved back where it came
/// from.
struct Arrays {
    explicit Arrays(std::span<const at::Tensor> tensors) : originals(tensors) {
        for (const at::Tensor& t : tensors) {
            const at::Tensor host = t.detach().to(at::kCPU).contiguous();
            copies.push_back(host);
            arrays.push_back({from_torch(host.scalar_type()),
                              host.dim(),
                              copies.back().sizes().data(),
                              host.data_ptr()});
        }
    }
    void write_back() {
        for (size_t i = 0; i < copies.size(); ++i) {
            if (copies[i].data_ptr() != originals[i].data_ptr()) {
                originals[i].detach().copy_(copies[i]);
            }
        }
    }
    std::span<const at::Tensor> originals;
    std::vector<at::Tensor> copies;
    std::vector<samara_array> arrays;
};

}  // namespace

at::Tensor make_slot(const Slot& slot, const at::Tensor& param) {
    std::vector<int64_t> shape = param.sizes().vec();
    const auto only = [&](int64_t n) { shape = {n}; };
    if (slot.shape == SAMARA_SHAPE_SCALAR) {
        shape.clear();
    } else if (slot.shape == SAMARA_SHAPE_ROWS && !shape.empty()) {
        only(shape.front());
    } else if (slot.shape == SAMARA_SHAPE_COLUMNS && !shape.empty()) {
        only(shape.back());
    }
    const at::ScalarType dtype =
        slot.dtype == SAMARA_SAME ? param.scalar_type() : to_torch(slot.dtype);
    return at::full(shape, slot.init, param.detach().options().dtype(dtype).requires_grad(false));
}

OptimizerInstance::OptimizerInstance(const Plugin& plugin,
                                     const BoundParams& params,
                                     HostHooks hooks)
    : instance_(std::make_unique<Instance>(plugin, "optimizer/1", params, std::move(hooks))) {
    const samara_optimizer& table = table_of(*instance_);
    if (table.slots == nullptr || (table.step == nullptr && table.step_arrays == nullptr)) {
        instance_->fault(
            "create", "it has no slots, or neither step nor step_arrays", Code::plugin);
    }
}

OptimizerInstance::~OptimizerInstance() = default;
OptimizerInstance::OptimizerInstance(OptimizerInstance&&) noexcept = default;
std::string OptimizerInstance::save() {
    return instance_->save();
}
void OptimizerInstance::load(const std::string& bytes) {
    instance_->load(bytes);
}

std::vector<Slot> OptimizerInstance::slots(const ParamInfo& param) {
    const Frame frame(*instance_, nullptr);
    const samara_param_info info = view_of(param);
    const samara_slot* list = nullptr;
    int64_t n = 0;
    instance_->run("slots", [&] {
        return table_of(*instance_).slots(instance_->self(), &instance_->call(), &info, &list, &n);
    });
    std::vector<Slot> out;
    std::set<std::string> names;
    for (int64_t i = 0; i < n; ++i) {
        const Slot slot{list[i].name == nullptr ? "" : list[i].name,
                        list[i].dtype,
                        list[i].shape,
                        list[i].init};
        const auto want = [&](bool good, const char* rule) {
            if (!good) {
                instance_->fault(
                    "slots", "slot '" + slot.name + "' of parameter '" + param.name + "' " + rule);
            }
        };
        want(!slot.name.empty() && names.insert(slot.name).second, "has no name of its own");
        want(slot.dtype == SAMARA_SAME || (slot.dtype >= SAMARA_BOOL && slot.dtype <= SAMARA_U8),
             "has an unknown dtype");
        want(slot.shape >= SAMARA_SHAPE_SAME && slot.shape <= SAMARA_SHAPE_COLUMNS,
             "has an unknown shape");
        want(std::isfinite(slot.init), "starts with a value that is not finite");
        out.push_back(slot);
    }
    return out;
}

void OptimizerInstance::step(int64_t number,
                             int64_t total,
                             double lr,
                             std::span<const ParamInfo> infos,
                             std::span<const at::Tensor> params,
                             std::span<const at::Tensor> grads,
                             std::span<const at::Tensor> slots,
                             const RunInfo& info) {
    const at::NoGradGuard no_graph;
    samara_call& call = instance_->call();
    const Frame frame(*instance_, &info);
    call.extent = {};
    std::vector<samara_param_info> rows;
    for (const ParamInfo& param : infos) {
        rows.push_back(view_of(param));
    }
    std::vector<const samara_param_info*> pointers;
    for (const samara_param_info& row : rows) {
        pointers.push_back(&row);
    }
    samara_step step{};
    step.struct_size = sizeof step;
    step.number = number;
    step.total = total;
    step.lr = lr;
    step.n = static_cast<int64_t>(params.size());
    step.infos = pointers.data();
    const samara_optimizer& table = table_of(*instance_);
    if (!params.empty()) {
        call.device = params[0].device();
    }
    if (table.step == nullptr) {
        Arrays p(params), g(grads), s(slots);
        step.param_arrays = p.arrays.data();
        step.grad_arrays = g.arrays.data();
        step.slot_arrays = s.arrays.data();
        instance_->run("step_arrays",
                       [&] { return table.step_arrays(instance_->self(), &call, &step); });
        p.write_back();
        s.write_back();
        return;
    }
    const auto handles = [&](std::span<const at::Tensor> tensors) {
        std::vector<samara_tensor> out;
        for (const at::Tensor& t : tensors) {
            out.push_back(
                call.arena.put(t.detach()));  // shares memory; not a leaf, so in-place is legal
        }
        return out;
    };
    const std::vector<samara_tensor> p = handles(params), g = handles(grads), s = handles(slots);
    step.params = p.data();
    step.grads = g.data();
    step.slots = s.data();
    instance_->run("step", [&] { return table.step(instance_->self(), &call, &step); });
}

void OptimizerInstance::check_finite(std::span<const ParamInfo> infos,
                                     std::span<const at::Tensor> params) const {
    for (size_t p = 0; p < params.size(); ++p) {
        const at::Tensor values = params[p].detach();
        // A finite sum proves it in one pass; a sum that overflows is looked at again.
        if (!std::isfinite(values.sum(at::kDouble).item<double>()) &&
            !at::isfinite(values).all().item<bool>()) {
            instance_->fault(
                "step", "it left parameter '" + infos[p].name + "' not finite", Code::non_finite);
        }
    }
}

}  // namespace samara::host
