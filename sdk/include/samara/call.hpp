// call.hpp - the call that a plugin is in, and the host's services during it: failing, logging,
// metrics, cancellation, parallel loops.  What holds for errors, threads and lifetimes is at the head
// of core.hpp, which includes this file.
#pragma once
#include "samara.h"

#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace samara {

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

}  // namespace samara
