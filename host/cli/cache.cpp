// samara cache: what is cached, and why a configuration would or would not reuse it.
#include "cli/cli.hpp"
#include "core/data/reader.hpp"
#include "core/model.hpp"
#include "core/report/tables.hpp"
#include "core/train/prepare.hpp"

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
        int64_t bytes = 0, shards = 0;
        for (const auto& file : std::filesystem::directory_iterator(model.path(), absent)) {
            bytes += static_cast<int64_t>(file.file_size());
            ++shards;
        }
        std::printf("%.12s  %10s  %7ld shards of reference log-probs\n",
                    model.path().filename().c_str(),
                    bytes_text(bytes).c_str(),
                    static_cast<long>(shards));
    }
}

}  // namespace

void add_cache(CLI::App& app, Common& common, Action& action) {
    CLI::App* verb =
        app.add_subcommand("cache", "what is cached, and why a run would or would not reuse it");
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
}

}  // namespace samara::host::cli
