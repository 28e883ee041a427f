// The host of the `samara` command (libexec/samara-host; front.cpp is the door): parses, runs one
// verb, turns every error into a message and an exit status.
#include "cli/cli.hpp"
#include "core/store/store.hpp"
#include "core/train/memory.hpp"
#include "runtime/error.hpp"
#include "runtime/instances.hpp"

#include <c10/util/Exception.h>

#include <csignal>
#include <cstring>
#include <exception>
#include <malloc.h>
#include <stdexcept>
#include <unistd.h>

namespace samara::host::cli {
namespace {

int run(int argc, char** argv) {
    CLI::App app(
        "Samara trains language models from preferences; data synthesizers, objectives and "
        "optimizers are plugins.");
    app.set_version_flag("--version", std::string("samara ") + SAMARA_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    Common common;
    add_common_options(app, common);
    Action action;
    for (const auto add : {add_run,
                           add_check,
                           add_synth,
                           add_verify,
                           add_tokenize,
                           add_score,
                           add_generate,
                           add_plugins,
                           add_ablate,
                           add_report,
                           add_cache,
                           add_doctor}) {
        add(app, common, action);
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(Code::config);
    }
    return action();
}

// Names the plugin whose code was running; then the signal kills the process as ever, core and all.
// Only calls that a signal handler may make.
void on_crash(int number) {
    const auto say = [](const char* text) {
        const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
        static_cast<void>(written);  // there is nowhere else to say it
    };
    const char* plugin = entered_plugin();
    say(plugin != nullptr ? "error[plugin-fault]: the process crashed in plugin '"
                          : "error[internal]: the process crashed");
    say(plugin != nullptr ? plugin : "");
    say(plugin != nullptr ? "'" : "");
    say("\n  help: what is on disk is whole; `samara run --resume` continues from the newest "
        "checkpoint\n");
    ::raise(number);  // SA_RESETHAND: by the default action, once this handler returns
}

void install_crash_handlers() {
    static char stack[64 << 10];  // the usual one may be what overflowed
    const stack_t spare{stack, 0, sizeof stack};
    ::sigaltstack(&spare, nullptr);
    struct sigaction action = {};
    action.sa_handler = on_crash;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
        ::sigaction(number, &action, nullptr);
    }
}

}  // namespace
}  // namespace samara::host::cli

int main(int argc, char** argv) {
    using samara::host::Code;
    // Large tensors come and go every step: keep their pages (5-9 % of a step, measured).
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 2147483647);
    mallopt(M_TOP_PAD, 64 << 20);
    samara::host::cli::prepare_process();
    samara::host::cli::install_crash_handlers();
    samara::host::init_hdf5();
    using samara::host::cli::report_error;
    try {
        return samara::host::cli::deliver(samara::host::cli::run(argc, argv));
    } catch (const std::exception& error) {
        if (const std::string what = samara::host::out_of_memory(error); !what.empty()) {
            return report_error(
                samara::host::Error(Code::memory, what, "", samara::host::kMemoryHelp));
        }
        const auto* torch = dynamic_cast<const c10::Error*>(&error);
        if (torch != nullptr) {
            return report_error(std::runtime_error(torch->what_without_backtrace()));
        }
        return report_error(error);
    }
}
