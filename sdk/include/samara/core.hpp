// core.hpp - what every Samara plugin in C++20 uses: the current call, failing, logging,
// parameters, descriptors. Header-only, over samara.h, and needs no LibTorch.  tensor.hpp adds
// operators; objective.hpp, optimizer.hpp, synthesizer.hpp and instruction.hpp turn a class into a
// plugin of that kind; samara.hpp includes all of them.
//
// From class to plugin, in every kind
//   1. Write a class with a constructor from `const Params&` (or none) and the functions that its
//      kind asks for (objective.hpp, ...).  The host makes one object per use in the configuration.
//   2. Wrap it: `const samara_plugin mine = samara::objective<Mine>({.id = "vendor.mine", ...});`
//   3. End one source file with SAMARA_PLUGINS(&mine), build a shared library, and try it:
//      `samara plugins check mine.so` runs the contract's tests on it.
//
// Errors   With exceptions (the default) whatever a plugin throws is caught at the boundary and
//          becomes a status and a text: the host then names the plugin and the function.  With
//          -fno-exceptions the first failure is remembered, later operators do nothing, and the
//          function returns the first failure: after a call that can fail, test context.status
//          before you use its result.  Nothing ever leaves the plugin, so a plugin may carry a C++
//          runtime of its own.
// Threads  The functions below speak for the call that this thread is in.  Other threads have no
//          call (context.host is nullptr there, and using it crashes): inside a parallel_for body
//          use plain memory only.
// Lifetime A text or span that the host hands over dies with the call unless its comment says
//          otherwise.  Constructors and destructors: the constructor is inside a call, the
//          destructor is not, so it must not log, fail or touch tensors.
#pragma once
#include "call.hpp"
#include "params.hpp"

#include <concepts>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace samara {

/// What a plugin says about itself; `samara plugins describe ID` prints it with the parameters.
/// `id` is "vendor.name" (a-z, 0-9, _ - . and at least one dot; anything else refuses the library)
/// and never changes; `version` is semantic.  A cache built by a synthesizer is reused only while
/// id, version, parameters and file are the same.  All texts are literals: they live as long as the
/// library.  None may be nullptr; formula and source may be empty.
struct About {
    const char* id;            ///< "vendor.name"
    const char* doc;           ///< one sentence: what it does
    const char* formula = "";  ///< "-log sigmoid(beta * gap.score)"
    const char* source = "";   ///< "arXiv 2305.18290 eq. 7"; say "as reconstructed" if it is
    /// Raise it when results change: caches of synthesised groups are keyed by it.
    const char* version = "1.0.0";
    const char* license = "Apache-2.0";
    /// Same inputs and seed, same bits.  Add SAMARA_STOPS_GRADIENT to an objective that detaches
    /// parts: else `samara plugins check` finds its gradients wrong.
    int64_t flags = SAMARA_DETERMINISTIC;
};

/// The parameters that class T declares: `static constexpr samara_param params[] = {...};`, or
/// none.  Params finds values by these keys, and create() gets the values in this order.
template <class T>
constexpr std::span<const samara_param> declared_params() {
    if constexpr (requires { T::params; }) {
        return {std::data(T::params), std::size(T::params)};
    } else {
        return {};
    }
}

/// The descriptor of T.  Kinds wrap it: samara::objective<T>({...}), samara::synthesizer<T>({...}),
/// ...  Keep it in a constant with static storage: the host reads it as long as the process lives.
template <class T>
constexpr samara_plugin describe_plugin(const About& about, const char* kind, const void* table) {
    const auto declared = declared_params<T>();
    return {sizeof(samara_plugin),
            about.id,
            kind,
            about.version,
            about.license,
            about.doc,
            about.formula,
            about.source,
            about.flags,
            static_cast<int64_t>(declared.size()),
            declared.data(),
            table};
}

/// From here to the macro: machinery of the kinds' headers, which a plugin does not call.
/// What `self` points at: the host's services and the plugin's own object.  T need not be copyable
/// or movable: it is made in place and stays where it is, so pointers to its members are good until
/// destroy (the arrays that `columns()`, `tags()` or `slots()` return rely on that).
template <class T>
struct Instance {
    const samara_host* host;
    T object;
};

/// Makes the object: `explicit T(const Params&)`, or a default constructor for a class without
/// parameters. It may fail() or throw; the host then names the plugin and refuses the run before
/// any step, and destroy() is not called.  One object per use in the configuration: two uses of one
/// plugin share nothing but static data.  `Declared` is the class with the params, when T only
/// wraps it.
template <class T, class Declared = T>
int64_t create(const samara_host* host, samara_call* call, const samara_value* values, int64_t n,
               void** self) {
    *self = nullptr;
    return boundary(host, call, [&] {
        const Params params({values, static_cast<size_t>(n)}, declared_params<Declared>());
        Instance<T>* made = nullptr;
        if constexpr (std::is_constructible_v<T, const Params&>) {
            made = new Instance<T>{host, T(params)};
        } else {
            made = new Instance<T>{host, T()};
        }
        if (context.status < 0) {  // only without exceptions
            delete made;
            return;
        }
        *self = made;
    });
}

/// Ends the object.  Never called twice, never during another call on it; ~T() is outside any call
/// and must not throw.
template <class T>
void destroy(void* self) {
    delete static_cast<Instance<T>*>(self);
}

/// Runs body(object) for the instance behind `self`, inside boundary().  Returns the status.
template <class T, class Body>
int64_t enter(void* self, samara_call* call, Body&& body) noexcept {
    auto* instance = static_cast<Instance<T>*>(self);
    return boundary(instance->host, call, [&] { body(instance->object); });
}

/// State is what a restart would lose and what changes later results: a running mean, a KL
/// controller, a cursor.  Optimizer slots are the host's; what can be computed again is no state.
/// A class with state that a checkpoint must hold has `std::string save() const` and `void
/// load(std::string_view)`.  The bytes must not depend on addresses, threads or time, and what
/// `load` makes must go on exactly as the saved object would have.
///
/// When     save at every checkpoint; load once, on a fresh object with the same parameters, when a
///          run resumes.  Empty bytes are not stored, and load is then not called.
/// Who      Objectives and optimizers.  A run never asks synthesizers: they must have no state.
/// Errors   fail() in load for bytes that make no sense; the run then does not start.
/// Example  std::string save() const { return std::to_string(steps_); }
///          void load(std::string_view bytes) { steps_ = std::stoll(std::string(bytes)); }
template <class T>
concept Stateful = requires(T object, const T constant, std::string_view bytes) {
    { constant.save() } -> std::convertible_to<std::string>;
    object.load(bytes);
};

/// Types of the ABI's `save` and `load`; samara.h, SAMARA_LIFECYCLE.
using SaveFunction = int64_t (*)(void*, samara_call*, void (*)(void*, samara_str), void*);
using LoadFunction = int64_t (*)(void*, samara_call*, samara_str);

/// The ABI functions for Stateful classes; nullptr ("no state") for the others: a class with only
/// one of the two, or with another signature, counts as without state, and silently so.  Write
/// `static_assert(samara::Stateful<Mine>);` below a class that must be one.
template <class T>
constexpr SaveFunction save_function() {
    if constexpr (Stateful<T>) {
        return [](void* self, samara_call* call, void (*write)(void*, samara_str), void* ctx) {
            return enter<T>(self, call, [&](const T& object) {
                const std::string bytes = object.save();
                write(ctx, text(bytes));
            });
        };
    } else {
        return nullptr;
    }
}
template <class T>
constexpr LoadFunction load_function() {
    if constexpr (Stateful<T>) {
        return [](void* self, samara_call* call, samara_str bytes) {
            return enter<T>(self, call, [&](T& object) { object.load(view(bytes)); });
        };
    } else {
        return nullptr;
    }
}

}  // namespace samara

/// One line in one source file of the library: the addresses of its descriptors, at least one.  A
/// descriptor of another file is declared there as `extern const samara_plugin name;`.  It defines
/// the library's only exported symbol, as initialised data: the host reads magic and ABI from the
/// file before it runs a line of the library.
///     SAMARA_PLUGINS(&kHinge, &kLogistic)
#define SAMARA_PLUGINS(...)                                             \
    namespace {                                                         \
    constexpr const samara_plugin* samara_list[] = {__VA_ARGS__};       \
    }                                                                   \
    extern "C" SAMARA_EXPORT const samara_entry samara_plugin_entry = { \
        sizeof(samara_entry), SAMARA_MAGIC, SAMARA_ABI,                 \
        static_cast<int64_t>(sizeof(samara_list) / sizeof(*samara_list)), samara_list};
