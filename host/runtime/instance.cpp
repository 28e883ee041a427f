// Creation, call frames, faults and state of plugin instances; and the services of samara_host. See
// instance.hpp.
#include "runtime/instance.hpp"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cfenv>
#include <clocale>
#include <fstream>

namespace {
thread_local const char* entered = nullptr;
}

void samara_call::begin(const samara::host::RunInfo* run) {
    static const samara::host::RunInfo nowhere;
    const samara::host::RunInfo& at = run == nullptr ? nowhere : *run;
    error.clear();
    broken.clear();
    nested = nullptr;
    thread = std::this_thread::get_id();
    tags.clear();
    for (const std::string& tag : at.tags) {
        tags.push_back(tag.c_str());
    }
    info = {sizeof(samara_info),
            at.seed,
            at.step,
            at.total_steps,
            at.evaluating ? 1 : 0,
            at.epoch,
            at.pipeline.c_str(),
            at.device.c_str(),
            tags.data(),
            static_cast<int64_t>(tags.size())};
}

void samara_call::end() {
    arena.clear();
    lists.clear();
    numbers.clear();
    read_only.clear();
    metrics.clear();
}

namespace samara::host {
namespace {

std::string copy(samara_str s) {
    return s.ptr == nullptr ? std::string() : std::string(s.ptr, static_cast<size_t>(s.len));
}

// Nothing may be thrown through the plugin's frames.
void service_log(samara_call* call, int64_t level, samara_str s) noexcept {
    if (call->hooks != nullptr && call->hooks->log) {
        call->hooks->log(static_cast<int>(std::clamp<int64_t>(level, 0, 3)),
                         std::string(call->plugin) + ": " + copy(s));
    }
}

void service_set_error(samara_call* call, samara_str s) noexcept {
    call->error = copy(s);
}

int64_t service_cancelled(samara_call* call) noexcept {
    return call->hooks != nullptr && call->hooks->cancelled && call->hooks->cancelled() ? 1 : 0;
}

const samara_info* service_info(samara_call* call) noexcept {
    return &call->info;
}

at::Tensor metric_values(samara_call* call, const samara_value& v) {
    switch (v.tag) {
        case SAMARA_TENSOR: {
            const at::Tensor* t = call->arena.find(v.u.t);
            return t == nullptr ? at::Tensor() : t->detach();
        }
        case SAMARA_FLOAT:
            return at::scalar_tensor(v.u.d, at::kDouble);
        case SAMARA_INT:
            return at::scalar_tensor(static_cast<double>(v.u.i), at::kDouble);
        case SAMARA_FLOATS:
            return at::tensor(at::ArrayRef<double>(v.u.floats, static_cast<size_t>(v.len)),
                              at::kDouble);
        default:
            return {};
    }
}

void service_metric(samara_call* call,
                    const char* name,
                    int64_t level,
                    const samara_value* value) noexcept {
    try {
        const std::string which = std::string("metric '") + name + "'";
        const at::Tensor values = metric_values(call, *value);
        const int64_t items = level == SAMARA_PER_RELATION    ? call->extent.relations
                              : level == SAMARA_PER_CANDIDATE ? call->extent.candidates
                              : level == SAMARA_PER_TOKEN     ? call->extent.tokens
                                                              : 1;
        if (level < SAMARA_PER_RELATION || level > SAMARA_SCALAR) {
            call->refuse(which + " has the unknown level " + std::to_string(level));
        } else if (!values.defined()) {
            call->refuse(which + " is no number, list of floats or living tensor");
        } else if (values.dim() != (level == SAMARA_SCALAR ? 0 : 1) || values.numel() != items) {
            call->refuse(which + " has shape " + shape_text(values.sizes()) + ", its level has " +
                         (level == SAMARA_SCALAR ? "[]" : "[" + std::to_string(items) + "]"));
        } else {
            call->metrics.push_back({name, level, values});
        }
    } catch (const std::exception& error) {
        call->refuse(std::string("a metric could not be read: ") + error.what());
    }
}

int64_t service_parallel_for(samara_call* call,
                             int64_t begin,
                             int64_t end,
                             int64_t grain,
                             void (*body)(void*, int64_t, int64_t),
                             void* ctx) noexcept {
    try {
        at::parallel_for(begin, end, std::max<int64_t>(grain, 1), [&](int64_t first, int64_t last) {
            struct Mark {  // restored also when a body throws: a worker serves many plugins
                const char* outer;
                ~Mark() { entered = outer; }
            } const mark{std::exchange(entered, call->plugin)};
            body(ctx, first, last);
        });
        return SAMARA_OK;
    } catch (const std::exception& error) {
        return call->refuse(std::string("a body of parallel_for threw: ") + error.what());
    } catch (...) {
        return call->refuse("a body of parallel_for threw");
    }
}

const void* service_extension(samara_call* call, const char* id) noexcept {
    const std::string_view wanted(id);
    if (wanted == "tensor/1") {
        return &tensor_api();
    }
    return wanted == "instructions/1" && call->instructions != nullptr ? &instruction_api()
                                                                       : nullptr;
}

/// What of the process a plugin's constructor has no business changing; only read here.
struct Canary {
    std::string point = std::localeconv()->decimal_point;
    int rounding = std::fegetround();
    std::string caught;
    Canary() {
        std::ifstream status("/proc/self/status");
        for (std::string line; std::getline(status, line);) {
            caught = line.starts_with("SigCgt:") ? line : caught;
        }
    }
    [[nodiscard]] std::string changed(const Canary& before) const {
        std::string what;
        what += point != before.point ? " the locale" : "";
        what += rounding != before.rounding ? " the rounding mode" : "";
        what += caught != before.caught ? " a signal handler" : "";
        return what;
    }
};

}  // namespace

const char* entered_plugin() noexcept {
    return entered;
}

const char* Instance::enter(const char* id) {
    return std::exchange(entered, id);
}

const samara_host& services() {
    static const samara_host table = {sizeof(samara_host),
                                      SAMARA_ABI,
                                      "samara " SAMARA_VERSION ", libtorch " TORCH_VERSION,
                                      service_log,
                                      service_set_error,
                                      service_cancelled,
                                      service_metric,
                                      service_info,
                                      service_parallel_for,
                                      service_extension};
    return table;
}

Instance::Instance(const Plugin& plugin,
                   const char* kind,
                   const BoundParams& params,
                   HostHooks hooks,
                   InstructionSet* instructions)
    : descriptor_(*plugin.descriptor),
      path_(plugin.library == nullptr ? "" : plugin.library->path),
      hooks_(std::move(hooks)) {
    if (plugin.kind() != kind) {
        throw Error(
            Code::config,
            "plugin '" + plugin.id() + "' is of kind " + plugin.kind() + ", expected " + kind,
            path_);
    }
    call_->plugin = descriptor_.id;
    call_->hooks = &hooks_;
    call_->instructions = instructions;
    std::vector<std::vector<samara_str>> scratch;
    const std::vector<samara_value> values = params.abi(scratch);
    if (static_cast<int64_t>(values.size()) != descriptor_.n_params) {
        throw Error(Code::internal,
                    "parameters of '" + plugin.id() + "' are not bound to its descriptor");
    }
    const Canary before;
    const Frame frame(*this, nullptr);
    const int64_t status = run_status([&] {
        return table<Lifecycle>().create(
            &services(), call_.get(), values.data(), descriptor_.n_params, &self_);
    });
    if (status < 0 || !call_->broken.empty()) {
        if (self_ != nullptr && status >= 0) {
            table<Lifecycle>().destroy(self_);
        }
        fault(
            "create",
            call_->error.empty() ? "it failed with status " + std::to_string(status) : call_->error,
            Code::plugin);
    }
    if (const std::string what = Canary().changed(before); !what.empty() && hooks_.log) {
        hooks_.log(2, id() + ": create changed, for the whole process:" + what);
    }
}

Instance::~Instance() {
    const char* outer = enter(descriptor_.id);
    table<Lifecycle>().destroy(self_);
    enter(outer);
}

void Instance::fault(const char* function, const std::string& rule, Code code) const {
    throw Error(code, "plugin '" + id() + "': " + function + ": " + rule, path_);
}

void Instance::finish(const char* function, int64_t status) const {
    if (call_->nested) {
        std::rethrow_exception(call_->nested);
    }
    if (!call_->broken.empty()) {
        fault(function, call_->broken);
    }
    if (status >= 0) {
        return;
    }
    const std::string text =
        call_->error.empty() ? "it failed with status " + std::to_string(status) : call_->error;
    if (status == SAMARA_CANCELLED) {
        throw Error(Code::preempted, "stopped in plugin '" + id() + "'");
    }
    fault(function, text, status == SAMARA_NUMERIC ? Code::non_finite : Code::plugin_fault);
}

std::string Instance::save() {
    const Lifecycle& head = table<Lifecycle>();
    std::string bytes;
    if (head.save != nullptr) {
        const Frame frame(*this, nullptr);
        const auto write = [](void* ctx, samara_str s) {
            *static_cast<std::string*>(ctx) += copy(s);
        };
        run("save", [&] { return head.save(self_, call_.get(), write, &bytes); });
    }
    return bytes;
}

void Instance::load(const std::string& bytes) {
    const Lifecycle& head = table<Lifecycle>();
    if (head.load == nullptr) {
        if (!bytes.empty()) {
            fault("load", "a checkpoint holds state for it, but it has none", Code::corrupt);
        }
        return;
    }
    const Frame frame(*this, nullptr);
    const samara_str text = {bytes.data(), static_cast<int64_t>(bytes.size())};
    run("load", [&] { return head.load(self_, call_.get(), text); });
}

}  // namespace samara::host
