// Names of temporary files, and the sweep of those whose writer was killed; declared in files.hpp.
// A name carries the PID and a mark of the machine (host, boot, PID namespace), because on a shared
// disk another machine's PID says nothing here: such files go only when they are a day old.
#include "core/store/files.hpp"
#include "core/store/hash.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

namespace samara::host {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMark = ".tmp.";
constexpr size_t kMachineDigits = 8;
constexpr int64_t kOrphanSeconds = 24 * 60 * 60;

const std::string& machine_mark() {
    static const std::string mark = [] {
        char host[256] = {};
        char space[64] = {};
        ::gethostname(host, sizeof host - 1);
        if (::readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0) {
            space[0] = '\0';
        }
        std::string boot;
        std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
        return sha256(std::string(host) + "\n" + boot + "\n" + space).substr(0, kMachineDigits);
    }();
    return mark;
}

// The PID in NAME.tmp.PID.HOSTRANDOM when this machine wrote it, 0 for another machine's, -1 for
// other names.
int64_t writer_of(const std::string& name) {
    const size_t mark = name.rfind(kMark);
    if (mark == std::string::npos) {
        return -1;
    }
    const std::string rest = name.substr(mark + kMark.size());
    const size_t dot = rest.find('.');
    const bool digits = dot != std::string::npos && dot > 0 && dot < 12 &&
                        rest.substr(0, dot).find_first_not_of("0123456789") == std::string::npos;
    if (!digits || rest.find_first_not_of("0123456789abcdef", dot + 1) != std::string::npos ||
        rest.size() != dot + 1 + 2 * kMachineDigits) {
        return -1;
    }
    return rest.compare(dot + 1, kMachineDigits, machine_mark()) == 0
               ? std::strtoll(rest.c_str(), nullptr, 10)
               : 0;
}

bool is_orphan(const fs::path& path, int64_t pid) {
    if (pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) {
        return true;
    }
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 &&
           std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()) - info.st_mtime >
               kOrphanSeconds;
}

}  // namespace

std::string temporary_name(const std::string& path) {
    // Uniqueness only, never a result: the counter makes names differ within a process, the device
    // across forks.
    static std::atomic<uint32_t> counter{0};
    const uint32_t random = std::random_device{}() + counter++;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string name =
        path + std::string(kMark) + std::to_string(::getpid()) + "." + machine_mark();
    for (int shift = 28; shift >= 0; shift -= 4) {
        name += kDigits[(random >> shift) & 15];
    }
    return name;
}

int64_t sweep_orphans(const std::string& folder) {
    int64_t removed = 0;
    std::error_code ignored;
    for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
         it.increment(ignored)) {
        const int64_t pid = writer_of(it->path().filename().string());
        std::error_code failed;
        if (pid >= 0 && is_orphan(it->path(), pid) && fs::remove_all(it->path(), failed) > 0 &&
            !failed) {
            ++removed;
        }
    }
    return removed;
}

}  // namespace samara::host
