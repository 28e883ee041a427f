// The resolved configuration: a checked section as canonical TOML; see bind.hpp.
#include "core/config/bind.hpp"
#include "runtime/params.hpp"

namespace samara::host::config {
namespace {

// A literal "${" must come back as one.
std::string text_toml(const std::string& text) {
    std::string escaped = text;
    for (size_t i = 0; (i = escaped.find("${", i)) != std::string::npos; i += 3) {
        escaped.insert(i, "$");
    }
    return host::to_toml(ParamValue(escaped));
}

template <class Map, class Write>
std::string map_toml(const Map& map, Write write) {
    std::string out;
    for (const auto& [key, value] : map) {
        const bool bare = key.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                              std::string::npos &&
                          !key.empty();
        out += (out.empty() ? " " : ", ") + (bare ? key : host::to_toml(ParamValue(key))) + " = " +
               write(value);
    }
    return out.empty() ? "{}" : "{" + out + " }";
}

struct Writer {
    std::string operator()(int64_t value) const { return host::to_toml(ParamValue(value)); }
    std::string operator()(double value) const { return host::to_toml(ParamValue(value)); }
    std::string operator()(const std::string& value) const { return text_toml(value); }
    std::string operator()(const std::vector<std::string>& values) const {
        std::string out;
        for (const std::string& value : values) {
            out += (out.empty() ? "" : ", ") + text_toml(value);
        }
        return "[" + out + "]";
    }
    std::string operator()(const std::map<std::string, std::string>& map) const {
        return map_toml(map, text_toml);
    }
    std::string operator()(const std::map<std::string, double>& map) const {
        return map_toml(map, *this);
    }
    std::string operator()(const Inline& params) const { return params.toml; }
};

}  // namespace

std::string param_toml(const ParamValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) {
        return text_toml(*text);
    }
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
        return Writer{}(*texts);
    }
    return host::to_toml(value);
}

std::string to_toml(const Bound& bound) {
    std::string out = title(*bound.section) + "\n";
    for (const Key& key : bound.section->keys) {
        const auto found = bound.values.find(key.name);
        if (found != bound.values.end()) {
            out += std::string(key.name) + " = " + std::visit(Writer{}, found->second) + "\n";
        }
    }
    return out;
}

}  // namespace samara::host::config
