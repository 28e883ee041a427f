// A document as text again: values on one line, settings under their dotted paths, and what differs
// between two configurations; see document.hpp and config.hpp.
#include "core/config/config.hpp"
#include "core/config/document.hpp"
#include "runtime/params.hpp"

#include <algorithm>
#include <set>

namespace samara::host {
namespace config {
namespace {

constexpr const char* kBareKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

bool is_table_list(const Node& node) {
    const Array* array = node.array();
    return array != nullptr && !array->empty() &&
           std::all_of(array->begin(), array->end(), [](const Node& entry) {
               return entry.table() != nullptr;
           });
}

void collect(const Node& node,
             const std::string& path,
             Where at,
             bool whole,
             std::vector<Leaf>& out) {
    const auto below = [&](const std::string& part) {
        return path.empty() ? part : path + "." + part;
    };
    const Table* table = node.table();
    if (table != nullptr && !(whole && node.inline_table)) {
        for (const Entry& entry : *table) {
            collect(entry.node, below(key_text(entry.key)), entry.at, whole, out);
        }
    } else if (!whole && is_table_list(node)) {
        for (size_t i = 0; i < node.array()->size(); ++i) {
            const Node& entry = (*node.array())[i];
            collect(entry, below(std::to_string(i)), entry.at, whole, out);
        }
    } else {
        out.push_back({path, &node, at});
    }
}

}  // namespace

std::string key_text(const std::string& key) {
    const bool bare = !key.empty() && key.find_first_not_of(kBareKey) == std::string::npos;
    return bare ? key : to_toml(ParamValue(key));
}

std::string inline_toml(const Node& node) {
    std::string out;
    if (const Table* table = node.table()) {
        for (const Entry& entry : *table) {
            out +=
                (out.empty() ? " " : ", ") + key_text(entry.key) + " = " + inline_toml(entry.node);
        }
        return out.empty() ? "{}" : "{" + out + " }";
    }
    if (const Array* array = node.array()) {
        for (const Node& entry : *array) {
            out += (out.empty() ? "" : ", ") + inline_toml(entry);
        }
        return "[" + out + "]";
    }
    if (const auto* truth = std::get_if<bool>(&node.value)) {
        return to_toml(ParamValue(*truth));
    }
    if (const auto* whole = std::get_if<int64_t>(&node.value)) {
        return to_toml(ParamValue(*whole));
    }
    if (const auto* number = std::get_if<double>(&node.value)) {
        return to_toml(ParamValue(*number));
    }
    if (const std::string* text = node.text()) {
        return to_toml(ParamValue(*text));
    }
    return shown(node);
}

std::vector<Leaf> leaves(const Node& root, bool whole) {
    std::vector<Leaf> out;
    collect(root, "", root.at, whole, out);
    std::stable_sort(
        out.begin(), out.end(), [](const Leaf& a, const Leaf& b) { return a.at < b.at; });
    return out;
}

}  // namespace config

std::map<std::string, std::string> settings_of(const std::string& resolved) {
    config::Problems problems("resolved configuration");
    const std::optional<config::Node> root = config::parse_document(resolved, problems);
    problems.throw_if_any();
    std::map<std::string, std::string> settings;
    for (const config::Leaf& leaf : config::leaves(*root, false)) {
        settings[leaf.path] = config::inline_toml(*leaf.node);
    }
    return settings;
}

std::vector<SettingChange> differences(const std::map<std::string, std::string>& was,
                                       const std::map<std::string, std::string>& is) {
    std::set<std::string> keys;
    for (const auto* settings : {&was, &is}) {
        for (const auto& [key, value] : *settings) {
            keys.insert(key);
        }
    }
    std::vector<SettingChange> changes;
    const auto value = [](const auto& settings, const std::string& key) {
        const auto found = settings.find(key);
        return found == settings.end() ? std::string() : found->second;
    };
    for (const std::string& key : keys) {
        SettingChange change{key, value(was, key), value(is, key)};
        if (change.was != change.is && key != "run.seed" && key != "run.output") {
            changes.push_back(std::move(change));
        }
    }
    return changes;
}

std::string other_run(const std::string& was, const std::string& is) {
    std::map<std::string, std::string> a = settings_of(was), b = settings_of(is);
    std::vector<SettingChange> changes = differences(a, b);
    if (a["run.seed"] != b["run.seed"]) {
        changes.insert(changes.begin(), {"run.seed", a["run.seed"], b["run.seed"]});
    }
    std::string out;
    for (const SettingChange& change : changes) {
        out += (out.empty() ? "" : "; ") + change.key + " was " +
               (change.was.empty() ? "not set" : change.was) + ", now " +
               (change.is.empty() ? "not set" : change.is);
    }
    return out;
}

}  // namespace samara::host
