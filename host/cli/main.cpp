// The host of the `samara` command (libexec/samara-host; front.cpp is the door): parses, runs one
// verb, turns every error into a message and an exit status.
#include "cli/cli.hpp"
#include "core/log/log.hpp"
#include "core/store/store.hpp"
#include "runtime/error.hpp"

#include <c10/util/Exception.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <new>

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

}  // namespace
}  // namespace samara::host::cli

int main(int argc, char** argv) {
    using samara::host::Code;
    using samara::host::Problem;
    // Large tensors come and go every step: keep their pages (5-9 % of a step, measured).
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 2147483647);
    mallopt(M_TOP_PAD, 64 << 20);
    std::setlocale(LC_ALL, "C");  // numbers and bytes must not depend on the user's locale
    samara::host::log::init_stderr(samara::host::cli::is_terminal(2) &&
                                   std::getenv("NO_COLOR") == nullptr);
    samara::host::init_hdf5();
    const auto fail = [](Code code, const std::string& what, const std::string& help) {
        std::fprintf(stderr, "%s\n", samara::host::render(Problem{code, what, "", help}).c_str());
        return static_cast<int>(code);
    };
    try {
        return samara::host::cli::run(argc, argv);
    } catch (const samara::host::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return static_cast<int>(error.code());
    } catch (const c10::OutOfMemoryError& error) {
        return fail(Code::memory,
                    error.what_without_backtrace(),
                    "lower [train] tokens_per_batch or [data] max_tokens");
    } catch (const std::bad_alloc&) {
        return fail(
            Code::memory, "out of memory", "lower [train] tokens_per_batch or [data] max_tokens");
    } catch (const c10::Error& error) {
        const std::string what = error.what_without_backtrace();  // the CPU allocator has no type
        if (what.find("DefaultCPUAllocator") != std::string::npos) {
            return fail(Code::memory,
                        "out of memory: " + what.substr(0, what.find('\n')),
                        "lower [train] tokens_per_batch or [data] max_tokens");
        }
        return fail(Code::internal,
                    error.what_without_backtrace(),
                    "this is a bug of Samara: please report it");
    } catch (const std::exception& error) {
        return fail(Code::internal, error.what(), "this is a bug of Samara: please report it");
    }
}
