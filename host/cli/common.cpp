// Helpers of the verbs; see cli.hpp.
#include "cli/cli.hpp"
#include "core/log/log.hpp"
#include "runtime/error.hpp"

#include <atomic>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace samara::host::cli {
namespace {

std::atomic<int> signal_seen{0};

void on_signal(int number) {
    if (signal_seen.exchange(number) == SIGINT && number == SIGINT) {
        _exit(130);  // asked twice: the user does not want to wait for the save
    }
}

bool at_end = false;  ///< main() is about to return

// A plugin that calls exit() must not pass for a verb that came to its end.
void on_early_exit() {
    if (!at_end) {
        std::fputs("error[plugin-fault]: a plugin or a library ended the process by exit()\n",
                   stderr);
        _exit(static_cast<int>(Code::plugin_fault));
    }
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

void prepare_process() {
    int file = 0;
    while (file <= 2 && file >= 0) {
        file = ::open("/dev/null", O_RDWR);  // takes the lowest free number
    }
    ::close(file);
    signal(SIGXFSZ, SIG_IGN);
    std::atexit(on_early_exit);
    std::setlocale(LC_ALL, "C");  // numbers and bytes must not depend on the user's locale
    log::init_stderr(is_terminal(2) && std::getenv("NO_COLOR") == nullptr);
}

int deliver(int status) {
    const bool lost = std::fflush(stdout) != 0;
    const int reason = lost ? errno : EIO;
    if ((lost || std::ferror(stdout) != 0) && reason != EPIPE) {
        throw Error(Code::io,
                    std::string("cannot write all of the output: ") + std::strerror(reason),
                    "stdout",
                    "what was printed is not complete");
    }
    at_end = true;
    return status;
}

int report_error(const std::exception& error) {
    at_end = true;
    const auto* known = dynamic_cast<const Error*>(&error);
    const auto* disk = dynamic_cast<const fs::filesystem_error*>(&error);
    Problem problem{Code::internal, error.what(), "", "this is a bug of Samara: please report it"};
    if (disk != nullptr) {
        problem = {Code::io, disk->code().message(), disk->path1().string(), ""};
    }
    const Code code = known != nullptr ? known->code() : problem.code;
    std::fprintf(stderr, "%s\n", known != nullptr ? error.what() : render(problem).c_str());
    return static_cast<int>(code);
}

void install_signal_handlers() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);  // a closed pipe is no reason to lose a run
    hold_termination(false);
}

void hold_termination(bool hold) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, nullptr);
}

bool cancelled() {
    return signal_seen.load(std::memory_order_relaxed) != 0;
}

int received_signal() {
    return signal_seen.load();
}

void add_common_options(CLI::App& app, Common& common) {
    app.add_option("--plugin-dir", common.plugin_dirs, "look for plugins here first (repeatable)");
    app.add_flag("--allow-insecure-plugin-dir",
                 common.allow_insecure,
                 "load plugins that other users could have written");
}

SearchPath search_path(const Common& common) {
    SearchPath path;
    path.allow_insecure = common.allow_insecure;
    for (const std::string& folder : common.plugin_dirs) {
        path.folders.emplace_back(fs::absolute(folder).string(), "--plugin-dir");
    }
    std::string list = environment("SAMARA_PLUGIN_PATH");
    for (size_t begin = 0; begin < list.size();) {
        const size_t end = std::min(list.find(':', begin), list.size());
        if (end > begin) {
            path.folders.emplace_back(fs::absolute(list.substr(begin, end - begin)).string(),
                                      "SAMARA_PLUGIN_PATH");
        }
        begin = end + 1;
    }
    const std::string data = environment("XDG_DATA_HOME"), home = environment("HOME");
    if (!data.empty() || !home.empty()) {
        path.folders.emplace_back(
            (data.empty() ? home + "/.local/share" : data) + "/samara/plugins", "user");
    }
    path.folders.emplace_back("/usr/local/lib/samara/plugins", "system");
    path.folders.emplace_back("/usr/lib/samara/plugins", "system");
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    if (!error) {
        path.folders.emplace_back((self.parent_path().parent_path() / "lib/samara").string(),
                                  "built-in folder");
    }
    return path;
}

std::unique_ptr<Registry> open_registry(const Common& common) {
    auto registry = std::make_unique<Registry>(search_path(common));
    print_notices(*registry);
    return registry;
}

void print_notices(const Registry& registry) {
    for (const std::string& notice : registry.notices()) {
        std::fprintf(stderr, "note: %s\n", notice.c_str());
    }
}

std::string host_binary() {
    const fs::path self = fs::read_symlink("/proc/self/exe");
    return (self.parent_path().parent_path() / "libexec/samara-host").string();
}

std::string cpu_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) {
            return line.substr(std::min(line.find(':') + 2, line.size()));
        }
    }
    return "unknown";
}

bool is_terminal(int descriptor) {
    return isatty(descriptor) == 1;
}

}  // namespace samara::host::cli
