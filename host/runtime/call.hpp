// One call of the host into a plugin: its tensor arena, its error text, what the services of
// samara_host may do in it.  Internal to runtime/; a plugin sees samara_call as an opaque pointer.
#pragma once
#include "runtime/objective.hpp"

#include <ATen/ATen.h>

#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace samara::host {

/// Owns every tensor that a plugin can name during one call.  A handle is generation << 32 | index
/// + 1, and a generation is used once in the process, so a stale, foreign or invented handle is
/// refused instead of followed.
class Arena {
public:
    samara_tensor put(at::Tensor tensor) {
        slots_.push_back(std::move(tensor));
        return generation_ << 32 | slots_.size();
    }
    [[nodiscard]] const at::Tensor* find(samara_tensor handle) const {
        const uint64_t index = (handle & 0xffffffffu) - 1;
        const bool mine = handle >> 32 == generation_ && index < slots_.size();
        return mine && slots_[index].defined() ? &slots_[index] : nullptr;
    }
    bool release(samara_tensor handle) {
        if (find(handle) == nullptr) {
            return false;
        }
        slots_[(handle & 0xffffffffu) - 1].reset();
        return true;
    }
    void clear() {
        slots_.clear();
        generation_ = next();
    }

private:
    static uint64_t next() {
        static std::atomic<uint32_t> counter{0};
        return ++counter;
    }
    std::vector<at::Tensor> slots_;
    uint64_t generation_ = next();
};

at::ScalarType to_torch(int64_t dtype);   ///< throws std::invalid_argument for an unknown code
int64_t from_torch(at::ScalarType type);  ///< 0 when the SDK has no code for it
const char* dtype_name(at::ScalarType type);
/// "[2, 3]"
std::string shape_text(at::IntArrayRef shape);
const samara_tensor_api& tensor_api();
const samara_instruction_api& instruction_api();
const samara_host& services();

}  // namespace samara::host

/// The C type behind the opaque pointer; one per instance, reused for all of its calls.
struct samara_call {
    samara::host::Arena arena;
    std::vector<std::vector<samara_tensor>> lists;  ///< arrays handed out by invoke
    std::vector<std::vector<int64_t>> numbers;      ///< likewise
    std::vector<const c10::StorageImpl*>
        read_only;  ///< memory that in-place operators must not touch
    at::Device device = at::kCPU;
    std::thread::id thread =
        std::this_thread::get_id();  ///< tensors may be used on this thread only
    std::string error;               ///< the plugin's last set_error
    std::string broken;         ///< the first rule that a service saw broken; a fault by itself
    std::exception_ptr nested;  ///< a fault of another plugin that this one called
    std::vector<samara::host::Metric> metrics;
    samara::host::Extent extent;
    samara_info info{};
    std::vector<const char*> tags;
    const char* plugin = "";  ///< id
    const samara::host::HostHooks* hooks = nullptr;
    samara::host::InstructionSet* instructions = nullptr;  ///< extension instructions/1, if set

    int64_t fail(int64_t status, std::string text) {
        error = std::move(text);
        return status;
    }
    /// Remembers a broken rule and refuses the service.
    int64_t refuse(std::string rule) {
        if (broken.empty()) {
            broken = rule;
        }
        return fail(SAMARA_INVALID, std::move(rule));
    }
    void begin(const samara::host::RunInfo* run);
    void end();
};
