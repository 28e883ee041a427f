// Strict JSON reading; see json.hpp.
#include "lm/model/json.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

namespace samara::host {

nlohmann::json parse_json(std::string_view text, const std::string& where, Code code) {
    using Json = nlohmann::json;
    constexpr int kMaxDepth = 64;
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > kMaxDepth)
            throw Error(code, "JSON is nested deeper than 64 levels", where);
        if (event == Json::parse_event_t::object_start)
            keys.emplace_back();
        else if (event == Json::parse_event_t::object_end)
            keys.pop_back();
        else if (event == Json::parse_event_t::key &&
                 !keys.back().insert(parsed.get<std::string>()).second)
            throw Error(code, "duplicate key '" + parsed.get<std::string>() + "' in JSON", where);
        return true;
    };
    try {
        return Json::parse(text.begin(), text.end(), watch);
    } catch (const Json::exception& error) {
        throw Error(code, std::string("not valid JSON: ") + error.what(), where);
    }
}

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (in)
        text << in.rdbuf();
    if (!in)
        throw Error(Code::io, std::string("cannot read: ") + std::strerror(errno), path);
    return std::move(text).str();
}

bool file_exists(const std::string& path) {
    std::error_code failed;
    return std::filesystem::is_regular_file(path, failed);
}

void write_text(const std::string& path, const std::string& text) {
    using Perms = std::filesystem::perms;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out)
        throw Error(
            Code::io,
            "cannot write (" + std::to_string(text.size()) + " bytes): " + std::strerror(errno),
            path);
    std::error_code ignored;  // a file system without modes keeps its own
    std::filesystem::permissions(
        path,
        Perms::owner_read | Perms::owner_write | Perms::group_read | Perms::others_read,
        ignored);
}

}  // namespace samara::host
