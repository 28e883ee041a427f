// Runs in processes of their own, with their output in log files; and the lock of the folder that
// they share.  They stop when their parent dies, however it does.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace samara::host::cli {

/// Held by this process and by the children that it starts, so that it is free when all are gone.
class FolderLock {
public:
    /// Creates the folder.  Waits a minute for children of an earlier, killed start, then throws
    /// Error(Code::busy).  Throws Error(Code::preempted) when a signal comes first.
    explicit FolderLock(const std::string& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    int file_ = -1;
};

struct EndedChild {
    size_t id = 0;
    int status = 0;          ///< exit status; 128 + the number of the signal that ended it
    double seconds = 0;      ///< since its start
    double peak_bytes = 0;   ///< resident memory at its highest
    std::string last_error;  ///< the last error in its log, or its last line
};

class Children {
public:
    Children() = default;
    ~Children();  ///< stops them and waits
    Children(const Children&) = delete;
    Children& operator=(const Children&) = delete;

    [[nodiscard]] size_t size() const { return running_.size(); }
    [[nodiscard]] std::vector<size_t> ids() const;  ///< in the order of their starts
    /// Starts `command` (an absolute path and its arguments) with `environment` (NAME=value) added,
    /// its output appended to the file `log`.  Throws Error(Code::io).
    void start(size_t id,
               const std::vector<std::string>& command,
               const std::vector<std::string>& environment,
               const std::string& log);
    /// Sends SIGTERM to all, once.
    void stop();
    /// One that has ended, or nothing after `seconds`.
    std::optional<EndedChild> wait(double seconds);

private:
    struct Child {
        size_t id;
        pid_t pid;
        std::string log;
        int64_t log_begin;  ///< bytes of the log before this start
        std::chrono::steady_clock::time_point start;
    };
    std::vector<Child> running_;
    bool stopped_ = false;
};

/// Runs a command to its end and returns its exit status; `output`: all that it wrote.
int run_to_end(const std::vector<std::string>& command, std::string& output);

}  // namespace samara::host::cli
