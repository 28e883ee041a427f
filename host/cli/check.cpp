// samara check: every mistake of a configuration, without loading a model; and the arguments of
// `samara run`, which front.cpp checks the same way.  No LibTorch here (see front.cpp).
#include "cli/cli.hpp"
#include "core/log/log.hpp"

#include <cstdio>
#include <memory>

namespace samara::host::cli {

CLI::App* add_run_options(CLI::App& app, RunArguments& arguments) {
    CLI::App* verb = app.add_subcommand("run", "train as a configuration says");
    verb->add_option("FILE", arguments.file, "configuration (TOML)")->required();
    verb->add_option("--set", arguments.set, "override a key: train.max_steps=10 (repeatable)");
    verb->add_flag("--resume", arguments.resume, "continue the run in its own folder");
    verb->add_flag(
        "--dry-run",
        arguments.dry_run,
        "print the resolved configuration and stop; refuses what needs no data and no model");
    verb->add_option("--locked",
                     arguments.locked,
                     "an earlier run's environment.json: refuse other plugin libraries");
    verb->add_option(
        "--fp32-route", arguments.route, "stock or onednn instead of the measured choice");
    return verb;
}

void add_check(CLI::App& app, Common& common, Action& action) {
    const auto arguments = std::make_shared<RunArguments>();
    CLI::App* verb =
        app.add_subcommand("check", "name every mistake of a configuration; loads no model");
    verb->add_option("FILE", arguments->file, "configuration (TOML)")->required();
    verb->add_option("--set", arguments->set, "override a key (repeatable)");
    verb->callback([arguments, &common, &action] {
        action = [arguments, &common] {
            const auto registry = open_registry(common);
            const LoadedConfig config = load_plan(arguments->file, arguments->set, *registry);
            for (const std::string& warning : config.warnings) {
                log::warning(warning);
            }
            std::printf("%s: no problems\n", arguments->file.c_str());
            return 0;
        };
    });
}

}  // namespace samara::host::cli
