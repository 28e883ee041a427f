// The fields of a row under our names, with the plan's columns applied; scalars read strictly.
// Private to the data room.
#pragma once
#include "core/config/plan.hpp"
#include "core/data/json_row.hpp"

#include <set>
#include <span>
#include <string>

namespace samara::host {

/// "text", "a list", ...: for messages.
std::string type_of(const nlohmann::json& value);

/// A row through the eyes of the plan: null counts as absent, and what was looked up is not meta.
class Fields {
public:
    Fields(const JsonRow& row, const DataSpec& spec);  // both must outlive it

    /// The value of our field, or null when the row has none.
    const nlohmann::json* find(const std::string& ours);
    bool has(const std::string& ours) { return find(ours) != nullptr; }
    /// True when the row has one of our fields, or the plan names a column for one: then it is
    /// missing, not meant to be absent.
    [[nodiscard]] bool has_any(std::span<const char* const> ours);
    /// The field stands in the row, as null.
    [[nodiscard]] bool is_null(const std::string& ours) const;
    /// As find, but absence is a BadRow.
    const nlohmann::json& need(const std::string& ours, const std::string& help = "");
    /// Throws BadRow at the field.
    [[noreturn]] void fail(const std::string& ours, const std::string& what, std::string help = "");
    /// What nobody looked up, as JSON text.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> rest() const;

private:
    [[nodiscard]] std::string column(const std::string& ours) const;

    const JsonRow& row_;
    const DataSpec& spec_;
    std::set<std::string> taken_, used_;
};

/// A finite number of at least `lowest`, or `otherwise` when absent.
double read_number(Fields& fields, const std::string& name, double otherwise, double lowest);
/// Text or an integer, or "" when absent.
std::string read_id(Fields& fields);
/// true or 1 -> 1, false or -1 -> -1, absent -> 0.  A 0 is refused: some data sets mean
/// "undesirable" by it, here it would mean "unknown".
int64_t read_label(Fields& fields);
/// Token ids within int32; only prompt_ids may be empty.
Ids read_ids(Fields& fields, const std::string& name);

}  // namespace samara::host
