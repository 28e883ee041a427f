// Fields of a row; see fields.hpp.
#include "core/data/fields.hpp"

#include "core/data/row_forms.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace samara::host {
namespace {

using Json = nlohmann::json;

constexpr std::array kFields = {"id",
                                "prompt",
                                "chosen",
                                "rejected",
                                "response",
                                "completion",
                                "weight",
                                "margin",
                                "label",
                                "prompt_ids",
                                "chosen_ids",
                                "rejected_ids",
                                "response_ids",
                                "completion_ids"};

}  // namespace

std::string type_of(const Json& value) {
    switch (value.type()) {
        case Json::value_t::null:
            return "null";
        case Json::value_t::boolean:
            return "a boolean";
        case Json::value_t::string:
            return "text";
        case Json::value_t::array:
            return "a list";
        case Json::value_t::object:
            return "an object";
        default:
            return "a number";
    }
}

Fields::Fields(const JsonRow& row, const DataSpec& spec) : row_(row), spec_(spec) {
    for (const auto& [ours, theirs] : spec.columns) {
        taken_.insert(theirs);
    }
}

const Json* Fields::find(const std::string& ours) {
    const auto mapped = spec_.columns.find(ours);
    if (mapped == spec_.columns.end() && taken_.contains(ours)) {
        return nullptr;  // that column was given another meaning
    }
    const std::string& name = mapped == spec_.columns.end() ? ours : mapped->second;
    const auto found = row_.object.find(name);
    if (found == row_.object.end()) {
        return nullptr;
    }
    used_.insert(name);
    return found->is_null() ? nullptr : &*found;
}

bool Fields::has_any(std::span<const char* const> ours) {
    return std::any_of(ours.begin(), ours.end(), [&](const char* name) {
        return has(name) || spec_.columns.contains(name);
    });
}

void Fields::fail(const std::string& ours, const std::string& what, std::string help) {
    const std::string name = column(ours);
    const bool predicate = what.starts_with("is ") || what.starts_with("must ") ||
                           what.starts_with("repeats ") || what.starts_with("differs ") ||
                           what.starts_with("stands ");
    const auto at = row_.offsets.find(name);
    throw BadRow{"field '" + name + "'" + (name == ours ? "" : " (" + ours + ")") +
                     (predicate ? " " : ": ") + what,
                 at == row_.offsets.end() ? 0 : at->second,
                 std::move(help)};
}

const Json& Fields::need(const std::string& ours, const std::string& help) {
    const Json* value = find(ours);
    if (value == nullptr) {
        fail(ours, "is missing", help);
    }
    return *value;
}

std::vector<std::pair<std::string, std::string>> Fields::rest() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& [name, value] : row_.object.items()) {
        if (!used_.contains(name)) {
            out.emplace_back(name, value.dump());
        }
    }
    return out;
}

std::string Fields::column(const std::string& ours) const {
    const auto mapped = spec_.columns.find(ours);
    return mapped == spec_.columns.end() ? ours : mapped->second;
}

bool Fields::is_null(const std::string& ours) const {
    const auto found = row_.object.find(column(ours));
    return found != row_.object.end() && found->is_null();
}

double read_number(Fields& fields, const std::string& name, double otherwise, double lowest) {
    const Json* value = fields.find(name);
    if (value == nullptr) {
        return otherwise;
    }
    if (!value->is_number()) {
        fields.fail(name, "must be a number, not " + type_of(*value));
    }
    const double number = *value;
    if (!std::isfinite(number) || number < lowest) {
        fields.fail(name,
                    "must be a finite number" + std::string(lowest == 0 ? ", 0 or more" : ""));
    }
    return number;
}

std::string read_id(Fields& fields) {
    const Json* value = fields.find("id");
    if (value == nullptr) {
        return "";
    }
    if (!value->is_string() && !value->is_number_integer()) {
        fields.fail("id", "must be text or an integer, not " + type_of(*value));
    }
    std::string id = value->is_string() ? value->get<std::string>() : value->dump();
    if (id.empty()) {
        fields.fail("id", "is empty", "leave it out: rows are then named by file and line");
    }
    return id;
}

int64_t read_label(Fields& fields) {
    const Json* value = fields.find("label");
    if (value == nullptr) {
        // A row of prompt and completion alone is a demonstration; unknown is said with null.
        return fields.is_null("label") ? 0 : 1;
    }
    if (value->is_boolean()) {
        return value->get<bool>() ? 1 : -1;
    }
    if (value->is_number_integer() && (*value == 1 || *value == -1)) {
        return *value;
    }
    fields.fail("label",
                "must be true, false, 1 or -1",
                "null when it is unknown; left out, the row is a demonstration: 1");
}

Ids read_ids(Fields& fields, const std::string& name) {
    const Json& value = fields.need(name);
    if (!value.is_array() || (value.empty() && name != "prompt_ids")) {
        fields.fail(
            name,
            value.is_array() ? "is empty" : "must be a list of token ids, not " + type_of(value));
    }
    Ids out;
    for (const Json& id : value) {
        if (!id.is_number_integer() || id < 0 || id > INT32_MAX) {
            fields.fail(name, "token ids are integers from 0 to 2147483647");
        }
        out.push_back(id);
    }
    return out;
}

void check_columns(const DataSpec& spec) {
    std::set<std::string> seen;
    for (const auto& [ours, theirs] : spec.columns) {
        if (std::find(kFields.begin(), kFields.end(), ours) == kFields.end()) {
            throw Error(Code::config, "[data] columns: there is no field '" + ours + "'");
        }
        if (!seen.insert(theirs).second) {
            throw Error(Code::config,
                        "[data] columns: two fields are read from column '" + theirs + "'");
        }
    }
}

}  // namespace samara::host
