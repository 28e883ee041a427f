// From TOML values to bound parameters; see uses.hpp.  Types, ranges and defaults are bind_params'
// work (runtime).
#include "core/config/uses.hpp"

#include "runtime/params.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

namespace samara::host::config {
namespace {

const samara_param* find_param(const samara_plugin& plugin, const std::string& key) {
    for (int64_t i = 0; i < plugin.n_params; ++i) {
        if (key == plugin.params[i].key) {
            return &plugin.params[i];
        }
    }
    return nullptr;
}

std::vector<std::string> param_keys(const samara_plugin& plugin) {
    std::vector<std::string> keys;
    for (int64_t i = 0; i < plugin.n_params; ++i) {
        keys.emplace_back(plugin.params[i].key);
    }
    return keys;
}

template <class T>
bool all_are(const Array& array) {
    return std::all_of(array.begin(), array.end(), [](const Node& node) {
        return std::holds_alternative<T>(node.value);
    });
}

// A flat array of one type; integers among floats become floats.  An empty one takes the declared
// type.
std::optional<ParamValue> list_value(const Array& array, int64_t declared) {
    if (array.empty()) {
        return declared == SAMARA_P_STRINGS  ? ParamValue(std::vector<std::string>{})
               : declared == SAMARA_P_FLOATS ? ParamValue(std::vector<double>{})
                                             : ParamValue(std::vector<int64_t>{});
    }
    if (all_are<std::string>(array)) {
        std::vector<std::string> texts;
        for (const Node& node : array) {
            texts.push_back(*node.text());
        }
        return texts;
    }
    if (all_are<int64_t>(array)) {
        std::vector<int64_t> numbers;
        for (const Node& node : array) {
            numbers.push_back(std::get<int64_t>(node.value));
        }
        return numbers;
    }
    std::vector<double> numbers;
    for (const Node& node : array) {
        if (const auto* whole = std::get_if<int64_t>(&node.value)) {
            numbers.push_back(static_cast<double>(*whole));
        } else if (const auto* number = std::get_if<double>(&node.value)) {
            numbers.push_back(*number);
        } else {
            return std::nullopt;
        }
    }
    return numbers;
}

// Nothing for values that no parameter can have (tables, dates, nested or mixed arrays).
std::optional<ParamValue> plain_value(const Node& node, int64_t declared) {
    if (const auto* truth = std::get_if<bool>(&node.value)) {
        return *truth;
    }
    if (const auto* whole = std::get_if<int64_t>(&node.value)) {
        return *whole;
    }
    if (const auto* number = std::get_if<double>(&node.value)) {
        return *number;
    }
    if (const auto* text = node.text()) {
        return *text;
    }
    return node.array() != nullptr ? list_value(*node.array(), declared) : std::nullopt;
}

std::string kind_in_words(const std::string& kind) {
    const std::string name = kind.substr(0, kind.find('/'));
    return (std::string("aeiou").find(name.front()) != std::string::npos ? "an " : "a ") + name;
}

// The section where plugins of a kind are listed.
std::string home_of(const std::string& kind) {
    const std::string name = kind.substr(0, kind.find('/'));
    return name == "instruction" ? "[[instructions]]"
           : name == "optimizer" ? "[optimizer]"
           : name == "reward"    ? "[[ppo.reward]]"
                                 : "[[" + name + "]]";
}

}  // namespace

std::vector<std::string> Uses::params_of(const Node& entry) const {
    const Node* id = entry.find("plugin");
    const Plugin* plugin =
        id != nullptr && id->text() != nullptr ? registry_.find(*id->text()) : nullptr;
    return plugin != nullptr ? param_keys(*plugin->descriptor) : std::vector<std::string>{};
}

PluginUse Uses::bind_use(Bound& bound, const std::string& kind) const {
    PluginUse use;
    use.id = bound.text("plugin");
    use.where = problems_.text(bound.where("plugin"));
    if (use.id.empty()) {
        return use;  // missing, and reported
    }
    const Plugin* plugin = registry_.find(use.id);
    if (plugin == nullptr) {
        std::vector<std::string> known;
        for (const Plugin* other : registry_.list()) {
            known.push_back(other->id());
        }
        const std::string near = nearest_key(use.id, known);
        problems_.add(bound.where("plugin"),
                      bound.path + ": no plugin '" + use.id + "'",
                      (near.empty() ? "" : "did you mean '" + near + "'? ") +
                          std::string("`samara plugins list` shows all"));
    } else if (plugin->kind() != kind) {
        problems_.add(bound.where("plugin"),
                      bound.path + ": '" + use.id + "' is " + kind_in_words(plugin->kind()) +
                          ", expected " + kind_in_words(kind),
                      "it belongs under " + home_of(plugin->kind()));
    } else {
        bind_parameters(bound, *plugin, use);
    }
    return use;
}

std::vector<PluginUse> Uses::bind_uses(std::vector<Bound>& list, const std::string& kind) const {
    std::vector<PluginUse> uses;
    for (Bound& bound : list) {
        uses.push_back(bind_use(bound, kind));
    }
    return uses;
}

void Uses::bind_parameters(Bound& bound, const Plugin& plugin, PluginUse& use) const {
    const samara_plugin& descriptor = *plugin.descriptor;
    std::map<std::string, ParamValue> given;
    std::set<std::string> reported;
    const Node* params = bound.node != nullptr ? bound.node->find("params") : nullptr;
    static const Table kNone;
    for (const Entry& entry :
         params != nullptr && params->table() != nullptr ? *params->table() : kNone) {
        const samara_param* declared = find_param(descriptor, entry.key);
        const auto value = plain_value(entry.node, declared != nullptr ? declared->type : 0);
        const auto* number = std::get_if<double>(&entry.node.value);
        if (!value && declared != nullptr) {
            problems_.add(entry.node.at,
                          bound.path + ".params." + entry.key +
                              ": expected a plain value or a flat array of one type, got " +
                              shown(entry.node));
        }
        if (declared != nullptr && (!value || (number != nullptr && !std::isfinite(*number)))) {
            reported.insert(entry.key);  // non-finite numbers: by refuse_non_finite
            continue;
        }
        given[entry.key] = value.value_or(ParamValue(false));  // an unknown key, whatever its value
    }
    std::map<std::string, std::string> paths;  // as given, for the resolved text
    for (auto& [key, value] : given) {
        const samara_param* declared = find_param(descriptor, key);
        auto* text = std::get_if<std::string>(&value);
        if (declared != nullptr && declared->type == SAMARA_P_PATH && text != nullptr &&
            !text->empty()) {
            paths[key] = *text;
            *text = (std::filesystem::path(base_) / *text).lexically_normal().string();
        }
    }
    std::vector<ParamIssue> issues = bind_params(descriptor, given, use.params);
    std::erase_if(issues, [&](const ParamIssue& issue) { return reported.contains(issue.key); });
    report(bound, plugin, issues);
    Inline resolved;
    std::string text;
    for (const auto& [key, value] : use.params.values()) {
        if (!std::holds_alternative<std::monostate>(value)) {
            const auto path = paths.find(key);
            text += (text.empty() ? " " : ", ") + key + " = " +
                    param_toml(path != paths.end() ? ParamValue(path->second) : value);
        }
    }
    resolved.toml = text.empty() ? "{}" : "{" + text + " }";
    bound.values["params"] = resolved;
}

void Uses::report(const Bound& bound,
                  const Plugin& plugin,
                  const std::vector<ParamIssue>& issues) const {
    const Node* params = bound.node != nullptr ? bound.node->find("params") : nullptr;
    for (const ParamIssue& issue : issues) {
        const Node* node = params != nullptr ? params->find(issue.key) : nullptr;
        Where at = node != nullptr ? node->at : bound.where("params");
        if (find_param(*plugin.descriptor, issue.key) == nullptr && node != nullptr) {
            for (const Entry& entry : *params->table()) {
                at = entry.key == issue.key ? entry.at : at;
            }
            const Key* own = bound.section->find(issue.key);
            problems_.add(at,
                          "unknown key '" + issue.key + "' in params of " + plugin.id(),
                          own != nullptr ? "'" + issue.key + "' stands beside params, not in them"
                          : issue.help.empty()
                              ? "`samara plugins describe " + plugin.id() + "` lists its parameters"
                              : issue.help);
            continue;
        }
        problems_.add(
            at,
            bound.path + ".params." + issue.key + ": " + issue.what + " (" + plugin.id() + ")",
            issue.help);
    }
}

}  // namespace samara::host::config
