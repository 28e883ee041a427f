// What every kind of plugin instance shares: creation, the frame around each call, faults, state.
// Internal to runtime/.
#pragma once
#include "runtime/call.hpp"
#include "runtime/error.hpp"

#include <memory>
#include <string>

namespace samara::host {

/// The head of every kind's table.
struct Lifecycle {
    SAMARA_LIFECYCLE
};

class Instance {
public:
    /// Checks the kind and creates the object.  Error(Code::plugin) when the plugin refuses.
    Instance(const Plugin& plugin,
             const char* kind,
             const BoundParams& params,
             HostHooks hooks,
             InstructionSet* instructions = nullptr);
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    template <class Table>
    [[nodiscard]] const Table& table() const {
        return *static_cast<const Table*>(descriptor_.vtable);
    }
    [[nodiscard]] void* self() const { return self_; }
    [[nodiscard]] samara_call& call() { return *call_; }
    [[nodiscard]] const HostHooks& hooks() const { return hooks_; }
    [[nodiscard]] std::string id() const { return descriptor_.id; }

    /// plugin 'ID': FUNCTION: RULE, and where the library lies.
    [[noreturn]] void fault(const char* function,
                            const std::string& rule,
                            Code code = Code::plugin_fault) const;
    /// Runs `body`, which calls the plugin and returns its status.  A negative status, a broken
    /// rule or an exception becomes a fault.  Leaves the call's arena for the caller to read.
    template <class Body>
    void run(const char* function, Body&& body) {
        finish(function, guarded([&](void* b) { return (*static_cast<Body*>(b))(); }, &body));
    }
    /// The same without judging the status; for callers that give some status a meaning of their
    /// own.
    template <class Body>
    int64_t run_status(Body&& body) {
        return guarded([&](void* b) { return (*static_cast<Body*>(b))(); }, &body);
    }
    void finish(const char* function, int64_t status) const;

    [[nodiscard]] std::string save();
    void load(const std::string& bytes);

private:
    template <class Body>
    int64_t guarded(Body body, void* argument) {
        const char* outer = enter(descriptor_.id);
        int64_t status = SAMARA_INTERNAL;
        try {
            status = body(argument);
        } catch (const std::exception&
                     error) {  // by luck of a shared C++ runtime; the contract forbids it
            call_->refuse(std::string("it threw across the boundary: ") + error.what());
        } catch (...) {
            call_->refuse("it threw across the boundary");
        }
        enter(outer);
        return status;
    }
    static const char* enter(const char* id);

    const samara_plugin& descriptor_;
    std::string path_;
    HostHooks hooks_;
    std::unique_ptr<samara_call> call_ = std::make_unique<samara_call>();
    void* self_ = nullptr;
};

/// The frame of one call: begins it, and frees everything of it at the end.
class Frame {
public:
    Frame(Instance& instance, const RunInfo* run) : call_(instance.call()) { call_.begin(run); }
    ~Frame() { call_.end(); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

private:
    samara_call& call_;
};

}  // namespace samara::host
