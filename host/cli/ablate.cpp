// samara ablate: runs the arms of an ablation, one process each, and reports.  What an arm is:
// core/config/ablation.hpp; who is compared with whom: core/report.  No LibTorch here: the runs are
// processes of the host (see front.cpp).
#include "cli/children.hpp"
#include "cli/cli.hpp"
#include "core/config/ablation.hpp"
#include "core/log/log.hpp"
#include "core/report/render.hpp"
#include "core/report/tables.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

namespace fs = std::filesystem;

namespace samara::host::cli {
namespace {

struct Arguments : AblationArguments {
    bool dry_run = false;
};

enum class State { fresh, unfinished, done, failed };

const char* name_of(State state) {
    return state == State::done         ? "done"
           : state == State::unfinished ? "unfinished"
           : state == State::failed     ? "failed"
                                        : "to do";
}

// Done: equal settings and done.json.  A folder with another configuration is an error; one whose
// run was refused before its first row is free.  The folder's place is no setting: it may be moved.
State state_of(const PlannedRun& run, std::vector<Problem>& problems) {
    const std::string folder = run.plan.output;
    const bool done = fs::exists(folder + "/done.json");
    if (!fs::exists(folder + "/config.toml") || (!done && !fs::exists(folder + "/metrics.jsonl"))) {
        return State::fresh;
    }
    const std::string changed = other_run(read_file(folder + "/config.toml"), run.plan.resolved);
    if (!changed.empty()) {
        problems.push_back({Code::corrupt,
                            "the folder holds a run of another configuration: " + changed,
                            folder,
                            "move the folder away, or choose another output"});
        return State::failed;
    }
    return done ? State::done : State::unfinished;
}

// What runs of an arm take, as far as runs have told.
struct Need {
    double seconds = 0, peak_bytes = 0;  ///< sum over the runs; their highest
    int64_t runs = 0;
};

class Runner {
public:
    Runner(const Ablation& ablation, std::vector<PlannedRun> runs, const Common& common)
        : ablation_(ablation), runs_(std::move(runs)), common_(common) {
        std::vector<Problem> problems;
        for (const PlannedRun& run : runs_) {
            states_.push_back(state_of(run, problems));
        }
        if (!problems.empty()) {
            throw Error(std::move(problems));
        }
        for (size_t r = 0; r < runs_.size(); ++r) {
            if (states_[r] == State::done) {
                learn(r, 0, 0);
            }
        }
    }

    /// One row per arm: its runs and what it changes.
    [[nodiscard]] std::string listing() const {
        std::vector<std::vector<std::string>> rows;
        const auto control = settings_of(runs_.front().plan.resolved);
        for (size_t r = 0; r < runs_.size(); ++r) {
            if (r == 0 || runs_[r].arm != runs_[r - 1].arm) {
                std::string changes;
                for (const SettingChange& change :
                     differences(control, settings_of(runs_[r].plan.resolved))) {
                    changes += (changes.empty() ? "" : ", ") + change.key + "=" +
                               (change.is.empty() ? "(not set)" : change.is);
                }
                rows.push_back({runs_[r].arm, "", r == 0 ? "(control)" : changes});
            }
            rows.back()[1] += (rows.back()[1].empty() ? "" : ", ") + std::to_string(runs_[r].seed) +
                              " " + name_of(states_[r]);
        }
        return text_table({"arm", "seeds", "changes"}, rows);
    }

    /// Says what the host refuses before it reads data, such as tags that no synthesizer of an arm
    /// emits: plugins run in the host only.  Returns the first refusal's exit status, 0 without.
    [[nodiscard]] int check() const {
        int status = 0;
        for (size_t r = 0; r < runs_.size(); ++r) {
            const bool first = r == 0 || runs_[r].arm != runs_[r - 1].arm;
            std::string output;
            if (!first || states_[r] == State::done) {
                continue;  // seeds change nothing that is checked
            }
            if (const int ended = run_to_end(command_of(runs_[r], "--dry-run"), output)) {
                const size_t error = output.find("error[");
                say("arm '" + runs_[r].arm + "' cannot run:\n" +
                    output.substr(error == std::string::npos ? 0 : error));
                status = status == 0 ? ended : status;
            }
        }
        return status;
    }

    /// Runs what is not done.  Returns the exit status of the first failed run, 75 when stopped.
    int run() {
        const FolderLock lock(ablation_.output);
        write_index();
        say(std::to_string(runs_.size()) + " runs, " + std::to_string(count(State::done)) +
            " done" + time_left() + "; folder " + ablation_.output);
        for (size_t next = 0;;) {
            while (next < runs_.size() && states_[next] == State::done) {
                ++next;
            }
            if (next < runs_.size() && !cancelled() && may_start(next)) {
                start(next++);
                continue;
            }
            if (children_.size() == 0) {
                break;
            }
            if (cancelled()) {
                children_.stop();
            }
            if (const auto ended = children_.wait(0.2)) {
                finish(*ended);
            }
        }
        if (cancelled()) {
            say("stopped; the same command continues");
            return static_cast<int>(Code::preempted);
        }
        return status_;
    }

private:
    static void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

    [[nodiscard]] int64_t count(State state) const {
        return std::count(states_.begin(), states_.end(), state);
    }

    [[nodiscard]] std::string title(size_t r) const {
        return "[" + std::to_string(r + 1) + "/" + std::to_string(runs_.size()) + "] " +
               runs_[r].arm + " seed " + std::to_string(runs_[r].seed);
    }

    void write_index() const {
        std::vector<IndexedRun> index;
        for (const PlannedRun& run : runs_) {
            index.push_back({run.arm,
                             run.seed,
                             fs::path(run.plan.output).lexically_relative(ablation_.output)});
        }
        host::write_index(ablation_.output, index);
    }

    // One run prepares at a time, which is until it trains: it measures the fp32 route and builds
    // the caches that the next may share.  With a budget an arm's first run goes alone to its end,
    // which tells what its runs need.
    [[nodiscard]] bool may_start(size_t r) const {
        if (children_.size() == 0) {
            return true;
        }
        if (children_.size() >= static_cast<size_t>(ablation_.jobs)) {
            return false;
        }
        double bytes = 0;
        bool known = true;
        const auto add = [&](size_t run) {
            const auto need = needs_.find(runs_[run].arm);
            known = known && need != needs_.end();
            bytes += need == needs_.end() ? 0.0 : need->second.peak_bytes;
        };
        add(r);
        for (const size_t other : children_.ids()) {
            add(other);
            if (!fs::exists(runs_[other].plan.output + "/metrics.jsonl")) {
                return false;
            }
        }
        return ablation_.memory_gib <= 0 || (known && bytes <= ablation_.memory_gib * (1 << 30));
    }

    // From a run that is done: what it recorded, of all its starts, or what its process took.
    void learn(size_t r, double seconds, double peak_bytes) {
        Cost cost;
        try {
            cost = read_run(runs_[r].plan.output).cost;
        } catch (const Error& error) {
            log::warning(error.what());  // the report needs the file, the other runs do not
        }
        Need& need = needs_[runs_[r].arm];
        need.seconds += std::max(seconds, cost.seconds);
        need.peak_bytes = std::max({need.peak_bytes, peak_bytes, cost.peak_bytes});
        ++need.runs;
    }

    // " | 3 left, about 1:20"; empty when no run is left, or none has told.
    [[nodiscard]] std::string time_left() const {
        Need all;
        for (const auto& [arm, need] : needs_) {
            all.seconds += need.seconds;
            all.runs += need.runs;
        }
        double seconds = 0;
        int64_t left = 0;
        for (size_t r = 0; r < runs_.size(); ++r) {
            if (states_[r] == State::fresh || states_[r] == State::unfinished) {
                const auto own = needs_.find(runs_[r].arm);
                const Need& need = own == needs_.end() ? all : own->second;
                seconds += need.runs == 0 ? 0.0 : need.seconds / static_cast<double>(need.runs);
                ++left;
            }
        }
        if (left == 0 || all.runs == 0) {
            return "";
        }
        const auto at_once = static_cast<double>(std::min(ablation_.jobs, left));
        return " | " + std::to_string(left) + " left, about " + duration_text(seconds / at_once);
    }

    [[nodiscard]] std::vector<std::string> command_of(const PlannedRun& run,
                                                      const std::string& option) const {
        std::vector<std::string> command = {host_binary(), "run", ablation_.base, option};
        for (const std::string& set : run.set) {
            command.insert(command.end(), {"--set", set});
        }
        for (const std::string& folder : common_.plugin_dirs) {
            command.insert(command.end(), {"--plugin-dir", folder});
        }
        if (common_.allow_insecure) {
            command.emplace_back("--allow-insecure-plugin-dir");
        }
        return command;
    }

    void start(size_t r) {
        const PlannedRun& run = runs_[r];
        fs::create_directories(run.plan.output);
        std::vector<std::string> environment;
        if (ablation_.jobs > 1 && std::getenv("OMP_NUM_THREADS") == nullptr) {
            const auto share =
                std::max<int64_t>(1, std::thread::hardware_concurrency() / ablation_.jobs);
            environment.push_back("OMP_NUM_THREADS=" + std::to_string(share));
        }
        const std::string log = run.plan.output + "/log.txt";
        say(title(r) + (states_[r] == State::unfinished ? ": continues, log " : ": log ") + log);
        children_.start(r, command_of(run, "--resume"), environment, log);
    }

    void finish(const EndedChild& child) {
        const bool good = child.status == 0;
        states_[child.id] = good ? State::done : State::failed;
        if (good) {
            learn(child.id, child.seconds, child.peak_bytes);
            say(title(child.id) + ": done in " + duration_text(child.seconds) + ", peak " +
                bytes_text(static_cast<int64_t>(child.peak_bytes)) + time_left());
        } else if (!cancelled()) {
            const std::string log = runs_[child.id].plan.output + "/log.txt";
            say(title(child.id) + ": failed with exit code " + std::to_string(child.status) +
                "\n  " + child.last_error + "\n  log: " + log);
            if (status_ == 0 || child.id < failed_) {
                status_ = child.status;
                failed_ = child.id;
            }
        }
    }

    const Ablation& ablation_;
    std::vector<PlannedRun> runs_;
    const Common& common_;
    std::vector<State> states_;
    Children children_;
    std::map<std::string, Need> needs_;  ///< by arm
    int status_ = 0;
    size_t failed_ = 0;
};

void write_report(const std::string& folder) {
    const std::vector<RunRecord> runs = read_runs({folder});
    const bool any =
        std::any_of(runs.begin(), runs.end(), [](const RunRecord& run) { return run.finished; });
    if (!any) {
        log::warning("no run has finished: nothing to report");
        return;
    }
    const Report report = compare_runs(runs);
    const std::string text = report_text(report);
    atomic_write(folder + "/report.txt", text);
    atomic_write(folder + "/report.json", report_json(report));
    atomic_write(folder + "/report.csv", report_csv(report));
    atomic_write(folder + "/report.html",
                 report_html(report, "Samara: " + fs::path(folder).filename().string()));
    std::printf("%s\nreport: %s/report.html\n", text.c_str(), folder.c_str());
}

int do_ablate(const Arguments& arguments, const Common& common) {
    Ablation ablation = read_ablation(arguments);
    bool said = false;
    std::vector<PlannedRun> runs = plan_runs(ablation, [&] {
        auto registry = std::make_unique<Registry>(search_path(common));
        if (!said) {
            print_notices(*registry);
        }
        said = true;
        return registry;
    });
    Runner runner(ablation, std::move(runs), common);
    if (const int refused = runner.check()) {
        return refused;
    }
    if (arguments.dry_run) {
        std::fputs(runner.listing().c_str(), stdout);
        return 0;
    }
    install_signal_handlers();
    const int status = runner.run();
    if (!cancelled()) {
        write_report(ablation.output);
    }
    return status;
}

}  // namespace

void add_ablate(CLI::App& app, Common& common, Action& action) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* verb = app.add_subcommand(
        "ablate", "run arms of a configuration over seeds, and report; continues where it was");
    verb->add_option("FILE", arguments->file, "an ablation, or a run's configuration (TOML)")
        ->required();
    verb->add_option("--set", arguments->set, "override a key in every arm (repeatable)");
    verb->add_option("--vary", arguments->vary, "one arm per value: KEY=V1,V2 (repeatable)");
    verb->add_option("--seeds", arguments->seeds, "1,2,3")->delimiter(',');
    verb->add_option("--output", arguments->output, "the ablation's folder");
    verb->add_option("--jobs", arguments->jobs, "processes at once; they share the threads");
    verb->add_option(
        "--memory-gib", arguments->memory_gib, "start no more processes than fit in this");
    verb->add_flag("--dry-run", arguments->dry_run, "list the arms and what they change");
    verb->callback([arguments, &common, &action] {
        action = [arguments, &common] { return do_ablate(*arguments, common); };
    });
}

}  // namespace samara::host::cli
