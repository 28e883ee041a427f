// Strict JSON for the files of a model folder: no duplicate keys, bounded depth, errors that name
// the file. Nothing here knows what the files mean.
#pragma once
#include "runtime/error.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace samara::host {

/// Parses `text`.  Errors: `code` naming `where`, for a syntax error, a duplicate key or more than
/// 64 levels.
nlohmann::json parse_json(std::string_view text, const std::string& where, Code code);

/// The whole file.  Errors: io if it cannot be read.
std::string read_text(const std::string& path);
bool file_exists(const std::string& path);
/// Creates or replaces the file, mode 0644.  Errors: io
void write_text(const std::string& path, const std::string& text);

}  // namespace samara::host
