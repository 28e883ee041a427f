// What happens to a document beside parsing: reading its file, --set, ${ENV}, and the collection of
// problems; see document.hpp.
#include "core/config/document.hpp"
#include "runtime/params.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sys/stat.h>

namespace samara::host::config {

const Node* Node::find(const std::string& key) const {
    if (const Table* entries = table()) {
        for (const Entry& entry : *entries) {
            if (entry.key == key) {
                return &entry.node;
            }
        }
    }
    return nullptr;
}

std::string shown(const Node& node) {
    if (const auto* text = node.text()) {
        return "the string " + to_toml(text->size() <= 60 ? *text : text->substr(0, 57) + "...");
    }
    if (const auto* array = node.array()) {
        return array->empty() ? "an empty array" : "an array of " + std::to_string(array->size());
    }
    if (node.table() != nullptr) {
        return "a table";
    }
    if (const auto* foreign = std::get_if<Foreign>(&node.value)) {
        return foreign->type;
    }
    if (const auto* truth = std::get_if<bool>(&node.value)) {
        return to_toml(*truth);
    }
    if (const auto* whole = std::get_if<int64_t>(&node.value)) {
        return to_toml(*whole);
    }
    return to_toml(std::get<double>(node.value));
}

void Problems::add(Where at, std::string what, std::string help, Code code) {
    found_.emplace_back(at, Problem{code, std::move(what), text(at), std::move(help)});
}

bool Problems::has(Where at) const {
    return std::any_of(
        found_.begin(), found_.end(), [&](const auto& each) { return each.first == at; });
}

std::string Problems::text(Where at) const {
    if (at.override_number > 0 && static_cast<size_t>(at.override_number) <= places_.size()) {
        return places_[static_cast<size_t>(at.override_number) - 1];
    }
    if (at.override_number > 0) {
        return "command line --set #" + std::to_string(at.override_number);
    }
    return at.line > 0 ? file_ + ":" + std::to_string(at.line) + ":" + std::to_string(at.column)
                       : file_;
}

void Problems::throw_if_any() const {
    if (found_.empty()) {
        return;
    }
    auto sorted = found_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return a.first < b.first;
    });
    std::vector<Problem> problems;
    for (auto& [at, problem] : sorted) {
        problems.push_back(std::move(problem));
    }
    throw Error(std::move(problems));
}

std::string read_document(const std::string& file) {
    constexpr size_t kMaxBytes = 1 << 20;  // far beyond any configuration, far below any harm
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        // A path that may not be looked into is not a missing file.
        const bool denied = error == std::errc::permission_denied;
        throw Error(denied ? Code::io : Code::config,
                    denied ? "cannot read: " + error.message() : "no such file",
                    file,
                    denied ? "" : "a run needs a configuration file (TOML)");
    }
    if (std::filesystem::is_directory(file, error)) {
        throw Error(Code::config, "is a directory, not a configuration file", file);
    }
    const std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(file.c_str(), "rb"), std::fclose);
    std::string text(kMaxBytes + 1, '\0');
    errno = 0;
    const size_t size = in ? std::fread(text.data(), 1, text.size(), in.get()) : 0;
    if (!in || std::ferror(in.get()) != 0) {
        throw Error(Code::io, std::string("cannot read: ") + std::strerror(errno), file);
    }
    if (size > kMaxBytes) {
        throw Error(Code::config, "larger than 1 MiB: not a configuration file", file);
    }
    text.resize(size);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
        throw Error(Code::config, "the file is empty", file, "docs/config.md lists all keys");
    }
    return text;
}

namespace {

// "objective.0.params.beta" to its parts; "a quoted.part" counts as one.  Empty on a malformed key.
std::vector<std::string> split_key(const std::string& text) {
    std::vector<std::string> parts{""};
    char quote = 0;
    for (const char c : text) {
        if (quote != 0 ? c == quote : c == '"' || c == '\'') {
            quote = quote != 0 ? 0 : c;
        } else if (quote == 0 && c == '.') {
            parts.emplace_back();
        } else if (quote != 0 || (c != ' ' && c != '\t')) {
            parts.back() += c;
        }
    }
    const bool hole =
        std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); });
    return hole || quote != 0 || parts.size() > 16 ? std::vector<std::string>{} : parts;
}

size_t find_equals(const std::string& text) {
    char quote = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != 0 ? c == quote : c == '"' || c == '\'') {
            quote = quote != 0 ? 0 : c;
        } else if (quote == 0 && c == '=') {
            return i;
        }
    }
    return std::string::npos;
}

bool is_index(const std::string& text) {
    return !text.empty() && text.size() <= 6 &&
           text.find_first_not_of("0123456789") == std::string::npos;
}

// The place `part` of `node`, made if it is a missing key of a table; null with a problem when
// there is none. `next`: the part that will be looked for in it, or empty.
Node* descend(Node& node,
              const std::string& part,
              const std::string& next,
              const std::string& path,
              Where at,
              Problems& problems) {
    if (auto* array = std::get_if<Array>(&node.value)) {
        if (is_index(part) && std::stoul(part) < array->size()) {
            return &(*array)[std::stoul(part)];
        }
        if (next.empty() && part == std::to_string(array->size())) {
            return &array->emplace_back(Node{Table{}, at});
        }
        problems.add(at,
                     "'" + path + "' has no entry '" + part + "', its length is " +
                         std::to_string(array->size()),
                     "entries are numbered from 0: " + path + ".0");
        return nullptr;
    }
    auto* table = std::get_if<Table>(&node.value);
    if (table == nullptr) {
        problems.add(at, "'" + path + "' is " + shown(node) + " and has no key '" + part + "'");
        return nullptr;
    }
    for (Entry& entry : *table) {
        if (entry.key == part) {
            return &entry.node;
        }
    }
    if (is_index(next)) {  // lists are not made from nothing
        problems.add(
            at,
            "'" + (path.empty() ? part : path + "." + part) + "' has no entry '" + next + "'",
            "write the list in the file first");
        return nullptr;
    }
    table->push_back(Entry{part, at, Node{Table{}, at}});
    return &table->back().node;
}

}  // namespace

void apply_override(Node& root, const std::string& text, int64_t number, Problems& problems) {
    const Where at{number, 0, 0};
    const size_t equals = find_equals(text);
    const std::vector<std::string> parts = equals == std::string::npos
                                               ? std::vector<std::string>{}
                                               : split_key(text.substr(0, equals));
    if (parts.empty()) {
        problems.add(
            at, "expected KEY=VALUE, got '" + text + "'", "for example --set train.max_steps=10");
        return;
    }
    const std::string raw = text.substr(equals + 1);
    Node value{raw, at};
    std::string error;
    if (!parse_value(raw, number, value, error)) {
        const size_t first = raw.find_first_not_of(" \t");
        if (first != std::string::npos &&
            std::string("\"'[{").find(raw[first]) != std::string::npos) {
            problems.add(at, text.substr(0, equals) + ": " + error);
            return;
        }
        value = Node{raw, at};  // a bare word is a string
    }
    Node* node = &root;
    std::string path;
    for (size_t i = 0; i < parts.size(); ++i) {
        const std::string next = i + 1 < parts.size() ? parts[i + 1] : "";
        node = descend(*node, parts[i], next, path, at, problems);
        if (node == nullptr) {
            return;
        }
        path += (path.empty() ? "" : ".") + parts[i];
    }
    *node = std::move(value);
}

void expand_environment(Node& node, const std::string& path, Problems& problems) {
    if (auto* table = std::get_if<Table>(&node.value)) {
        for (Entry& entry : *table) {
            expand_environment(
                entry.node, path.empty() ? entry.key : path + "." + entry.key, problems);
        }
    } else if (auto* array = std::get_if<Array>(&node.value)) {
        for (size_t i = 0; i < array->size(); ++i) {
            expand_environment((*array)[i], path + "." + std::to_string(i), problems);
        }
    }
    auto* text = std::get_if<std::string>(&node.value);
    if (text == nullptr) {
        return;
    }
    std::string out;
    for (size_t i = 0; i < text->size(); ++i) {
        if (text->compare(i, 3, "$${") == 0) {
            out += "${";
            i += 2;
        } else if (text->compare(i, 2, "${") == 0) {
            const size_t end = text->find('}', i);
            const std::string name =
                end == std::string::npos ? "" : text->substr(i + 2, end - i - 2);
            const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
            if (value == nullptr) {
                problems.add(node.at,
                             name.empty()
                                 ? path + ": '${' without a name and '}'"
                                 : path + ": environment variable '" + name + "' is not set",
                             "set it, or write $${ for a literal ${");
                return;
            }
            out += value;
            i = end;
        } else {
            out += (*text)[i];
        }
    }
    *text = std::move(out);
}

void refuse_non_finite(const Node& node, const std::string& path, Problems& problems) {
    if (const Table* table = node.table()) {
        for (const Entry& entry : *table) {
            refuse_non_finite(
                entry.node, path.empty() ? entry.key : path + "." + entry.key, problems);
        }
    } else if (const Array* array = node.array()) {
        for (size_t i = 0; i < array->size(); ++i) {
            refuse_non_finite((*array)[i], path + "." + std::to_string(i), problems);
        }
    } else if (const auto* number = std::get_if<double>(&node.value);
               number != nullptr && !std::isfinite(*number)) {
        problems.add(node.at,
                     path + ": expected a finite number, got " +
                         (std::isnan(*number) ? "nan"
                          : *number > 0       ? "inf"
                                              : "-inf"));
    }
}

}  // namespace samara::host::config
