// Types, ranges, choices and unknown keys of one section; see bind.hpp.
#include "core/config/bind.hpp"

#include "runtime/params.hpp"

#include <algorithm>
#include <cmath>

namespace samara::host::config {
namespace {

// The default of a key, from its TOML text.
Value default_of(const Key& key) {
    Node node;
    std::string error;
    if (key.fallback != nullptr) {
        parse_value(key.fallback, 1, node, error);
    }
    const auto as_number = [&] {
        const auto* whole = std::get_if<int64_t>(&node.value);
        return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(node.value);
    };
    const bool given = key.fallback != nullptr;
    switch (key.type) {
        case Type::text:
            return given ? *node.text() : std::string();
        case Type::integer:
            return given ? std::get<int64_t>(node.value) : int64_t{0};
        case Type::number:
            return given ? as_number() : 0.0;
        case Type::texts:
            return std::vector<std::string>{};
        case Type::text_map:
            return std::map<std::string, std::string>{};
        case Type::number_map:
            return std::map<std::string, double>{};
        case Type::params:
            return Inline{};
    }
    return int64_t{0};
}

// Checks one value.  Every complaint names the key path, what was expected and what stands there.
class Checker {
public:
    Checker(const Key& key, std::string path, Problems& problems)
        : key_(key), path_(std::move(path)), problems_(problems) {}

    void check(const Node& node, Value& out) const {
        switch (key_.type) {
            case Type::text:
                check_text(node, out);
                break;
            case Type::integer:
                check_integer(node, out);
                break;
            case Type::number:
                check_number(node, out);
                break;
            case Type::texts:
                check_texts(node, out);
                break;
            case Type::text_map:
                check_text_map(node, out);
                break;
            case Type::number_map:
                check_number_map(node, out);
                break;
            case Type::params:
                if (node.table() == nullptr) {
                    refuse(node, path_);
                }
                break;
        }
    }

private:
    void refuse(const Node& node,
                const std::string& path,
                const std::string& what = "",
                const std::string& help = "") const {
        const std::string wanted = what.empty() ? expected(key_) : what;
        std::string advice = help;
        Node inner;
        std::string error;
        const bool numeric = key_.type == Type::integer || key_.type == Type::number;
        if (advice.empty() && numeric && node.text() != nullptr &&
            parse_value(*node.text(), 1, inner, error) &&
            (std::holds_alternative<int64_t>(inner.value) ||
             std::holds_alternative<double>(inner.value))) {
            advice = "write it without quotes: " + *node.text();
        } else if (advice.empty() && key_.type == Type::texts && node.text() != nullptr) {
            advice =
                "write it in brackets: [" + shown(node).substr(sizeof("the string ") - 1) + "]";
        }
        problems_.add(node.at, path + ": expected " + wanted + ", got " + shown(node), advice);
    }

    [[nodiscard]] bool in_range(double value) const {
        return value <= key_.max && (key_.open_min ? value > key_.min : value >= key_.min);
    }

    void check_text(const Node& node, Value& out) const {
        const std::string* text = node.text();
        if (text == nullptr) {
            refuse(node, path_);
            return;
        }
        const std::vector<std::string> choices = split_choices(key_.choices),
                                       later = split_choices(key_.later);
        if (std::find(later.begin(), later.end(), *text) != later.end()) {
            problems_.add(node.at,
                          path_ + ": '" + *text + "' is not available in this version",
                          "this version has " + expected(key_));
        } else if (!choices.empty() &&
                   std::find(choices.begin(), choices.end(), *text) == choices.end()) {
            const std::string near = nearest_key(*text, choices);
            refuse(node, path_, "", near.empty() ? "" : "did you mean '" + near + "'?");
        } else if (text->empty() && !(key_.fallback && std::string(key_.fallback) == "\"\"")) {
            refuse(node, path_, "a string that is not empty");
        } else {
            out = *text;
        }
    }

    void check_integer(const Node& node, Value& out) const {
        const auto* whole = std::get_if<int64_t>(&node.value);
        if (whole != nullptr && in_range(static_cast<double>(*whole))) {
            out = *whole;
        } else if (!is_non_finite(node)) {
            refuse(node, path_);
        }
    }

    // NaN and infinities have been reported already (refuse_non_finite).
    static bool is_non_finite(const Node& node) {
        const auto* number = std::get_if<double>(&node.value);
        return number != nullptr && !std::isfinite(*number);
    }

    [[nodiscard]] bool read_number(const Node& node, double& out) const {
        if (const auto* whole = std::get_if<int64_t>(&node.value)) {
            out = static_cast<double>(*whole);
        } else if (const auto* number = std::get_if<double>(&node.value)) {
            out = *number;
        } else {
            return false;
        }
        return in_range(out);
    }

    void check_number(const Node& node, Value& out) const {
        double number = 0;
        if (read_number(node, number)) {
            out = number;
        } else if (!is_non_finite(node)) {
            refuse(node, path_);
        }
    }

    void check_texts(const Node& node, Value& out) const {
        if (node.array() == nullptr) {
            refuse(node, path_);
            return;
        }
        std::vector<std::string> texts;
        for (size_t i = 0; i < node.array()->size(); ++i) {
            const Node& element = (*node.array())[i];
            if (element.text() != nullptr && !element.text()->empty()) {
                texts.push_back(*element.text());
            } else {
                refuse(element, path_ + "." + std::to_string(i), "a string that is not empty");
            }
        }
        if (texts.size() == node.array()->size()) {
            out = std::move(texts);
        }
    }

    void check_text_map(const Node& node, Value& out) const {
        if (node.table() == nullptr) {
            refuse(node, path_);
            return;
        }
        std::map<std::string, std::string> map;
        const std::vector<std::string> known = split_choices(key_.choices);
        for (const Entry& entry : *node.table()) {
            if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
                const std::string near = nearest_key(entry.key, known);
                problems_.add(entry.at,
                              "unknown key '" + entry.key + "' in " + path_,
                              near.empty() ? "known: " + std::string(key_.choices)
                                           : "did you mean '" + near + "'?");
            } else if (entry.node.text() == nullptr || entry.node.text()->empty()) {
                refuse(entry.node, path_ + "." + entry.key, "a string that is not empty");
            } else {
                map[entry.key] = *entry.node.text();
            }
        }
        out = std::move(map);
    }

    void check_number_map(const Node& node, Value& out) const {
        if (node.table() == nullptr) {
            refuse(node, path_);
            return;
        }
        std::map<std::string, double> map;
        for (const Entry& entry : *node.table()) {
            double number = 0;
            if (read_number(entry.node, number)) {
                map[entry.key] = number;
            } else if (!is_non_finite(entry.node)) {
                refuse(entry.node, path_ + "." + entry.key, "a float of at least 0");
            }
        }
        out = std::move(map);
    }

    const Key& key_;
    std::string path_;
    Problems& problems_;
};

bool is_subsection(const Section& section, const std::string& key) {
    const std::string full = std::string(section.name) + "." + key;
    return std::any_of(
        schema().begin(), schema().end(), [&](const Section& other) { return other.name == full; });
}

}  // namespace

Where Bound::where(const std::string& key) const {
    const auto found = given.find(key);
    return found == given.end() ? at : found->second;
}

Bound bind_section(const Section& section,
                   const Node* node,
                   const std::string& path,
                   Problems& problems,
                   const std::vector<std::string>& params) {
    Bound bound{&section, node, path, node != nullptr ? node->at : Where{}, {}, {}};
    for (const Key& key : section.keys) {
        Value value = default_of(key);
        const Node* given = node != nullptr ? node->find(key.name) : nullptr;
        if (given != nullptr) {
            bound.given[key.name] = given->at;
            Checker(key, path + "." + key.name, problems).check(*given, value);
        } else if (key.fallback == nullptr && (node == nullptr || node->table() != nullptr)) {
            problems.add(bound.at,
                         "missing key '" + std::string(key.name) + "' in " + title(section),
                         std::string(key.name) + ": " + key.doc);
        }
        bound.values[key.name] = std::move(value);
    }
    if (node != nullptr && node->table() == nullptr) {
        problems.add(node->at,
                     path + ": expected a table " + title(section) + ", got " + shown(*node));
    } else if (node != nullptr) {
        for (const Entry& entry : *node->table()) {
            if (section.find(entry.key) == nullptr && !is_subsection(section, entry.key)) {
                problems.add(entry.at,
                             "unknown key '" + entry.key + "' in " + title(section),
                             suggest(entry.key, section, params));
            }
        }
    }
    return bound;
}

std::vector<Bound> bind_list(const Section& section,
                             const Node& parent,
                             const std::string& prefix,
                             Problems& problems,
                             const ParamsOf& params_of) {
    const std::string name =
        std::string(section.name).substr(std::string(section.name).rfind('.') + 1);
    const Node* node = parent.find(name);
    std::vector<Bound> list;
    if (node == nullptr) {
        return list;
    }
    const std::string path = prefix + name;
    if (node->array() == nullptr) {
        problems.add(node->at,
                     path + ": expected a list of tables, got " + shown(*node),
                     "write " + title(section) + ", with double brackets");
        return list;
    }
    for (size_t i = 0; i < node->array()->size(); ++i) {
        const Node& entry = (*node->array())[i];
        list.push_back(bind_section(
            section, &entry, path + "." + std::to_string(i), problems, params_of(entry)));
    }
    return list;
}

}  // namespace samara::host::config
