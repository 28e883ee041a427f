// samara run: the pipeline of a configuration.
#include "cli/cli.hpp"
#include "core/log/log.hpp"
#include "core/store/files.hpp"
#include "core/train/locked.hpp"
#include "core/train/pipeline.hpp"
#include "runtime/error.hpp"

#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace samara::host::cli {
namespace {

// On a terminal one line that is rewritten; otherwise a plain line whenever a step or a phase ends.
class Display {
public:
    explicit Display(bool terminal) : terminal_(terminal) {}
    void operator()(const ProgressState& state) {
        if (terminal_) {
            std::fprintf(stderr, "\r\033[K%s", progress_line(state, 110).c_str());
            open_ = true;
        } else if (state.done == state.todo &&
                   (state.phase != "train" || state.step != last_step_)) {
            std::fprintf(stderr, "%s\n", progress_line(state).c_str());
            last_step_ = state.phase == "train" ? state.step : last_step_;
        }
    }
    void end() {
        if (open_) {
            std::fputs("\r\033[K", stderr);
            open_ = false;
        }
    }

private:
    bool terminal_;
    bool open_ = false;
    int64_t last_step_ = -1;
};

void print_result(const RunResult& result) {
    if (!result.changes.empty()) {
        std::printf("%s\n", change_table(result.changes).c_str());
    }
    std::printf("model: %s\n", result.model_folder.c_str());
}

// A resumed run must compute the same bits: it takes the route that its first part recorded.
std::string recorded_route(const Plan& plan) {
    const std::string file = plan.output + "/environment.json";
    return std::filesystem::exists(file)
               ? nlohmann::json::parse(read_file(file)).value("fp32_route", "")
               : "";
}

int do_run(const RunArguments& arguments, const Common& common) {
    const auto registry = open_registry(common);
    LoadedConfig config = load_plan(arguments.file, arguments.set, *registry);
    for (const std::string& warning : config.warnings) {
        log::warning(warning);
    }
    if (!arguments.locked.empty()) {
        check_locked(config.plan, *registry, arguments.locked);
    }
    if (arguments.dry_run) {
        check_plan(config.plan, *registry);
        std::fputs(config.plan.resolved.c_str(), stdout);
        return 0;
    }
    install_signal_handlers();
    std::string route = arguments.route;
    if (arguments.resume && route.empty()) {
        route = recorded_route(config.plan);
    }
    RunOptions options;
    options.resume = arguments.resume;
    options.cache_folder = cache_folder();
    options.cancelled = cancelled;
    options.environment = {
        {"samara", SAMARA_VERSION},
        {"libtorch", TORCH_VERSION},
        {"cpu", cpu_model()},
        {"command_line_insecure_plugins", common.allow_insecure ? "yes" : "no"},
        {"fp32_route", choose_fp32_route(model_folder(config.plan.model_path), route)}};
    Display display(is_terminal(STDERR_FILENO));
    options.progress = [&display](const ProgressState& progress) { display(progress); };
    const RunResult result = run_pipeline(config.plan, *registry, options);
    display.end();
    for (const std::string& note : result.notes) {
        log::info(note);
    }
    if (result.preempted) {
        log::warning("stopped by a signal; the state is saved, continue with --resume");
        return static_cast<int>(Code::preempted);
    }
    print_result(result);
    return 0;
}

}  // namespace

void add_run(CLI::App& app, Common& common, Action& action) {
    const auto arguments = std::make_shared<RunArguments>();
    add_run_options(app, *arguments)->callback([arguments, &common, &action] {
        action = [arguments, &common] { return do_run(*arguments, common); };
    });
}

}  // namespace samara::host::cli
