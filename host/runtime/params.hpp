// Parameters of plugins: values bound to what a descriptor declares (samara_param).  No TOML here:
// the caller brings plain values; defaults are read from the descriptor's TOML text by a small
// reader for scalars and flat arrays.
#pragma once
#include <samara/samara.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace samara::host {

/// monostate: optional and absent.
using ParamValue = std::variant<std::monostate,
                                bool,
                                int64_t,
                                double,
                                std::string,
                                std::vector<int64_t>,
                                std::vector<double>,
                                std::vector<std::string>>;

/// One value per declared parameter, in declared order.  Owns what samara_value points at.
class BoundParams {
public:
    BoundParams() = default;
    explicit BoundParams(std::vector<std::pair<std::string, ParamValue>> values)
        : values_(std::move(values)) {}
    [[nodiscard]] const std::vector<std::pair<std::string, ParamValue>>& values() const {
        return values_;
    }
    /// Views for the ABI; valid while this object lives and is not moved.
    /// `scratch` holds the string lists of the result.
    [[nodiscard]] std::vector<samara_value> abi(
        std::vector<std::vector<samara_str>>& scratch) const;
    /// Canonical text, the same on every machine: `beta=0.1;count=[1,3]`.  Part of cache keys and
    /// the resolved config.
    [[nodiscard]] std::string canonical() const;

private:
    std::vector<std::pair<std::string, ParamValue>> values_;
};

/// What is wrong with one given parameter.
struct ParamIssue {
    std::string key;
    std::string what;  ///< "unknown key 'betta'", "expected a float in (0, inf), got -0.1"
    std::string help;  ///< nearest key, or empty
};

/// Binds `given` to the descriptor's parameters: types (an integer is accepted for a float),
/// ranges, choices, defaults, unknown and missing keys.  Returns all issues; `out` is complete when
/// there is none.
std::vector<ParamIssue> bind_params(const samara_plugin& plugin,
                                    const std::map<std::string, ParamValue>& given,
                                    BoundParams& out);

/// The key of `known` nearest to `key` by edit distance, or empty when none is near.
std::string nearest_key(const std::string& key, const std::vector<std::string>& known);

/// TOML text of a value ("0.1", "[\"a\", \"b\"]").
std::string to_toml(const ParamValue& value);

/// The value of a TOML scalar or flat array; nothing when `text` is none.
std::optional<ParamValue> from_toml(const std::string& text);

}  // namespace samara::host
