// samara verify: verdicts of verifiable instructions on responses (rows in IFEval's form).
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "runtime/error.hpp"
#include "runtime/instances.hpp"

#include <cstdio>
#include <memory>

namespace samara::host::cli {
namespace {

struct Totals {
    int64_t rows = 0, rows_strict = 0, rows_loose = 0, checks = 0, strict = 0, loose = 0,
            unavailable = 0;
};

/// Every instruction library that can be found, with its default parameters.
std::shared_ptr<InstructionSet> all_instructions(const Registry& registry) {
    auto set = std::make_shared<InstructionSet>();
    for (const Plugin* plugin : registry.list()) {
        if (plugin->kind() == "instruction/1") {
            BoundParams params;
            if (!bind_params(*plugin->descriptor, {}, params).empty()) {
                continue;  // it has a parameter without a default; nobody gave one here
            }
            set->add(*plugin, params);
        }
    }
    return set;
}

/// kwargs without the nulls that the published data carries for every unused key.
std::string clean(const Json& kwargs) {
    Json out = Json::object();
    for (const auto& [key, value] : kwargs.items()) {
        if (!value.is_null()) {
            out[key] = value;
        }
    }
    return out.dump();
}

Json verdict(int64_t value) {
    return value < 0 ? Json() : Json(value == 1);
}

Json verify_row(const Json& row,
                const std::string& where,
                InstructionSet& instructions,
                Totals& totals) {
    const std::string response = text_field(row, "response", where),
                      prompt = text_field(row, "prompt", where);
    if (!row.contains("instruction_id_list") || !row["instruction_id_list"].is_array() ||
        !row.contains("kwargs") || !row["kwargs"].is_array() ||
        row["kwargs"].size() != row["instruction_id_list"].size()) {
        throw Error(Code::data,
                    "the row needs lists `instruction_id_list` and `kwargs` of equal length",
                    where);
    }
    Json strict = Json::array(), loose = Json::array();
    bool all_strict = true, all_loose = true;
    for (size_t i = 0; i < row["kwargs"].size(); ++i) {
        const std::string id = row["instruction_id_list"][i];
        bool known = false;
        for (const InstructionType& type : instructions.types()) {
            known = known || type.id == id;
        }
        std::vector<Check> checks(1);
        checks[0].id = id;
        checks[0].kwargs = clean(row["kwargs"][i]);
        checks[0].strict = checks[0].loose = -1;
        if (known) {
            try {
                instructions.check({{{"user", prompt}}}, response, checks);
            } catch (const Error& error) {
                throw Error(Code::data,
                            error.problems().front().what,
                            where + ", instruction " + std::to_string(i + 1) + " (" + id + ")");
            }
        }
        totals.unavailable += checks[0].strict < 0 ? 1 : 0;
        totals.checks += checks[0].strict < 0 ? 0 : 1;
        totals.strict += checks[0].strict == 1 ? 1 : 0;
        totals.loose += checks[0].loose == 1 ? 1 : 0;
        all_strict = all_strict && checks[0].strict == 1;
        all_loose = all_loose && checks[0].loose == 1;
        strict.push_back(verdict(checks[0].strict));
        loose.push_back(verdict(checks[0].loose));
    }
    ++totals.rows;
    totals.rows_strict += all_strict ? 1 : 0;
    totals.rows_loose += all_loose ? 1 : 0;
    return {
        {"key", row.contains("key") ? row["key"] : Json()}, {"strict", strict}, {"loose", loose}};
}

int do_verify(const std::string& file, const Common& common) {
    const auto registry = open_registry(common);
    const auto instructions = all_instructions(*registry);
    Totals totals;
    for_each_row(file, [&](const Json& row, const std::string& where) {
        const Json out = verify_row(row, where, *instructions, totals);
        if (common.json) {
            print_line(out);
        }
    });
    const auto share = [](int64_t part, int64_t all) {
        return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0.0;
    };
    std::fprintf(stderr,
                 "prompts %ld: strict %.4f, loose %.4f; instructions %ld: strict %.4f, loose %.4f; "
                 "not available: %ld\n",
                 static_cast<long>(totals.rows),
                 share(totals.rows_strict, totals.rows),
                 share(totals.rows_loose, totals.rows),
                 static_cast<long>(totals.checks),
                 share(totals.strict, totals.checks),
                 share(totals.loose, totals.checks),
                 static_cast<long>(totals.unavailable));
    return 0;
}

}  // namespace

void add_verify(CLI::App& app, Common& common, Action& action) {
    auto file = std::make_shared<std::string>();
    CLI::App* verb = app.add_subcommand(
        "verify", "verdicts of verifiable instructions on responses; totals on stderr");
    verb->add_option("FILE", *file, "JSONL: key, prompt, response, instruction_id_list, kwargs")
        ->required();
    verb->add_flag("--json", common.json, "one JSON object per row on stdout");
    verb->callback([file, &common, &action] {
        action = [file, &common] { return do_verify(*file, common); };
    });
}

}  // namespace samara::host::cli
