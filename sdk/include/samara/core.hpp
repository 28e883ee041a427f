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
#include "samara.h"

#include <array>
#include <concepts>
#include <cstdint>
#include <exception>
#include <iterator>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace samara {

/// For open-ended bounds of parameters: param::number("beta", "1.0", 0, kInfinity, "...").  The
/// bound only: a user's value that is infinite or NaN is refused whatever the bounds.
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A C++ text as the ABI's {pointer, length}.  Borrows: the text must outlive the use.  A
/// default-made view has no pointer and so means "absent" where a field allows that; "" is a text.
inline samara_str text(std::string_view s) { return {s.data(), static_cast<int64_t>(s.size())}; }

/// The other way round.  An absent text (pointer NULL) becomes an empty view: where absent and
/// empty differ, look at `ptr` (Record::chosen does).
inline std::string_view view(samara_str s) {
    return s.ptr == nullptr ? std::string_view{}
                            : std::string_view(s.ptr, static_cast<size_t>(s.len));
}

// ---- the current call ---------------------------------------------------------------------------

/// The call that this thread is in.  Set by boundary() and reset when the call returns; plugins
/// rarely look at it.  Calls can nest (a synthesizer asks an instruction library, which may be of
/// the same shared library): each has its own.
struct Context {
    /// Services; nullptr outside a call.
    const samara_host* host = nullptr;
    /// Operators; nullptr where the host offers none.  This host offers them in every call.
    const samara_tensor_api* tensors = nullptr;
    /// Identifies the call to the host; dead as soon as the plugin's function returns.
    samara_call* call = nullptr;
    /// The first failure so far.  What boundary() returns unless another exception follows.
    int64_t status = SAMARA_OK;
};
inline thread_local Context context;

/// Thrown inside the plugin when the host refused something.  The host already holds the text.
/// Let it pass: catching it does not save the call, which returns the first failure all the same.
/// Where a refusal is an answer to be used, call the C function and look at its status.
struct Failure : std::exception {
    /// Made by check(); to fail by yourself call fail(), which sets the text, too.
    explicit Failure(int64_t s) : status(s) {}
    const char* what() const noexcept override { return "the host refused a call"; }
    int64_t status;  ///< SAMARA_INVALID, ...
};

/// Checks a status that a host function returned: does nothing for >= 0, else throws Failure (with
/// exceptions off: remembers it as the result of this call).  For C functions that this layer does
/// not wrap:
///     samara::check(api->describe(context.call, handle, &array));
inline void check(int64_t status) {
    if (status >= 0) { return; }
    if (context.status == SAMARA_OK) { context.status = status; }
#if defined(__cpp_exceptions)
    throw Failure(status);
#endif
}

/// Fails the current call, and with it the run.  `message` says what was wrong, where, and what was
/// expected; the host copies it and adds the plugin's id and the function.  With exceptions it does
/// not return; without, return at once.  After an earlier failure of this call the first one stays.
///   SAMARA_INVALID      the input or a parameter makes no sense
///   SAMARA_UNSUPPORTED  it makes sense but this plugin cannot do it
///   SAMARA_NUMERIC      a value that is not finite arose (exit code 7; the others end with 5, from
///                       a constructor every status with 4)
/// Example: fail("beta is 0.1 but form is hinge; hinge takes no beta").  Must be inside a call.
inline void fail(std::string_view message, int64_t status = SAMARA_INVALID) {
    if (context.status == SAMARA_OK) { context.host->set_error(context.call, text(message)); }
    check(status);
}

/// Runs a plugin's code at the boundary: enters the call, and turns every exception into status and
/// text. The tables of the kinds use it; only a plugin that fills a C table by hand needs it
/// itself.  A Failure gives its own status; any other exception SAMARA_INTERNAL with what() as the
/// text (std::bad_alloc included).  Returns the status for the host; never throws.
///     int64_t forward(void* self, samara_call* call, ...) {
///         return samara::boundary(host_of(self), call, [&] { ... });
///     }
template <class Body>
int64_t boundary(const samara_host* host, samara_call* call, Body&& body) noexcept {
    const auto* tensors =
        static_cast<const samara_tensor_api*>(host->get_extension(call, "tensor/1"));
    const Context outer = std::exchange(context, Context{host, tensors, call, SAMARA_OK});
#if defined(__cpp_exceptions)
    try {
        body();
    } catch (const Failure& failure) {
        context.status = failure.status;
    } catch (const std::exception& error) {
        host->set_error(call, text(error.what()));
        context.status = SAMARA_INTERNAL;
    } catch (...) {
        host->set_error(call, text("it threw something that is no std::exception"));
        context.status = SAMARA_INTERNAL;
    }
#else
    body();
#endif
    return std::exchange(context, outer).status;
}

// ---- services of the host -----------------------------------------------------------------------

/// How important a line of the log is.  `error` ends nothing by itself: fail() does.
enum class Level : int64_t { debug = 0, info = 1, warning = 2, error = 3 };

/// One line into the run's log; the host puts the plugin's id in front.  UTF-8, no newline at the
/// end.  Copied.  Never for a line per record: count, and say it once.
inline void log(Level level, std::string_view message) {
    context.host->log(context.call, static_cast<int64_t>(level), text(message));
}

/// Numbers for people, beside the loss: accuracies, margins, clip fractions.  They change nothing.
/// Reports one number for this call: metrics.jsonl shows, under `name` as it is, the mean over the
/// calls of the step (one per micro-batch) or of the evaluation.
///
/// Names    All objectives of a run share one row with the host's own fields (loss, tokens, ...):
///          write "hinge/violations", not "loss".
/// Where    In forward and value_and_grad.  From weigh, optimizers, synthesizers and instruction
///          libraries metrics are checked alike and dropped: log() there.
/// Errors   A wrong level or shape is a fault of the plugin, even if the call then succeeds.
inline void metric(const char* name, double value) {
    samara_value v{};
    v.tag = SAMARA_FLOAT;
    v.u.d = value;
    context.host->metric(context.call, name, SAMARA_SCALAR, &v);
}

/// Reports one number per item of `level`: SAMARA_PER_RELATION [R], averaged with rel.weight and
/// also per tag as "name/TAG"; SAMARA_PER_CANDIDATE [N], averaged with the candidates' weights.
/// values.size() must be the number of items, no more and no less.  Copies.
inline void metric(const char* name, int64_t level, std::span<const double> values) {
    samara_value v{};
    v.tag = SAMARA_FLOATS;
    v.len = static_cast<int64_t>(values.size());
    v.u.floats = values.data();
    context.host->metric(context.call, name, level, &v);
}

/// True when the run is to stop (after SIGINT or SIGTERM).  Ask at least once a second in long
/// calls; it costs about as much as reading a flag.
inline bool cancelled() { return context.host->cancelled(context.call) != 0; }

/// Leaves the call with SAMARA_CANCELLED when the run is to stop; the host does not call that a
/// fault: it drops what the call made and keeps every whole step, so that the run can resume.
inline void stop_if_cancelled() {
    if (cancelled()) { fail("cancelled", SAMARA_CANCELLED); }
}

/// Where the run stands.  Valid during the call.
///   step         optimizer steps made so far, 0 in the first; total_steps are planned
///   epoch        passes over the training groups so far: 1.5 is the middle of the second
///   evaluating   1: no gradient will be asked for, change no state
///   tags         names behind rel.tag, n_tags of them
///   seed, pipeline ("reward"), device ("cpu")
/// Objectives' and optimizers' calls on data see all of it; synthesize only the seed.  Everywhere
/// else (constructors, describe, slots, save, load, instruction libraries) it says nothing: numbers
/// are 0, there are no tags, pipeline and device are placeholders.
inline const samara_info& info() { return *context.host->info(context.call); }

/// Runs body(first, last) over slices of [begin, end) on the host's threads and returns when all
/// have ended. `grain` is the smallest slice worth a thread (below 1 counts as 1); an empty range
/// runs nothing.  Bodies see plain memory only: no tensors, no log, no fail().  What a body throws
/// is passed on in the calling thread (the first one wins).
///
/// Bodies run at the same time, one of them in the calling thread.  How the range is cut depends on
/// the number of threads, so add up per item and not per slice: else the same run on another
/// machine gives other bits.
///     parallel_for(0, n, 64, [&](int64_t first, int64_t last) {
///         for (int64_t r = first; r < last; ++r) { loss[r] = std::max(0.0, 1.0 - gap[r]); }
///     });
template <class Body>
void parallel_for(int64_t begin, int64_t end, int64_t grain, Body&& body) {
    struct State {
        std::remove_reference_t<Body>* body;
        std::mutex lock;
#if defined(__cpp_exceptions)
        std::exception_ptr thrown;
#endif
    } state;
    state.body = &body;
    const auto run = [](void* ctx, int64_t first, int64_t last) {
        auto& s = *static_cast<State*>(ctx);
#if defined(__cpp_exceptions)
        try {
            (*s.body)(first, last);
        } catch (...) {
            const std::scoped_lock hold(s.lock);
            if (!s.thrown) { s.thrown = std::current_exception(); }
        }
#else
        (*s.body)(first, last);
#endif
    };
    const int64_t status = context.host->parallel_for(context.call, begin, end, grain, run, &state);
#if defined(__cpp_exceptions)
    if (state.thrown) { std::rethrow_exception(state.thrown); }
#endif
    check(status);
}

// ---- parameters ---------------------------------------------------------------------------------

/// Declarations of parameters, for `static constexpr samara_param params[]` of a class.
///
///   key       the TOML key under `params`; distinct, never renamed, its meaning never changed
///   fallback  the default as TOML text, or nullptr: the user must give it.  Checked when the
///             library is loaded: a default outside its own range refuses the whole file
///   min, max  belong to the range unless `flags` says SAMARA_P_OPEN_MIN or SAMARA_P_OPEN_MAX; both
///             0 means no bounds at all
///   flags     SAMARA_P_OPTIONAL with a nullptr fallback makes an absent value legal; Params::given
///             is then false
///   doc       one phrase; `samara plugins describe ID` shows it
///
/// The host checks all of it before `create`, so a plugin never sees a value out of range.  All
/// mistakes of a configuration are reported together, with line and column.
///     static constexpr samara_param params[] = {
///         samara::param::number("beta", "0.1", 0, samara::kInfinity, "scale", SAMARA_P_OPEN_MIN)};
namespace param {
/// A float; an integer in the file is accepted.  Never NaN or infinite.
constexpr samara_param number(const char* key, const char* fallback, double min, double max,
                              const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_FLOAT, fallback, min, max, flags, nullptr, doc};
}
/// A 64-bit integer; bounds up to 2^53 are exact.  A float in the file is refused, 3.0 too.
constexpr samara_param integer(const char* key, const char* fallback, double min, double max,
                               const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_INT, fallback, min, max, flags, nullptr, doc};
}
/// true or false.  0 and 1 are refused.
constexpr samara_param flag(const char* key, const char* fallback, const char* doc) {
    return {key, SAMARA_P_BOOL, fallback, 0, 0, 0, nullptr, doc};
}
/// One of `choices`, written "a|b|c".  The fallback is TOML text: "\"a\"".  Read it with
/// Params::string.
constexpr samara_param choice(const char* key, const char* fallback, const char* choices,
                              const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_STRING, fallback, 0, 0, flags, choices, doc};
}
/// Any text, an empty one too.  The fallback is TOML text: "\"\"" is the empty one.
constexpr samara_param string(const char* key, const char* fallback, const char* doc,
                              int64_t flags = 0) {
    return {key, SAMARA_P_STRING, fallback, 0, 0, flags, nullptr, doc};
}
/// A file or folder; arrives absolute (the file says it relative to itself).  A fallback arrives as
/// it is written here.  Whether it exists is the plugin's to check.  Read it with Params::string.
constexpr samara_param path(const char* key, const char* fallback, const char* doc,
                            int64_t flags = 0) {
    return {key, SAMARA_P_PATH, fallback, 0, 0, flags, nullptr, doc};
}
/// Lists; bounds and choices hold for every element, and an empty list passes.
constexpr samara_param integers(const char* key, const char* fallback, double min, double max,
                                const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_INTS, fallback, min, max, flags, nullptr, doc};
}
constexpr samara_param numbers(const char* key, const char* fallback, double min, double max,
                               const char* doc, int64_t flags = 0) {
    return {key, SAMARA_P_FLOATS, fallback, min, max, flags, nullptr, doc};
}
constexpr samara_param strings(const char* key, const char* fallback, const char* doc,
                               int64_t flags = 0, const char* choices = nullptr) {
    return {key, SAMARA_P_STRINGS, fallback, 0, 0, flags, choices, doc};
}
}  // namespace param

/// The bound parameters of an instance.
///
///     explicit Hinge(const Params& p) : margin_(p.number("margin")), names_(p.strings("names")) {}
///
/// The getter is that of the declared type: number() for param::number, string() for choices and
/// paths.  A number declared as a float arrives as one even if the file says 1.  Found by the key
/// under which the class declared them.  Lives during the constructor only: copy what you keep.  A
/// key or type that was never declared fails the call (a plugin bug), and so does the getter of an
/// optional parameter that was left out: ask given() first.
///     const int64_t cap = p.given("cap") ? p.integer("cap") : size_of_the_corpus;
/// Rules between parameters are the plugin's own: check them in the constructor and fail(), so that
/// the run is refused before its first step.
class Params {
public:
    /// values[n] belongs to declared[n]; both are borrowed.  Made by create().
    Params(std::span<const samara_value> values, std::span<const samara_param> declared)
        : values_(values), declared_(declared) {}

    /// False only for an optional parameter that the user left out.
    bool given(std::string_view key) const { return find(key).tag != SAMARA_NONE; }
    /// All getters return copies.  number() is finite; flag() is a TOML bool.
    double number(std::string_view key) const { return get(key, SAMARA_FLOAT).u.d; }
    int64_t integer(std::string_view key) const { return get(key, SAMARA_INT).u.i; }
    bool flag(std::string_view key) const { return get(key, SAMARA_TRUTH).u.i != 0; }
    /// For param::string, param::choice (one of the choices, so no else is needed) and param::path.
    std::string string(std::string_view key) const {
        const samara_value v = get(key, SAMARA_STRING);
        return std::string(v.u.s == nullptr ? "" : v.u.s, static_cast<size_t>(v.len));
    }
    /// Lists in the order of the file; they may be empty and may repeat: check what matters.
    std::vector<int64_t> integers(std::string_view key) const {
        const samara_value v = get(key, SAMARA_INTS);
        return std::vector<int64_t>(v.u.ints, v.u.ints + v.len);
    }
    std::vector<double> numbers(std::string_view key) const {
        const samara_value v = get(key, SAMARA_FLOATS);
        return std::vector<double>(v.u.floats, v.u.floats + v.len);
    }
    std::vector<std::string> strings(std::string_view key) const {
        const samara_value v = get(key, SAMARA_STRINGS);
        std::vector<std::string> out;
        for (int64_t i = 0; i < v.len; ++i) { out.emplace_back(view(v.u.strings[i])); }
        return out;
    }

private:
    // A plugin bug, not the user's: SAMARA_INTERNAL, in the constructor, where the first trial run
    // of the plugin shows it.
    samara_value find(std::string_view key) const {
        for (size_t i = 0; i < declared_.size() && i < values_.size(); ++i) {
            if (key == declared_[i].key) { return values_[i]; }
        }
        fail("the plugin reads a parameter '" + std::string(key) + "' that it does not declare",
             SAMARA_INTERNAL);
        return {};
    }
    samara_value get(std::string_view key, int64_t tag) const {
        const samara_value v = find(key);
        if (v.tag == tag) { return v; }
        fail("the plugin reads parameter '" + std::string(key) + "' as another type than declared",
             SAMARA_INTERNAL);
        return {};
    }
    std::span<const samara_value> values_;
    std::span<const samara_param> declared_;
};

// ---- from a class to a plugin -------------------------------------------------------------------

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
