// samara cache: what is cached, why a configuration would or would not reuse it, whether it is
// sound, and what can go.
#include "cli/cli.hpp"
#include "core/data/reader.hpp"
#include "core/model.hpp"
#include "core/report/tables.hpp"
#include "core/store/inventory.hpp"
#include "core/store/rollout_store.hpp"
#include "core/train/prepare.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace samara::host::cli {
namespace {

int do_explain(const std::string& file, const std::vector<std::string>& set, const Common& common) {
    const auto registry = open_registry(common);
    const Plan plan = load_plan(file, set, *registry).plan;
    ModelRequest request;
    request.path = model_folder(plan.model_path);
    request.chat = plan.data.chat;
    const auto encoder = open_encoder(request);
    Synthesis synthesis(plan.instructions, plan.synthesizers, *registry, {});
    const GroupStore store(cache_folder() + "/groups");
    for (const std::string& line :
         store.explain(cache_key(plan.data, plan.data.seed, synthesis, *encoder))) {
        std::printf("%s\n", line.c_str());
    }
    return 0;
}

/// A line per reference model and precision; its shards hold what runs have computed so far.
void list_references(const std::string& folder) {
    std::error_code absent;
    for (const auto& model : std::filesystem::directory_iterator(folder, absent)) {
        if (!model.is_directory()) {
            continue;  // a lock
        }
        int64_t bytes = 0, shards = 0;
        for (const auto& file : std::filesystem::directory_iterator(model.path(), absent)) {
            if (file.path().extension() == ".h5") {
                bytes += static_cast<int64_t>(file.file_size());
                ++shards;
            }
        }
        std::printf("%.12s  %10s  %7ld shards of reference log-probs\n",
                    model.path().filename().c_str(),
                    bytes_text(bytes).c_str(),
                    static_cast<long>(shards));
    }
}

/// One line for every file that was checked; what is wrong with them is thrown in one answer.
int do_verify(const std::vector<std::string>& runs) {
    std::vector<Problem> problems;
    size_t sound = 0;
    const auto check = [&](const std::string& file, const std::optional<Problem>& problem) {
        std::printf("%-7s  %s\n", problem ? "damaged" : "sound", file.c_str());
        sound += problem ? 0 : 1;
        if (problem) {
            problems.push_back(*problem);
        }
    };
    for (const CacheItem& item : inventory(cache_folder())) {
        if (item.kind != CacheItem::Kind::set_aside) {
            check(item.files.front(), verify(item));
        }
    }
    for (const std::string& run : runs) {
        if (!std::filesystem::exists(run + "/config.toml")) {
            throw Error(Code::config, "not the folder of a run: it has no config.toml", run);
        }
        std::error_code absent;
        std::vector<std::string> files;
        for (const auto& file : std::filesystem::directory_iterator(run + "/rollouts", absent)) {
            if (file.path().extension() == ".h5") {
                files.push_back(file.path().string());
            }
        }
        std::sort(files.begin(), files.end());
        for (const std::string& file : files) {
            check(file, verify_rollouts(file));
        }
    }
    std::printf("%zu sound, %zu damaged\n", sound, problems.size());
    if (!problems.empty()) {
        throw Error(problems);
    }
    return 0;
}

int do_prune(const PruneRules& rules, bool dry_run) {
    if (!rules.unused_seconds && !rules.most_bytes && !rules.damaged) {
        throw Error(Code::config,
                    "nothing says what is to go",
                    "samara cache prune",
                    "give --older-than DAYS, --max-size SIZE or --damaged");
    }
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    uint64_t freed = 0, kept = 0;
    for (const Pruned& one : prune(cache_folder(), rules, now, dry_run)) {
        std::printf("%-12s  %10s  %s  (%s)\n",
                    one.in_use ? "in use, kept" : (dry_run ? "would remove" : "removed"),
                    bytes_text(static_cast<int64_t>(one.item.bytes)).c_str(),
                    one.item.files.front().c_str(),
                    one.why.c_str());
        (one.in_use ? kept : freed) += one.item.bytes;
    }
    std::printf(
        "%s %s%s\n",
        bytes_text(static_cast<int64_t>(freed)).c_str(),
        dry_run ? "would be freed" : "freed",
        kept > 0 ? (", " + bytes_text(static_cast<int64_t>(kept)) + " in use").c_str() : "");
    return 0;
}

void add_verify_caches(CLI::App& cache, Action& action) {
    CLI::App* verb = cache.add_subcommand(
        "verify", "read every cache with all checks; exit status 8 if one is damaged");
    auto runs = std::make_shared<std::vector<std::string>>();
    verb->add_option("RUN", *runs, "folders of runs whose rollouts are read too");
    verb->callback([runs, &action] { action = [runs] { return do_verify(*runs); }; });
}

void add_prune(CLI::App& cache, Action& action) {
    struct Options {
        double days = 0;
        uint64_t bytes = 0;
        bool damaged = false, dry_run = false;
    };
    CLI::App* verb = cache.add_subcommand("prune", "remove caches, never one that is in use");
    auto options = std::make_shared<Options>();
    const CLI::Option* days =
        verb->add_option("--older-than", options->days, "not used for more than DAYS")
            ->check(CLI::Range(0.0, 36500.0));
    const CLI::Option* bytes =
        verb->add_option("--max-size", options->bytes, "the least recently used beyond SIZE (5GiB)")
            ->transform(CLI::AsSizeValue(true));
    verb->add_flag("--damaged", options->damaged, "what `verify` refuses, and what was set aside");
    verb->add_flag("--dry-run", options->dry_run, "say what would go, remove nothing");
    verb->callback([=, &action] {
        PruneRules rules;
        if (days->count() > 0) {
            rules.unused_seconds = static_cast<int64_t>(options->days * 86400);
        }
        if (bytes->count() > 0) {
            rules.most_bytes = options->bytes;
        }
        rules.damaged = options->damaged;
        action = [rules, options] { return do_prune(rules, options->dry_run); };
    });
}

}  // namespace

void add_cache(CLI::App& app, Common& common, Action& action) {
    CLI::App* verb =
        app.add_subcommand("cache", "what is cached, why a run would reuse it, and what can go");
    verb->require_subcommand(1);
    CLI::App* list =
        verb->add_subcommand("list", "every cache of groups and of reference log-probs");
    list->callback([&action] {
        action = [] {
            for (const CacheEntry& entry : GroupStore(cache_folder() + "/groups").list()) {
                std::printf("%.12s  %10s  %7ld groups  %7ld relations  %s\n",
                            entry.name.c_str(),
                            bytes_text(static_cast<int64_t>(entry.bytes)).c_str(),
                            static_cast<long>(entry.groups),
                            static_cast<long>(entry.relations),
                            entry.problem.c_str());
            }
            list_references(cache_folder() + "/reference");
            return 0;
        };
    });
    auto file = std::make_shared<std::string>();
    auto set = std::make_shared<std::vector<std::string>>();
    CLI::App* explain =
        verb->add_subcommand("explain", "name what changed since the nearest cache");
    explain->add_option("FILE", *file, "configuration (TOML)")->required();
    explain->add_option("--set", *set, "override a key (repeatable)");
    explain->callback([file, set, &common, &action] {
        action = [file, set, &common] { return do_explain(*file, *set, common); };
    });
    add_verify_caches(*verb, action);
    add_prune(*verb, action);
}

}  // namespace samara::host::cli
