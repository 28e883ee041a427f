// See memory.hpp.
#include "core/train/memory.hpp"

#include <c10/util/Exception.h>

#include <new>

namespace samara::host {

std::string out_of_memory(const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
        return "out of memory";
    }
    const auto* torch = dynamic_cast<const c10::Error*>(&error);
    if (torch == nullptr) {
        return "";
    }
    const std::string what = torch->what_without_backtrace();
    const size_t cpu = what.find("DefaultCPUAllocator");  // whose errors have no type of their own
    if (cpu == std::string::npos && dynamic_cast<const c10::OutOfMemoryError*>(torch) == nullptr) {
        return "";
    }
    const size_t begin = cpu == std::string::npos ? 0 : cpu;
    return "out of memory: " + what.substr(begin, what.find('\n', begin) - begin);
}

}  // namespace samara::host
