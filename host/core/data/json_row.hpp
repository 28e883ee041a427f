// One line of JSONL as a strict JSON object that knows where its fields stand.  Private to the data
// room. Strict: UTF-8, no duplicate keys, no U+0000, no lone surrogates, integers within 64 bits,
// bounded depth.
#pragma once
#include "runtime/records.hpp"

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

/// What is wrong with a row; the reader adds file and line.
struct BadRow {
    std::string what;
    size_t offset = 0;  ///< byte in the line
    std::string help;
};

struct JsonRow {
    nlohmann::json object;
    std::map<std::string, size_t> offsets;  ///< of each top-level key
};

/// Throws BadRow.  `last` says that no newline follows: an error at the end is then called a
/// truncation.
JsonRow parse_row(std::string_view line, bool last);

/// Column, in characters from 1, of byte `offset`.
size_t column_of(std::string_view line, size_t offset);

/// At most 80 characters of `line` around `offset`, printable.
std::string excerpt(std::string_view line, size_t offset);

/// A valid UTF-8 sequence's length at `text[at]`, or 0.
size_t utf8_length(std::string_view text, size_t at);

}  // namespace samara::host
