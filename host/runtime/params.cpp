// Binding of plugin parameters and their views for the ABI; see params.hpp.
#include "runtime/params.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace samara::host {
namespace {

const char* type_name(int64_t type) {
    switch (type) {
        case SAMARA_P_BOOL:
            return "a bool";
        case SAMARA_P_INT:
            return "an integer";
        case SAMARA_P_FLOAT:
            return "a float";
        case SAMARA_P_STRING:
            return "a string";
        case SAMARA_P_PATH:
            return "a path";
        case SAMARA_P_INTS:
            return "a list of integers";
        case SAMARA_P_FLOATS:
            return "a list of floats";
        case SAMARA_P_STRINGS:
            return "a list of strings";
        default:
            return "a value of unknown type";
    }
}

std::string bound_text(double value) {
    return std::isinf(value) || value != std::floor(value) || std::abs(value) > 1e15
               ? to_toml(value)
               : std::to_string(static_cast<int64_t>(value));
}

/// Bounds that are both 0 were not set (a descriptor written in C need not name them).
bool bounded(const samara_param& p) {
    return p.min != 0 || p.max != 0;
}

std::string expectation(const samara_param& p) {
    std::string text = type_name(p.type);
    const bool numeric = p.type == SAMARA_P_INT || p.type == SAMARA_P_FLOAT ||
                         p.type == SAMARA_P_INTS || p.type == SAMARA_P_FLOATS;
    if (numeric && bounded(p) && !(std::isinf(p.min) && std::isinf(p.max))) {
        const bool open_min = (p.flags & SAMARA_P_OPEN_MIN) != 0 || std::isinf(p.min);
        const bool open_max = (p.flags & SAMARA_P_OPEN_MAX) != 0 || std::isinf(p.max);
        text += std::string(" in ") + (open_min ? "(" : "[") + bound_text(p.min) + ", " +
                bound_text(p.max) + (open_max ? ")" : "]");
    }
    if (p.choices != nullptr && !numeric) {
        text += std::string(" of ") + p.choices;
    }
    return text;
}

bool in_range(const samara_param& p, double v) {
    if (!bounded(p)) {
        return std::isfinite(v);
    }
    const bool above = (p.flags & SAMARA_P_OPEN_MIN) != 0 ? v > p.min : v >= p.min;
    const bool below = (p.flags & SAMARA_P_OPEN_MAX) != 0 ? v < p.max : v <= p.max;
    return std::isfinite(v) && above && below;
}

bool is_choice(const samara_param& p, const std::string& v) {
    if (p.choices == nullptr) {
        return true;
    }
    std::string_view rest = p.choices;
    while (true) {
        const size_t bar = rest.find('|');
        if (rest.substr(0, bar) == v) {
            return true;
        }
        if (bar == std::string_view::npos) {
            return false;
        }
        rest.remove_prefix(bar + 1);
    }
}

template <class T, class Good>
std::optional<ParamValue> all_of(const ParamValue& value, Good good) {
    const auto* items = std::get_if<std::vector<T>>(&value);
    return items != nullptr && std::all_of(items->begin(), items->end(), good)
               ? std::optional<ParamValue>(*items)
               : std::nullopt;
}

/// Integers where floats are declared; an empty list is an empty list of any type.
ParamValue widened(int64_t type, const ParamValue& value) {
    const bool empty = std::visit(
        [](const auto& v) {
            if constexpr (requires { v.empty(); }) {
                return v.empty();
            } else {
                return false;
            }
        },
        value);
    const bool list = value.index() >= 5;
    if (type == SAMARA_P_FLOAT && std::holds_alternative<int64_t>(value)) {
        return static_cast<double>(std::get<int64_t>(value));
    }
    if (type == SAMARA_P_FLOATS && std::holds_alternative<std::vector<int64_t>>(value)) {
        const auto& ints = std::get<std::vector<int64_t>>(value);
        return std::vector<double>(ints.begin(), ints.end());
    }
    if (empty && list) {
        if (type == SAMARA_P_INTS) {
            return std::vector<int64_t>();
        }
        if (type == SAMARA_P_FLOATS) {
            return std::vector<double>();
        }
        if (type == SAMARA_P_STRINGS) {
            return std::vector<std::string>();
        }
    }
    return value;
}

/// The value as declared, or nothing when type, range or choice is wrong.
std::optional<ParamValue> accept(const samara_param& p, const ParamValue& given) {
    const ParamValue value = widened(p.type, given);
    const auto number = [&](double v) { return in_range(p, v); };
    const auto integer = [&](int64_t v) { return in_range(p, static_cast<double>(v)); };
    const auto choice = [&](const std::string& v) { return is_choice(p, v); };
    const auto when = [&](bool good) { return good ? std::optional(value) : std::nullopt; };
    switch (p.type) {
        case SAMARA_P_BOOL:
            return when(std::holds_alternative<bool>(value));
        case SAMARA_P_INT:
            return when(std::holds_alternative<int64_t>(value) &&
                        integer(std::get<int64_t>(value)));
        case SAMARA_P_FLOAT:
            return when(std::holds_alternative<double>(value) && number(std::get<double>(value)));
        case SAMARA_P_STRING:
        case SAMARA_P_PATH:
            return when(std::holds_alternative<std::string>(value) &&
                        choice(std::get<std::string>(value)));
        case SAMARA_P_INTS:
            return all_of<int64_t>(value, integer);
        case SAMARA_P_FLOATS:
            return all_of<double>(value, number);
        case SAMARA_P_STRINGS:
            return all_of<std::string>(value, choice);
        default:
            return std::nullopt;
    }
}

}  // namespace

std::vector<samara_value> BoundParams::abi(std::vector<std::vector<samara_str>>& scratch) const {
    std::vector<samara_value> out;
    for (const auto& entry : values_) {
        samara_value v{};
        const auto list = [&](int64_t tag, const auto& items) {
            v.tag = tag;
            v.len = static_cast<int64_t>(items.size());
        };
        const ParamValue& value = entry.second;
        if (const auto* b = std::get_if<bool>(&value)) {
            v.tag = SAMARA_TRUTH;
            v.u.i = *b ? 1 : 0;
        } else if (const auto* i = std::get_if<int64_t>(&value)) {
            v.tag = SAMARA_INT;
            v.u.i = *i;
        } else if (const auto* d = std::get_if<double>(&value)) {
            v.tag = SAMARA_FLOAT;
            v.u.d = *d;
        } else if (const auto* s = std::get_if<std::string>(&value)) {
            list(SAMARA_STRING, *s);
            v.u.s = s->c_str();
        } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
            list(SAMARA_INTS, *ints);
            v.u.ints = ints->data();
        } else if (const auto* floats = std::get_if<std::vector<double>>(&value)) {
            list(SAMARA_FLOATS, *floats);
            v.u.floats = floats->data();
        } else if (const auto* strings = std::get_if<std::vector<std::string>>(&value)) {
            std::vector<samara_str>& views = scratch.emplace_back();
            for (const std::string& s : *strings) {
                views.push_back({s.c_str(), static_cast<int64_t>(s.size())});
            }
            list(SAMARA_STRINGS, views);
            v.u.strings = views.data();
        }
        out.push_back(v);
    }
    return out;
}

std::vector<ParamIssue> bind_params(const samara_plugin& plugin,
                                    const std::map<std::string, ParamValue>& given,
                                    BoundParams& out) {
    std::vector<ParamIssue> issues;
    std::vector<std::string> known;
    std::vector<std::pair<std::string, ParamValue>> values;
    for (int64_t i = 0; i < plugin.n_params; ++i) {
        const samara_param& p = plugin.params[i];
        known.emplace_back(p.key);
        const auto it = given.find(p.key);
        std::optional<ParamValue> value;
        if (it != given.end()) {
            value = accept(p, it->second);
            if (!value) {
                issues.push_back(
                    {p.key, "expected " + expectation(p) + ", got " + to_toml(it->second), ""});
            }
        } else if (p.fallback != nullptr) {
            const std::optional<ParamValue> read = from_toml(p.fallback);
            value = read ? accept(p, *read) : std::nullopt;
            if (!value) {
                issues.push_back({p.key,
                                  std::string("the plugin's own default ") + p.fallback +
                                      " is not " + expectation(p),
                                  ""});
            }
        } else if ((p.flags & SAMARA_P_OPTIONAL) == 0) {
            issues.push_back(
                {p.key,
                 std::string("missing key '") + p.key + "', expected " + expectation(p),
                 ""});
        }
        values.emplace_back(p.key, value.value_or(ParamValue{}));
    }
    for (const auto& [key, value] : given) {
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            const std::string near = nearest_key(key, known);
            issues.push_back({key,
                              "unknown key '" + key + "'",
                              near.empty() ? "" : "did you mean '" + near + "'?"});
        }
    }
    out = BoundParams(std::move(values));
    return issues;
}

std::string nearest_key(const std::string& key, const std::vector<std::string>& known) {
    std::string best;
    // A third of the letters may differ: "betta" finds "beta", "lr" does not find "id".
    size_t best_distance = std::max<size_t>(1, key.size() / 3) + 1;
    for (const std::string& other : known) {
        // Edit distance row by row; two letters in the wrong order ("trian") are one mistake.
        std::vector<size_t> before, above, row(other.size() + 1);
        for (size_t i = 0; i <= key.size(); ++i) {
            before = std::exchange(above, row);
            row[0] = i;
            for (size_t j = 1; j <= other.size(); ++j) {
                if (i == 0) {
                    row[j] = j;
                    continue;
                }
                const bool equal = key[i - 1] == other[j - 1];
                row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (equal ? 0 : 1)});
                if (i > 1 && j > 1 && key[i - 1] == other[j - 2] && key[i - 2] == other[j - 1]) {
                    row[j] = std::min(row[j], before[j - 2] + 1);
                }
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = other;
        }
    }
    return best;
}

}  // namespace samara::host
