// The schema in words: expectations for messages, docs/config.md, the nearest key; see schema.hpp
// and config.hpp.
#include "core/config/config.hpp"
#include "core/config/schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace samara::host {
namespace config {
namespace {

std::string number_text(double value) {
    if (std::isinf(value)) {
        return value > 0 ? "inf" : "-inf";
    }
    std::array<char, 400> buffer{};
    // Bounds are round numbers: 1000000000 reads better than 1e+09.
    const auto end = std::to_chars(
        buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
    return {buffer.data(), end.ptr};
}

std::string range(const Key& key) {
    if (std::isinf(key.min) && std::isinf(key.max)) {
        return "";
    }
    return std::string(key.open_min ? "(" : "[") + number_text(key.min) + ", " +
           number_text(key.max) + (std::isinf(key.max) ? ")" : "]");
}

std::string quoted_choices(const Key& key) {
    const std::vector<std::string> later = split_choices(key.later);
    std::string out;
    for (const std::string& choice : split_choices(key.choices)) {
        if (std::find(later.begin(), later.end(), choice) == later.end()) {
            out += (out.empty() ? "'" : ", '") + choice + "'";
        }
    }
    return out;
}

const char* type_text(Type type) {
    switch (type) {
        case Type::text:
            return "a string";
        case Type::integer:
            return "an integer";
        case Type::number:
            return "a float";
        case Type::texts:
            return "an array of strings";
        case Type::text_map:
            return "a table of strings";
        case Type::number_map:
            return "a table of floats";
        case Type::params:
            return "a table of parameters";
    }
    return "";
}

// `text` inside a Markdown table.
std::string cell(std::string text) {
    for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) {
        text.insert(i, "\\");
    }
    return text;
}

}  // namespace

std::vector<std::string> split_choices(const char* choices) {
    std::vector<std::string> parts;
    if (choices == nullptr) {
        return parts;
    }
    for (const char* at = choices; *at != '\0';) {
        const size_t length = std::strcspn(at, "|");
        parts.emplace_back(at, length);
        at += length + (at[length] == '|' ? 1 : 0);
    }
    return parts;
}

std::string expected(const Key& key) {
    if (key.type == Type::text && key.choices != nullptr) {
        const std::string choices = quoted_choices(key);
        return (choices.find(',') == std::string::npos ? "" : "one of ") + choices;
    }
    const std::string within = range(key);
    return std::string(type_text(key.type)) + (within.empty() ? "" : " in " + within);
}

std::string title(const Section& section) {
    return section.list ? "[[" + std::string(section.name) + "]]"
                        : "[" + std::string(section.name) + "]";
}

}  // namespace config

std::string describe_schema() {
    using namespace config;
    std::string out =
        "# Configuration\n\n"
        "A run is one TOML file. This page is printed from the schema that checks it; a test keeps "
        "the two equal.\n"
        "`samara check FILE` reports every problem of a file at once; `--set section.key=value` "
        "changes one key\n"
        "(entries of lists by number: `objective.0.params.beta=0.5`). `${NAME}` in a string is "
        "replaced by an\n"
        "environment variable; `$${` stands for `${`. A key without a default must be given.\n";
    for (const Section& section : schema()) {
        out += "\n## " + title(section) + "\n\n" + section.doc +
               "\n\n| key | value | default | meaning |\n|---|---|---|---|\n";
        for (const Key& key : section.keys) {
            std::string meaning = key.doc;
            std::string later;
            for (const std::string& choice : split_choices(key.later)) {
                later += (later.empty() ? "" : ", ") + choice;
            }
            meaning += later.empty() ? "" : " (not in this version: " + later + ")";
            const std::string fallback =
                key.fallback == nullptr ? "" : "`" + std::string(key.fallback) + "`";
            out += "| `" + std::string(key.name) + "` | " + cell(expected(key)) + " | " + fallback +
                   " | " + cell(meaning) + " |\n";
        }
    }
    return out;
}

}  // namespace samara::host
