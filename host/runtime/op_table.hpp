// Operators for plugins, between resolving (op_table.cpp) and running (op_invoke.cpp).  Internal to
// runtime/.
#pragma once
#include "runtime/call.hpp"

#include <ATen/core/dispatch/Dispatcher.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace samara::host {

/// What one argument of a schema wants, worked out once.
struct ArgPlan {
    c10::TypeKind kind = c10::TypeKind::NoneType;
    c10::TypeKind element = c10::TypeKind::NoneType;  ///< of a list
    bool optional = false;
    bool optional_element = false;
    bool written = false;    ///< in place
    bool dtype = false;      ///< an int that is a LibTorch dtype number
    bool broadcast = false;  ///< int[1]: a single int will do
    int source = -1;         ///< index among the caller's values; -1: the default
    c10::IValue fallback;
    bool has_fallback = false;
    bool fallback_is_device = false;  ///< unnamed: the device of the call
    std::string name;
};

/// A refused operator or argument; becomes a status and a text at the boundary.
struct Refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

int64_t invoke_op(samara_call* call,
                  const samara_op* op,
                  const samara_value* args,
                  int64_t n_args,
                  samara_value* rets,
                  int64_t n_rets) noexcept;

/// Runs the body of a function that plugins can reach: nothing is thrown past it.
template <class Body>
int64_t guarded(samara_call* call, const char* what, Body&& body) noexcept {
    try {
        try {
            body();
            return SAMARA_OK;
        } catch (const c10::Error& error) {
            return call->fail(SAMARA_INVALID,
                              std::string(what) + ": " + error.what_without_backtrace());
        } catch (const std::exception& error) {
            return call->fail(SAMARA_INVALID, std::string(what) + ": " + error.what());
        }
    } catch (...) {
        return SAMARA_INTERNAL;
    }
}

/// The tensor behind a handle; throws Refused for a stale, released or invented one.
const at::Tensor& tensor_at(const samara_call& call, samara_tensor handle);

}  // namespace samara::host

/// The C type that plugins see as opaque.
struct samara_op {
    samara_op(c10::OperatorHandle h, std::string n) : handle(std::move(h)), name(std::move(n)) {}
    c10::OperatorHandle handle;
    std::string name;
    std::vector<samara::host::ArgPlan> plan;  ///< in the schema's order
    size_t n_given = 0, n_returns = 0;
    bool random = false;
};
