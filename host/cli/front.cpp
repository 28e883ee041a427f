// The command `samara`: a door without LibTorch.  Loading LibTorch takes 0.2 s, so whatever must
// answer at once is done here: `check`, `report`, `ablate` (whose runs are processes of the host),
// and every mistake in the configuration of a `run`.  All else, parsing of other verbs and --help
// included, is ../libexec/samara-host (main.cpp), which takes this process over.
#include "cli/cli.hpp"
#include "runtime/error.hpp"

#include <cerrno>
#include <cstring>
#include <exception>
#include <unistd.h>

namespace samara::host::cli {
namespace {

[[noreturn]] void become_host(char** argv) {
    const std::string host = host_binary();
    ::execv(host.c_str(), argv);
    throw Error(Code::io,
                std::string("cannot start the host: ") + std::strerror(errno),
                host,
                "bin/samara and libexec/samara-host belong together: install both");
}

// The same checks as the host's, and nothing printed unless they fail: the host prints the rest.
void preflight(const RunArguments& arguments, const Common& common) {
    Registry registry(search_path(common));
    try {
        static_cast<void>(load_plan(arguments.file, arguments.set, registry));
    } catch (const Error&) {
        print_notices(registry);
        throw;
    }
}

int run(int argc, char** argv) {
    CLI::App app;
    app.set_help_flag();
    app.require_subcommand(1);
    app.fallthrough();
    Common common;
    add_common_options(app, common);
    Action action;
    RunArguments arguments;
    add_run_options(app, arguments)->callback([&] {
        action = [&]() -> int {
            hold_termination(true);
            preflight(arguments, common);
            become_host(argv);
        };
    });
    add_check(app, common, action);
    add_ablate(app, common, action);
    add_report(app, common, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError&) {
        become_host(argv);
    }
    return action();
}

}  // namespace
}  // namespace samara::host::cli

int main(int argc, char** argv) {
    samara::host::cli::prepare_process();
    try {
        return samara::host::cli::deliver(samara::host::cli::run(argc, argv));
    } catch (const std::exception& error) {
        return samara::host::cli::report_error(error);
    }
}
