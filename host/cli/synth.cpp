// samara synth: builds the group cache of a configuration and shows groups that a person can read.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/log/log.hpp"
#include "core/train/prepare.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace samara::host::cli {
namespace {

struct Arguments {
    std::string file;
    std::vector<std::string> set;
    int64_t show = 0;
    bool verify = false;
};

std::string indent(const std::string& text, const std::string& by) {
    std::string out = by;
    for (const char c : text) {
        out += c;
        if (c == '\n') {
            out += by;
        }
    }
    return out;
}

void print_candidate(const Candidate& candidate, size_t index) {
    std::printf("  candidate %zu\n", index);
    for (const Message& message : candidate.prompt) {
        std::printf("    [%s]\n%s\n",
                    message.role.empty() ? "text" : message.role.c_str(),
                    indent(message.content, "      ").c_str());
    }
    if (!candidate.instructions.empty()) {
        for (const Json& instruction : Json::parse(candidate.instructions)) {
            std::printf("    instruction %s %s%s: %s\n",
                        instruction.at("id").get<std::string>().c_str(),
                        instruction.at("kwargs").dump().c_str(),
                        instruction.value("negated", false) ? " (negated)" : "",
                        !candidate.response                   ? "to be followed"
                        : instruction.at("truth").get<bool>() ? "followed by this response"
                                                              : "not followed by this response");
        }
    }
    if (candidate.response) {
        std::printf("    [response]\n%s\n", indent(*candidate.response, "      ").c_str());
    } else if (candidate.response_ids.empty()) {
        std::printf("    no response: to be rolled out\n");
    }
}

void print_group(const Group& group) {
    std::printf("group of record %s\n", group.record_id.c_str());
    for (const auto& [key, value] : group.notes) {
        std::printf("  note %s: %s\n", key.c_str(), value.c_str());
    }
    for (size_t c = 0; c < group.candidates.size(); ++c) {
        print_candidate(group.candidates[c], c);
    }
    for (const Relation& r : group.relations) {
        if (r.order == 1) {
            std::printf("  %-6s candidate %ld is preferred to %ld\n",
                        r.tag.c_str(),
                        static_cast<long>(r.i),
                        static_cast<long>(r.j));
        } else {
            std::printf("  %-6s the margin of (%ld, %ld) exceeds that of (%ld, %ld)\n",
                        r.tag.c_str(),
                        static_cast<long>(r.i),
                        static_cast<long>(r.j),
                        static_cast<long>(r.k),
                        static_cast<long>(r.l));
        }
    }
    std::printf("\n");
}

// Every stored truth again, through the ABI, on the stored text.
int verify_groups(const std::vector<Group>& groups, const InstructionSet& instructions) {
    int64_t checked = 0, wrong = 0;
    for (const Group& group : groups) {
        for (const Candidate& candidate : group.candidates) {
            if (candidate.instructions.empty() || !candidate.response) {
                continue;
            }
            for (const Json& entry : Json::parse(candidate.instructions)) {
                std::vector<Check> checks{{entry.at("id"),
                                           entry.at("kwargs").dump(),
                                           entry.value("negated", false),
                                           -1,
                                           -1}};
                instructions.check(candidate.prompt, *candidate.response, checks);
                const bool same = checks[0].strict == (entry.at("truth").get<bool>() ? 1 : 0);
                ++checked;
                wrong += same ? 0 : 1;
                if (!same) {
                    std::fprintf(stderr,
                                 "record %s: %s %s has truth %d, stored %s\n",
                                 group.record_id.c_str(),
                                 checks[0].id.c_str(),
                                 checks[0].kwargs.c_str(),
                                 static_cast<int>(checks[0].strict),
                                 entry.at("truth").dump().c_str());
                }
            }
        }
    }
    std::printf("re-checked %ld truths: %ld differ\n",
                static_cast<long>(checked),
                static_cast<long>(wrong));
    return wrong == 0 ? 0 : static_cast<int>(Code::plugin_fault);
}

int do_synth(const Arguments& arguments, const Common& common) {
    const auto registry = open_registry(common);
    const Plan plan = load_plan(arguments.file, arguments.set, *registry).plan;
    install_signal_handlers();
    const HostHooks hooks{
        [](int level, const std::string& text) { log::log(static_cast<log::Level>(level), text); },
        cancelled};
    ModelRequest request;
    request.path = verify_published(model_folder(plan.model_path));
    request.chat = plan.data.chat;
    const auto encoder = open_encoder(request);
    Synthesis synthesis(plan.instructions, plan.synthesizers, *registry, hooks);
    GroupStore store(cache_folder() + "/groups");
    const Preparation prepared =
        prepare(plan.data, plan.data.seed, synthesis, *encoder, store, hooks);
    std::fprintf(stderr,
                 "%zu groups %s (key %s)\n",
                 prepared.groups.size(),
                 prepared.reused ? "reused from the cache" : "synthesised",
                 prepared.key.digest().substr(0, 12).c_str());
    if (common.json) {
        print_line(Json::parse(prepared.summary));
    } else {
        std::printf("%s\n", Json::parse(prepared.summary).dump(2).c_str());
    }
    for (int64_t g = 0;
         g < std::min<int64_t>(arguments.show, static_cast<int64_t>(prepared.groups.size()));
         ++g) {
        print_group(prepared.groups[static_cast<size_t>(g)]);
    }
    return arguments.verify ? verify_groups(prepared.groups, *synthesis.instructions) : 0;
}

}  // namespace

void add_synth(CLI::App& app, Common& common, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* verb = app.add_subcommand(
        "synth", "build the group cache only; show and re-check what was synthesised");
    verb->add_option("FILE", arguments->file, "configuration (TOML)")->required();
    verb->add_option("--set", arguments->set, "override a key (repeatable)");
    verb->add_option("--show", arguments->show, "print the first N groups");
    verb->add_flag("--verify", arguments->verify, "check every stored truth again");
    verb->add_flag("--json", common.json, "the summary as one JSON object");
    verb->callback([arguments, &common, &action] {
        action = [arguments, &common] { return do_synth(*arguments, common); };
    });
}

}  // namespace samara::host::cli
