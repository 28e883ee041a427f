// Rows of a JSONL file for the verbs that print one object per input row.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace samara::host::cli {

using Json = nlohmann::ordered_json;

/// Calls `body(row, "file:line")` for every non-blank line.  Throws Error(Code::data) with the
/// position for a line that is no JSON object, Code::io when the file cannot be read.
void for_each_row(const std::string& file,
                  const std::function<void(const Json&, const std::string&)>& body);

/// The row's text field, or an Error(Code::data) that names row and field.
std::string text_field(const Json& row, const std::string& field, const std::string& where);

/// One line on stdout.
void print_line(const Json& row);

}  // namespace samara::host::cli
