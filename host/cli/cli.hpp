// What the verbs of the `samara` command share.  This folder is the only place that prints, catches
// everything, touches process globals (signals, allocator, logger, HDF5 plugins, precision
// switches) and sets exit codes.
#pragma once
#include "core/config/config.hpp"
#include "runtime/registry.hpp"

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace samara::host::cli {

/// Options that every verb understands.
struct Common {
    std::vector<std::string> plugin_dirs;  ///< --plugin-dir, in order
    bool allow_insecure = false;
    bool json = false;
};

void add_common_options(CLI::App& app, Common& common);

/// Arguments of `samara run`.
struct RunArguments {
    std::string file;
    std::vector<std::string> set;
    bool resume = false, dry_run = false;
    std::string route;   ///< --fp32-route: for comparisons
    std::string locked;  ///< --locked: an earlier run's environment.json, or empty
};
/// Declares the verb `run` with these arguments, which must outlive `app`.
CLI::App* add_run_options(CLI::App& app, RunArguments& arguments);

/// What main() runs after parsing; returns the exit status.
using Action = std::function<int()>;

/// Folders after the config's own files: --plugin-dir, SAMARA_PLUGIN_PATH, user, system, beside the
/// executable.
SearchPath search_path(const Common& common);
std::unique_ptr<Registry> open_registry(const Common& common);

/// The start of both programs: descriptors 0 to 2 are open (else the next file would be taken for
/// stdout), a limit on file sizes is an error of write() and not the end of the process, the locale
/// is C, messages go to stderr; and exit() before deliver() or report_error() is a fault.
void prepare_process();
/// The end of a verb: what it printed has arrived.  Throws Error(Code::io) when stdout is full; a
/// reader that has gone is its own business.  Returns `status`.
int deliver(int status);
/// Prints what `error` says, and returns the exit status; errors that nobody expected are bugs.
int report_error(const std::exception& error);

/// Cancel flag that SIGINT and SIGTERM set; a second SIGINT ends the process at once.
void install_signal_handlers();
bool cancelled();
/// From the start of `run`, through exec, until the handlers above stand: a SIGTERM waits, so that
/// it ends in 75 like any later one.  SIGINT does not: it must reach a plugin that hangs while it
/// loads.
void hold_termination(bool hold);
int received_signal();  ///< 0: none

/// Chooses the fp32 matrix route for a model folder's shapes: the one remembered for this machine,
/// else measured once and remembered, so that two runs on one machine compute the same bits.
/// Returns its name and switches it.
std::string choose_fp32_route(const std::string& model_folder, const std::string& forced);

/// libexec/samara-host beside this program's bin folder, or this program when it is the host.
std::string host_binary();
std::string cpu_model();
bool is_terminal(int descriptor);

/// Tells the user about notices of the registry (skipped broken files, shadowed ids).
void print_notices(const Registry& registry);

void add_run(CLI::App& app, Common& common, Action& action);
void add_check(CLI::App& app, Common& common, Action& action);
void add_synth(CLI::App& app, Common& common, Action& action);
void add_verify(CLI::App& app, Common& common, Action& action);
void add_tokenize(CLI::App& app, Common& common, Action& action);
void add_score(CLI::App& app, Common& common, Action& action);
void add_generate(CLI::App& app, Common& common, Action& action);
void add_plugins(CLI::App& app, Common& common, Action& action);
void add_ablate(CLI::App& app, Common& common, Action& action);
void add_report(CLI::App& app, Common& common, Action& action);
void add_cache(CLI::App& app, Common& common, Action& action);
void add_doctor(CLI::App& app, Common& common, Action& action);

}  // namespace samara::host::cli
