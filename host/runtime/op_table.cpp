// Extension "tensor/1": every ATen operator by schema name.  This file resolves names and serves
// the small functions; op_invoke.cpp converts values and runs the dispatcher.
#include "runtime/op_table.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace samara::host {
namespace {

using c10::TypeKind;

// Operators that would break the contract whatever their arguments are: they change what the host
// owns (graph membership, storage, file access) behind the checks.
constexpr std::array kForbidden = {"aten::set_data",
                                   "aten::_backward",
                                   "aten::requires_grad_",
                                   "aten::retain_grad",
                                   "aten::from_file",
                                   "aten::detach_",
                                   "aten::set_",
                                   "aten::resize_",
                                   "aten::resize_as_",
                                   "aten::rename_",
                                   "aten::record_stream"};

ArgPlan plan_of(const c10::Argument& argument) {
    ArgPlan p;
    p.name = argument.name();
    c10::TypePtr type = argument.type();
    c10::TypePtr real = argument.real_type();
    if (auto optional = type->cast<c10::OptionalType>()) {
        p.optional = true;
        type = optional->getElementType();
        real = real->expectRef<c10::OptionalType>().getElementType();
    }
    p.kind = type->kind();
    p.dtype = real->kind() == TypeKind::ScalarTypeType;
    if (auto list = type->cast<c10::ListType>()) {
        c10::TypePtr element = list->getElementType();
        if (auto optional = element->cast<c10::OptionalType>()) {
            p.optional_element = true;
            element = optional->getElementType();
        }
        p.element = element->kind();
        p.broadcast = argument.N().has_value();
    }
    p.written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    if (argument.default_value()) {
        p.has_fallback = true;
        p.fallback = *argument.default_value();
        p.fallback_is_device = p.kind == TypeKind::DeviceObjType && p.fallback.isNone();
    }
    return p;
}

std::string_view trim(std::string_view s) {
    while (!s.empty() && s.front() == ' ') {
        s.remove_prefix(1);
    }
    while (!s.empty() && s.back() == ' ') {
        s.remove_suffix(1);
    }
    return s;
}

/// Assigns the caller's values to the schema's arguments by name.
void bind_names(samara_op& op, std::string_view names) {
    int given = 0;
    while (!trim(names).empty()) {
        const size_t comma = names.find(',');
        const std::string_view name = trim(names.substr(0, comma));
        names = comma == std::string_view::npos ? std::string_view{} : names.substr(comma + 1);
        const auto it = std::find_if(
            op.plan.begin(), op.plan.end(), [&](const ArgPlan& p) { return p.name == name; });
        if (it == op.plan.end()) {
            throw Refused("it has no argument '" + std::string(name) + "'");
        }
        if (it->source >= 0) {
            throw Refused("argument '" + std::string(name) + "' is named twice");
        }
        it->source = given++;
    }
    for (const ArgPlan& p : op.plan) {
        if (p.source < 0 && !p.has_fallback) {
            throw Refused("argument '" + p.name + "' has no default; name it");
        }
    }
    op.n_given = static_cast<size_t>(given);
}

std::unique_ptr<samara_op> build(std::string_view signature) {
    const size_t open = signature.find('(');
    const size_t close = signature.rfind(')');
    const std::string full(trim(signature.substr(0, open)));
    if (!full.starts_with("aten::")) {
        throw Refused("only operators of namespace aten:: are offered");
    }
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        throw Refused("name the arguments, as in \"aten::add.Tensor(self, other)\"");
    }
    const size_t dot = full.find('.');
    const std::string base = full.substr(0, dot);
    const std::string overload = dot == std::string::npos ? "" : full.substr(dot + 1);
    if (std::find(kForbidden.begin(), kForbidden.end(), base) != kForbidden.end()) {
        throw Refused("this operator is not offered to plugins");
    }
    const auto handle = c10::Dispatcher::singleton().findSchema({base, overload});
    if (!handle) {
        throw Refused("this LibTorch has no such operator");
    }
    auto op = std::make_unique<samara_op>(*handle, full);
    op->n_returns = handle->schema().returns().size();
    op->random = handle->hasTag(at::Tag::nondeterministic_seeded);
    for (const c10::Argument& argument : handle->schema().arguments()) {
        op->plan.push_back(plan_of(argument));
    }
    bind_names(*op, signature.substr(open + 1, close - open - 1));
    return op;
}

int64_t resolve(samara_call* call, const char* signature, const samara_op** out) noexcept {
    // Never destroyed: plugins keep the pointers.
    static auto* lock = new std::mutex;
    static auto* known = new std::unordered_map<std::string, std::unique_ptr<samara_op>>;
    return guarded(call, signature, [&] {
        const std::scoped_lock hold(*lock);
        auto it = known->find(signature);
        if (it == known->end()) {
            it = known->emplace(signature, build(signature)).first;
        }
        *out = it->second.get();
    });
}

int64_t describe(samara_call* call, samara_tensor handle, samara_array* out) noexcept {
    return guarded(call, "describe", [&] {
        const at::Tensor& t = tensor_at(*call, handle);
        *out = {from_torch(t.scalar_type()), t.dim(), t.sizes().data(), nullptr};
        if (t.is_cpu() && t.layout() == at::kStrided && t.is_contiguous()) {
            out->data = const_cast<void*>(t.const_data_ptr());
        }
    });
}

int64_t from_array(samara_call* call, const samara_array* array, samara_tensor* out) noexcept {
    return guarded(call, "from_array", [&] {
        const at::IntArrayRef shape(array->shape, static_cast<size_t>(array->ndim));
        const at::Tensor view =
            at::from_blob(array->data, shape, at::TensorOptions(to_torch(array->dtype)));
        *out = call->arena.put(view.to(call->device, view.scalar_type(), false, true));
    });
}

int64_t release(samara_call* call, samara_tensor handle) noexcept {
    return guarded(call, "release", [&] {
        if (!call->arena.release(handle)) {
            throw Refused("a tensor handle is stale, released or invented");
        }
    });
}

struct DtypeRow {
    int64_t code;
    at::ScalarType type;
    const char* name;
};
constexpr std::array<DtypeRow, 8> kDtypes = {{{SAMARA_BOOL, at::kBool, "bool"},
                                              {SAMARA_I64, at::kLong, "int64"},
                                              {SAMARA_I32, at::kInt, "int32"},
                                              {SAMARA_F64, at::kDouble, "float64"},
                                              {SAMARA_F32, at::kFloat, "float32"},
                                              {SAMARA_BF16, at::kBFloat16, "bfloat16"},
                                              {SAMARA_F16, at::kHalf, "float16"},
                                              {SAMARA_U8, at::kByte, "uint8"}}};

}  // namespace

at::ScalarType to_torch(int64_t dtype) {
    for (const DtypeRow& row : kDtypes) {
        if (row.code == dtype) {
            return row.type;
        }
    }
    throw std::invalid_argument("unknown dtype code " + std::to_string(dtype));
}

int64_t from_torch(at::ScalarType type) {
    for (const DtypeRow& row : kDtypes) {
        if (row.type == type) {
            return row.code;
        }
    }
    return 0;
}

const char* dtype_name(at::ScalarType type) {
    for (const DtypeRow& row : kDtypes) {
        if (row.type == type) {
            return row.name;
        }
    }
    return c10::toString(type);
}

std::string shape_text(at::IntArrayRef shape) {
    std::string out = "[";
    for (size_t i = 0; i < shape.size(); ++i) {
        out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    }
    return out + "]";
}

const samara_tensor_api& tensor_api() {
    static constexpr samara_tensor_api api = {
        sizeof(samara_tensor_api), resolve, invoke_op, describe, from_array, release};
    return api;
}

}  // namespace samara::host
