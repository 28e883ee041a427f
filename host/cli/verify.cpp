// samara verify: verdicts of verifiable instructions on responses (rows in IFEval's form).
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/report/tables.hpp"
#include "runtime/error.hpp"
#include "runtime/instances.hpp"

#include <cstdio>
#include <map>
#include <memory>

namespace samara::host::cli {
namespace {

/// Of one type, or of all.
struct Count {
    int64_t checks = 0, strict = 0, loose = 0, unavailable = 0;
    void add(const Check& check) {
        unavailable += check.strict < 0 ? 1 : 0;
        checks += check.strict < 0 ? 0 : 1;
        strict += check.strict == 1 ? 1 : 0;
        loose += check.loose == 1 ? 1 : 0;
    }
};

struct Totals {
    int64_t rows = 0, rows_strict = 0, rows_loose = 0;
    int64_t undecided = 0;  ///< of the rows: one of their types is not available
    Count all;
    std::map<std::string, Count> types;
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
    bool all_strict = true, all_loose = true, all_known = true;
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
        totals.all.add(checks[0]);
        totals.types[id].add(checks[0]);
        all_known = all_known && checks[0].strict >= 0;
        all_strict = all_strict && checks[0].strict == 1;
        all_loose = all_loose && checks[0].loose == 1;
        strict.push_back(verdict(checks[0].strict));
        loose.push_back(verdict(checks[0].loose));
    }
    ++totals.rows;
    totals.undecided += all_known ? 0 : 1;
    totals.rows_strict += all_strict ? 1 : 0;
    totals.rows_loose += all_loose ? 1 : 0;
    return {
        {"key", row.contains("key") ? row["key"] : Json()}, {"strict", strict}, {"loose", loose}};
}

double share(int64_t part, int64_t all) {
    return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0.0;
}

void print_types(const Totals& totals) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [id, n] : totals.types) {
        rows.push_back({id,
                        std::to_string(n.checks),
                        n.checks > 0 ? fixed(100 * share(n.strict, n.checks), 1) : "-",
                        n.checks > 0 ? fixed(100 * share(n.loose, n.checks), 1) : "-",
                        std::to_string(n.unavailable)});
    }
    std::fputs(
        text_table({"type", "instructions", "strict %", "loose %", "not available"}, rows).c_str(),
        stdout);
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
    if (!common.json) {
        print_types(totals);
    }
    std::fprintf(stderr,
                 "prompts %ld: strict %.4f, loose %.4f; instructions %ld: strict %.4f, loose %.4f; "
                 "not available: %ld instructions, and with them %ld prompts\n",
                 static_cast<long>(totals.rows - totals.undecided),
                 share(totals.rows_strict, totals.rows - totals.undecided),
                 share(totals.rows_loose, totals.rows - totals.undecided),
                 static_cast<long>(totals.all.checks),
                 share(totals.all.strict, totals.all.checks),
                 share(totals.all.loose, totals.all.checks),
                 static_cast<long>(totals.all.unavailable),
                 static_cast<long>(totals.undecided));
    return 0;
}

}  // namespace

void add_verify(CLI::App& app, Common& common, Action& action) {
    auto file = std::make_shared<std::string>();
    CLI::App* verb = app.add_subcommand(
        "verify",
        "verdicts of verifiable instructions on responses: a table of types, totals on stderr");
    verb->add_option("FILE", *file, "JSONL: key, prompt, response, instruction_id_list, kwargs")
        ->required();
    verb->add_flag("--json", common.json, "one JSON object per row on stdout");
    verb->callback([file, &common, &action] {
        action = [file, &common] { return do_verify(*file, common); };
    });
}

}  // namespace samara::host::cli
