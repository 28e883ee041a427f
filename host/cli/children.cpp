// Processes and the lock; see children.hpp.
#include "cli/children.hpp"

#include "cli/cli.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <sstream>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;

namespace samara::host::cli {
namespace {

void sleep_for(double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) {
        out.push_back(text.data());
    }
    out.push_back(nullptr);
    return out;
}

// The last "error[...]" of this start with its place, else the last line.
std::string last_error(const std::string& log, int64_t begin) {
    std::istringstream lines(read_file(log).substr(static_cast<size_t>(begin)));
    std::string error, last;
    bool open = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("error[")) {
            error = line;
        } else if (open && line.starts_with("  ")) {
            error += "\n  " + line;
        }
        open = line.starts_with("error[") || (open && line.starts_with("  "));
        last = line.empty() ? last : line;
    }
    return error.empty() ? last : error;
}

}  // namespace

FolderLock::FolderLock(const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    const std::string path = folder + "/lock";
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT, 0644);  // not O_CLOEXEC: children hold it, too
    if (file_ < 0) {
        throw Error(Code::io,
                    std::string("cannot write into the ablation's folder: ") + std::strerror(errno),
                    folder,
                    "choose another output");
    }
    for (int tenths = 0; ::flock(file_, LOCK_EX | LOCK_NB) != 0; ++tenths) {
        if (tenths == 600 || cancelled()) {
            ::close(file_);
            throw Error(cancelled() ? Code::preempted : Code::busy,
                        "another ablation, or a run of an earlier start, works in this folder",
                        folder,
                        "wait for it, or choose another output");
        }
        if (tenths == 0) {
            std::fprintf(stderr, "waiting for runs of an earlier start to save and stop\n");
        }
        sleep_for(0.1);
    }
}

FolderLock::~FolderLock() {
    ::close(file_);
}

Children::~Children() {
    stop();
    while (!running_.empty()) {
        wait(1.0);
    }
}

void Children::start(size_t id,
                     const std::vector<std::string>& command,
                     const std::vector<std::string>& environment,
                     const std::string& log) {
    std::vector<std::string> arguments = command, variables = environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        variables.emplace_back(*variable);
    }
    const std::vector<char*> argv = pointers(arguments), envp = pointers(variables);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out < 0 || in < 0) {
        throw_io("cannot open the log of a run", log, errno);
    }
    const int64_t begin = ::lseek(out, 0, SEEK_END);
    const pid_t parent = ::getpid(), pid = ::fork();
    if (pid == 0) {
        ::setpgid(0, 0);  // a Ctrl-C is for the parent, who passes it on once
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() == parent && ::dup2(in, 0) == 0 && ::dup2(out, 1) == 1 &&
            ::dup2(out, 2) == 2) {
            ::execve(argv[0], argv.data(), envp.data());
        }
        ::_exit(static_cast<int>(Code::io));
    }
    const int reason = errno;
    ::close(in);
    ::close(out);
    if (pid < 0) {
        throw_io("cannot start a process", command.front(), reason);
    }
    running_.push_back({id, pid, log, begin, std::chrono::steady_clock::now()});
}

std::vector<size_t> Children::ids() const {
    std::vector<size_t> out;
    for (const Child& child : running_) {
        out.push_back(child.id);
    }
    return out;
}

void Children::stop() {
    if (!stopped_) {
        for (const Child& child : running_) {
            ::kill(child.pid, SIGTERM);
        }
    }
    stopped_ = true;
}

std::optional<EndedChild> Children::wait(double seconds) {
    for (auto child = running_.begin(); child != running_.end(); ++child) {
        int status = 0;
        struct rusage usage = {};
        if (::wait4(child->pid, &status, WNOHANG, &usage) != child->pid) {
            continue;
        }
        EndedChild ended;
        ended.id = child->id;
        ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        ended.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - child->start).count();
        ended.peak_bytes = static_cast<double>(usage.ru_maxrss) * 1024;
        ended.last_error = ended.status == 0 ? "" : last_error(child->log, child->log_begin);
        running_.erase(child);
        return ended;
    }
    sleep_for(seconds);
    return std::nullopt;
}

int run_to_end(const std::vector<std::string>& command, std::string& output) {
    std::string file = (fs::temp_directory_path() / "samara-output-XXXXXX").string();
    const int descriptor = ::mkstemp(file.data());
    if (descriptor < 0) {
        throw_io("cannot create a temporary file", file, errno);
    }
    ::close(descriptor);
    Children children;
    children.start(0, command, {}, file);
    std::optional<EndedChild> ended;
    while (!ended) {
        ended = children.wait(0.02);
    }
    output = read_file(file);
    fs::remove(file);
    return ended->status;
}

}  // namespace samara::host::cli
