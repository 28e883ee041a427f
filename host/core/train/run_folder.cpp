// The run folder on disk; see run_folder.hpp.
#include "core/train/run_folder.hpp"

#include "core/config/config.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>
#include <vector>

namespace fs = std::filesystem;

namespace samara::host {
namespace {

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "an unknown host";
}

}  // namespace

RunFolder::RunFolder(const Plan& plan, bool resume)
    : path_(fs::absolute(plan.output).lexically_normal().string()) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) {
        throw_io("cannot create the run's folder", path_, error.value());
    }
    lock_ = ::open((path_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0) {
        throw_io("cannot write into the run's folder", path_, errno);
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock_);
        const std::string owner = read_file(path_ + "/lock");
        throw Error(
            Code::busy,
            "another process is running in this folder" + (owner.empty() ? "" : ": " + owner),
            path_,
            "wait for it, or choose another [run] output");
    }
    // For the message alone: the kernel's lock ends with its process, so none is ever stale.
    const std::string owner = "process " + std::to_string(::getpid()) + " on " + host_name();
    if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, owner.data(), owner.size(), 0) < 0) {
        throw_io("cannot write into the run's folder", path_, errno, owner.size());
    }
    for (const char* part : {"", "/eval", "/checkpoints", "/best", "/rollouts"}) {
        sweep_orphans(path_ + part);
    }
    const std::string config = path_ + "/config.toml";
    // Without metrics no step was begun: a refused run leaves its folder to the next.
    if (fs::exists(config) && fs::exists(path_ + "/metrics.jsonl")) {
        const std::string was = read_file(config);
        if (!resume) {
            ::close(lock_);
            throw Error(Code::config,
                        "the folder already holds a run",
                        path_,
                        "continue it with --resume, or choose another [run] output");
        }
        if (const std::string changed = other_run(was, plan.resolved); !changed.empty()) {
            ::close(lock_);
            throw Error(Code::corrupt,
                        "the folder holds a run of another configuration: " + changed,
                        config,
                        "restore the configuration, or choose another [run] output");
        }
    } else {
        atomic_write(config, plan.resolved);
    }
}

RunFolder::~RunFolder() {
    ::close(lock_);
}

nlohmann::json RunFolder::done() const {
    return fs::exists(path_ + "/done.json") ? nlohmann::json::parse(read_file(path_ + "/done.json"))
                                            : nlohmann::json();
}

nlohmann::json RunFolder::environment() const {
    const std::string file = path_ + "/environment.json";
    return fs::exists(file) ? nlohmann::json::parse(read_file(file)) : nlohmann::json();
}

void RunFolder::write(const std::string& name, const std::string& bytes) const {
    const fs::path file = fs::path(path_) / name;
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) {
        throw_io("cannot create the folder", file.parent_path().string(), error.value());
    }
    atomic_write(file.string(), bytes);
}

void RunFolder::open_logs(int64_t metrics_bytes, int64_t step) {
    metrics_ = std::make_unique<MetricsWriter>(path_ + "/metrics.jsonl", metrics_bytes);
    // Times are no part of what resume promises: they are appended to.
    timing_ = std::make_unique<MetricsWriter>(path_ + "/timing.jsonl");
    events_ = std::make_unique<EventsWriter>(path_, step);
}

void RunFolder::metrics(const Row& row, const std::string& prefix, int64_t step) {
    metrics_->write(row);
    for (const auto& [name, value] : row.fields) {
        if (name == "step") {
            continue;
        }
        if (const double* number = std::get_if<double>(&value)) {
            events_->scalar(prefix + name, *number, step);
        } else if (const int64_t* count = std::get_if<int64_t>(&value)) {
            events_->scalar(prefix + name, static_cast<double>(*count), step);
        }
    }
}

void RunFolder::text(const std::string& name, const std::string& markdown, int64_t step) {
    events_->text(name, markdown, step);
}

void RunFolder::timing(const Row& row) {
    timing_->write(row);
}

void RunFolder::flush() {
    metrics_->flush();
    timing_->flush();
    events_->flush();
}

}  // namespace samara::host
