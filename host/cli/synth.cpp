// samara synth: builds the group cache of a configuration and shows groups that a person can read.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/log/log.hpp"
#include "core/report/synthesis.hpp"
#include "core/report/tables.hpp"
#include "core/train/prepare.hpp"
#include "core/train/recheck.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

namespace samara::host::cli {
namespace {

struct Arguments {
    std::string file;
    std::vector<std::string> set;
    int64_t show = 0;
    bool report = false, verify = false;
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

constexpr int64_t kShownByReport = 10;

/// Tags whose relations a MAPL synthesizer promises to be of condition (a), (b) or neutral.
std::set<std::string> strict_tags(const Plan& plan, const Synthesis& synthesis) {
    std::set<std::string> out;
    for (size_t i = 0; i < plan.synthesizers.size(); ++i) {
        for (const auto& [key, value] : plan.synthesizers[i].params.values()) {
            if (key == "relation" && value == ParamValue(std::string("paper"))) {
                const auto& tags = synthesis.synthesizers[i]->tags();
                out.insert(tags.begin(), tags.end());
            }
        }
    }
    return out;
}

int print_recheck(const Recheck& found) {
    std::printf("re-checked %ld truths: %ld differ\n",
                static_cast<long>(found.truths),
                static_cast<long>(found.wrong_truths));
    std::printf("re-checked %ld relations: %ld do not follow from the verdicts; %ld placebos\n",
                static_cast<long>(found.relations),
                static_cast<long>(found.contradicted),
                static_cast<long>(found.placebos));
    std::printf("instructions that no message states: %ld\n",
                static_cast<long>(found.missing_texts));
    for (const std::string& line : found.first) {
        std::fprintf(stderr, "%s\n", line.c_str());
    }
    return found.sound() ? 0 : static_cast<int>(Code::plugin_fault);
}

Json leaks_json(const std::vector<Leak>& leaks) {
    Json out = Json::array();
    for (const Leak& leak : leaks) {
        out.push_back({{"type", leak.type},
                       {"draws", leak.draws},
                       {"auc", leak.auc},
                       {"standard_error", leak.error}});
    }
    return out;
}

/// Counts, balance, what was left out, leaks.
void print_report(const Json& summary, const std::vector<Leak>& leaks) {
    const auto count = [&](const char* key) { return static_cast<long>(summary[key]); };
    std::printf("%ld rows, %ld groups, %ld candidates, %ld tokens\n\n%s",
                count("rows"),
                count("groups"),
                count("candidates"),
                count("tokens"),
                synthesis_text(summary["instructions"].dump()).c_str());
    for (const auto& [synthesizer, reasons] : summary["skipped"].items()) {
        for (const auto& [reason, n] : reasons.items()) {
            std::printf("skipped by %s: %ld, %s\n",
                        synthesizer.c_str(),
                        static_cast<long>(n),
                        reason.c_str());
        }
    }
    std::vector<std::vector<std::string>> rows;
    for (const Leak& leak : leaks) {
        rows.push_back({leak.type,
                        std::to_string(leak.draws),
                        fixed(leak.auc, 3),
                        fixed(1.96 * leak.error, 3)});
    }
    std::printf(
        "\nDoes the text of an instruction tell its truth?  0.5: not at all; above 0.55 beyond the "
        "interval: a leak.\n%s\n",
        text_table({"type", "draws", "AUC", "+-95 %"}, rows).c_str());
}

/// What the arguments want to know of the groups, which come by one at a time.
struct Passing {
    LeakProbe leaks;
    Recheck recheck;
    std::vector<Group> shown;
};

void pass(GroupStore& store,
          const Preparation& prepared,
          const Arguments& arguments,
          int64_t examples,
          const InstructionSet& instructions,
          const std::set<std::string>& strict,
          Passing& out) {
    const int64_t spread = std::min(examples, prepared.groups);
    int64_t index = 0, next = 0;
    store.each(prepared.key, [&](Group&& group) {
        if (arguments.report) {
            out.leaks.add(group);
        }
        if (arguments.verify) {
            recheck(group, instructions, strict, out.recheck);
        }
        const bool of_report = next < spread && index == next * prepared.groups / spread;
        next += of_report ? 1 : 0;
        if (of_report || index < arguments.show) {
            out.shown.push_back(std::move(group));
        }
        ++index;
    });
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
    GroupStore store(cache_folder() + "/groups",
                     [](const std::string& text) { log::warning(text); });
    const Preparation prepared =
        prepare(plan.data, plan.data.seed, synthesis, *encoder, store, hooks);
    std::fprintf(stderr,
                 "%ld groups %s (key %s)\n",
                 static_cast<long>(prepared.groups),
                 prepared.reused ? "reused from the cache" : "synthesised",
                 prepared.key.digest().substr(0, 12).c_str());
    Passing passing;
    if (arguments.report || arguments.verify || arguments.show > 0) {
        pass(store,
             prepared,
             arguments,
             arguments.report && !common.json ? kShownByReport : 0,
             *synthesis.instructions,
             strict_tags(plan, synthesis),
             passing);
    }
    Json summary = Json::parse(prepared.summary);
    if (common.json) {
        if (arguments.report) {
            summary["leaks"] = leaks_json(passing.leaks.leaks());
        }
        print_line(summary);
    } else if (arguments.report) {
        print_report(summary, passing.leaks.leaks());
    } else {
        std::printf("%s\n", summary.dump(2).c_str());
    }
    for (const Group& group : passing.shown) {
        print_group(group);
    }
    return arguments.verify ? print_recheck(passing.recheck) : 0;
}

}  // namespace

void add_synth(CLI::App& app, Common& common, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* verb = app.add_subcommand(
        "synth", "build the group cache only; show and re-check what was synthesised");
    verb->add_option("FILE", arguments->file, "configuration (TOML)")->required();
    verb->add_option("--set", arguments->set, "override a key (repeatable)");
    verb->add_option("--show", arguments->show, "print the first N groups");
    verb->add_flag("--report",
                   arguments->report,
                   "counts, balance, a probe for leaks, and ten groups to read");
    verb->add_flag(
        "--verify", arguments->verify, "judge every stored truth and every relation again");
    verb->add_flag("--json", common.json, "the summary, or the report, as one JSON object");
    verb->callback([arguments, &common, &action] {
        action = [arguments, &common] { return do_synth(*arguments, common); };
    });
}

}  // namespace samara::host::cli
