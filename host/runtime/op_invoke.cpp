// Runs a resolved operator: converts tagged C values to what the schema asks, makes the
// dispatcher's boxed call (so autograd, autocast and every backend work as in C++), and converts
// the results.  About 70 ns beside LibTorch.
#include "runtime/op_table.hpp"

#include <algorithm>

namespace samara::host {
namespace {

using c10::IValue;
using c10::TypeKind;

[[noreturn]] void mismatch(const ArgPlan& p, const samara_value& v) {
    static constexpr const char* kTags[] = {"none",
                                            "default",
                                            "a tensor",
                                            "an int",
                                            "a float",
                                            "a bool",
                                            "a string",
                                            "a dtype",
                                            "ints",
                                            "floats",
                                            "bools",
                                            "tensors",
                                            "strings"};
    const bool known = v.tag >= 0 && v.tag < static_cast<int64_t>(std::size(kTags));
    throw Refused("argument '" + p.name + "' wants " + c10::typeKindToString(p.kind) + ", got " +
                  (known ? kTags[v.tag] : "an unknown value tag"));
}

IValue number(const ArgPlan& p, const samara_value& v) {
    switch (v.tag) {
        case SAMARA_INT:
            return v.u.i;
        case SAMARA_FLOAT:
            return v.u.d;
        case SAMARA_TRUTH:
            return v.u.i != 0;
        default:
            mismatch(p, v);
    }
}

IValue tensor_list(const samara_call& call, const ArgPlan& p, const samara_value& v) {
    if (v.tag != SAMARA_TENSORS) {
        mismatch(p, v);
    }
    const auto n = static_cast<size_t>(v.len);
    if (p.optional_element) {
        c10::List<std::optional<at::Tensor>> out;
        out.reserve(n);
        for (size_t i = 0; i < n; ++i) {
            const samara_tensor handle = v.u.tensors[i];
            out.push_back(handle == 0 ? std::nullopt : std::optional(tensor_at(call, handle)));
        }
        return out;
    }
    c10::List<at::Tensor> out;
    out.reserve(n);
    for (size_t i = 0; i < n; ++i) {
        out.push_back(tensor_at(call, v.u.tensors[i]));
    }
    return out;
}

IValue list_of(const samara_call& call, const ArgPlan& p, const samara_value& v) {
    const auto n = static_cast<size_t>(v.len);
    switch (p.element) {
        case TypeKind::TensorType:
            return tensor_list(call, p, v);
        case TypeKind::IntType:
            if (v.tag == SAMARA_INT && p.broadcast) {
                return c10::List<int64_t>({v.u.i});
            }
            if (v.tag != SAMARA_INTS) {
                mismatch(p, v);
            }
            return IValue(at::IntArrayRef(v.u.ints, n));
        case TypeKind::FloatType:
            if (v.tag != SAMARA_FLOATS) {
                mismatch(p, v);
            }
            return IValue(at::ArrayRef<double>(v.u.floats, n));
        case TypeKind::BoolType: {
            if (v.tag != SAMARA_TRUTHS) {
                mismatch(p, v);
            }
            c10::List<bool> out;
            for (size_t i = 0; i < n; ++i) {
                out.push_back(v.u.ints[i] != 0);
            }
            return out;
        }
        case TypeKind::NumberType: {
            if (v.tag != SAMARA_FLOATS && v.tag != SAMARA_INTS) {
                mismatch(p, v);
            }
            c10::List<at::Scalar> out;
            for (size_t i = 0; i < n; ++i) {
                out.push_back(v.tag == SAMARA_INTS ? at::Scalar(v.u.ints[i])
                                                   : at::Scalar(v.u.floats[i]));
            }
            return out;
        }
        default:
            mismatch(p, v);
    }
}

IValue scalar(const samara_call& call, const ArgPlan& p, const samara_value& v) {
    const auto want = [&](bool good) {
        if (!good) {
            mismatch(p, v);
        }
    };
    switch (p.kind) {
        case TypeKind::TensorType:
            want(v.tag == SAMARA_TENSOR);
            return tensor_at(call, v.u.t);
        case TypeKind::NumberType:
            return number(p, v);
        case TypeKind::FloatType:
            want(v.tag == SAMARA_FLOAT || v.tag == SAMARA_INT);
            return v.tag == SAMARA_INT ? static_cast<double>(v.u.i) : v.u.d;
        case TypeKind::IntType:
        case TypeKind::SymIntType:
            want(v.tag == (p.dtype ? SAMARA_DTYPE
                                   : SAMARA_INT));  // LibTorch's own dtype numbers stay inside
            return p.dtype ? IValue(static_cast<int64_t>(to_torch(v.u.i))) : IValue(v.u.i);
        case TypeKind::BoolType:
            want(v.tag == SAMARA_TRUTH || v.tag == SAMARA_INT);
            return v.u.i != 0;
        case TypeKind::StringType:
            want(v.tag == SAMARA_STRING);
            return std::string(v.u.s, static_cast<size_t>(v.len));
        case TypeKind::DeviceObjType:
            want(v.tag == SAMARA_STRING);
            return c10::Device(std::string(v.u.s, static_cast<size_t>(v.len)));
        case TypeKind::ListType:
            return list_of(call, p, v);
        default:
            mismatch(p, v);
    }
}

IValue convert(const samara_call& call, const ArgPlan& p, const samara_value& v) {
    if (v.tag == SAMARA_DEFAULT && p.has_fallback) {
        return p.fallback_is_device ? IValue(call.device) : p.fallback;
    }
    if (v.tag == SAMARA_NONE && p.optional) {
        return {};
    }
    if (v.tag >= SAMARA_INTS && (v.len < 0 || (v.len > 0 && v.u.ints == nullptr))) {
        throw Refused("argument '" + p.name + "' is a list without elements behind it");
    }
    return scalar(call, p, v);
}

void refuse_writes(samara_call& call, const ArgPlan& p, const samara_value& v) {
    const auto check = [&](samara_tensor handle) {
        const auto* storage = tensor_at(call, handle).storage().unsafeGetStorageImpl();
        if (std::find(call.read_only.begin(), call.read_only.end(), storage) !=
            call.read_only.end()) {
            const std::string rule =
                "it would write to argument '" + p.name + "', which shares memory with an input";
            call.refuse(rule);
            throw Refused(rule);
        }
    };
    if (v.tag == SAMARA_TENSOR) {
        check(v.u.t);
    }
    for (int64_t i = 0; v.tag == SAMARA_TENSORS && i < v.len; ++i) {
        check(v.u.tensors[i]);
    }
}

samara_value result(samara_call& call, IValue&& value) {
    samara_value out{};
    if (value.isTensor()) {
        at::Tensor t = std::move(value).toTensor();
        if (t.defined()) {
            out.tag = SAMARA_TENSOR;
            out.u.t = call.arena.put(std::move(t));
        }
    } else if (value.isTensorList()) {
        std::vector<samara_tensor>& handles = call.lists.emplace_back();
        for (at::Tensor& t : value.toTensorVector()) {
            handles.push_back(call.arena.put(std::move(t)));
        }
        out.tag = SAMARA_TENSORS;
        out.len = static_cast<int64_t>(handles.size());
        out.u.tensors = handles.data();
    } else if (value.isInt()) {
        out.tag = SAMARA_INT;
        out.u.i = value.toInt();
    } else if (value.isDouble()) {
        out.tag = SAMARA_FLOAT;
        out.u.d = value.toDouble();
    } else if (value.isBool()) {
        out.tag = SAMARA_TRUTH;
        out.u.i = value.toBool() ? 1 : 0;
    } else if (value.isIntList()) {
        std::vector<int64_t>& numbers = call.numbers.emplace_back(value.toIntVector());
        out.tag = SAMARA_INTS;
        out.len = static_cast<int64_t>(numbers.size());
        out.u.ints = numbers.data();
    } else if (!value.isNone()) {
        throw Refused("the result has type " + value.tagKind() + ", which the SDK cannot carry");
    }
    return out;
}

void run(samara_call& call, const samara_op& op, const samara_value* args, samara_value* rets) {
    torch::jit::Stack stack;
    stack.reserve(op.plan.size());
    for (const ArgPlan& p : op.plan) {
        if (p.source < 0) {
            stack.push_back(p.fallback_is_device ? IValue(call.device) : p.fallback);
            continue;
        }
        if (p.written) {
            refuse_writes(call, p, args[p.source]);
        }
        stack.push_back(convert(call, p, args[p.source]));
    }
    op.handle.callBoxed(stack);
    for (size_t i = 0; i < op.n_returns; ++i) {
        rets[i] = result(call, std::move(stack[i]));
    }
}

}  // namespace

const at::Tensor& tensor_at(const samara_call& call, samara_tensor handle) {
    const at::Tensor* t = call.arena.find(handle);
    if (t == nullptr) {
        throw Refused("a tensor handle is stale, released or invented");
    }
    return *t;
}

int64_t invoke_op(samara_call* call,
                  const samara_op* op,
                  const samara_value* args,
                  int64_t n_args,
                  samara_value* rets,
                  int64_t n_rets) noexcept {
    return guarded(call, op->name.c_str(), [&] {
        if (static_cast<size_t>(n_args) != op->n_given) {
            throw Refused("it was resolved with " + std::to_string(op->n_given) +
                          " arguments, got " + std::to_string(n_args));
        }
        if (op->random) {
            throw Refused("it draws random numbers, which this call must not do");
        }
        if (call->thread != std::this_thread::get_id()) {
            throw Refused("tensors belong to the thread that made the call");
        }
        if (static_cast<size_t>(n_rets) >= op->n_returns) {
            run(*call, *op, args, rets);
            return;
        }
        // An in-place operator returns what it was given: a caller may leave such results out.
        std::vector<samara_value> all(op->n_returns);
        run(*call, *op, args, all.data());
        std::copy_n(all.begin(), n_rets, rets);
    });
}

}  // namespace samara::host
