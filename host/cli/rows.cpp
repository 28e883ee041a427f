// JSONL rows in, JSON lines out; see rows.hpp.
#include "cli/rows.hpp"

#include "runtime/error.hpp"

#include <cstdio>
#include <fstream>

namespace samara::host::cli {

void for_each_row(const std::string& file,
                  const std::function<void(const Json&, const std::string&)>& body) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        throw Error(Code::io, "cannot read the file", file);
    }
    int64_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos) {
            continue;
        }
        const std::string where = file + ":" + std::to_string(number);
        Json row;
        try {
            row = Json::parse(line);
        } catch (const Json::parse_error& error) {
            throw Error(Code::data,
                        "this line is not JSON: " + std::string(error.what()),
                        where + ":" + std::to_string(error.byte));
        }
        if (!row.is_object()) {
            throw Error(Code::data, "a row must be a JSON object", where);
        }
        body(row, where);
    }
}

std::string text_field(const Json& row, const std::string& field, const std::string& where) {
    if (!row.contains(field) || !row[field].is_string()) {
        throw Error(Code::data, "the row has no text field '" + field + "'", where);
    }
    return row[field];
}

void print_line(const Json& row) {
    std::printf("%s\n", row.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace samara::host::cli
