// Checks one section of a document against the schema and gives its values, defaults filled in.  It
// knows types and ranges; what keys mean together is config.cpp's business.
#pragma once
#include "core/config/document.hpp"
#include "core/config/schema.hpp"
#include "runtime/params.hpp"

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace samara::host::config {

/// TOML text of a plugin's parameters.
struct Inline {
    std::string toml = "{}";
};
using Value = std::variant<int64_t,
                           double,
                           std::string,
                           std::vector<std::string>,
                           std::map<std::string, std::string>,
                           std::map<std::string, double>,
                           Inline>;

/// A checked section.  After a problem its values are the defaults, so that checking can go on.
struct Bound {
    const Section* section = nullptr;
    const Node* node = nullptr;  ///< null: not in the document
    std::string path;            ///< "train", "objective.0"
    Where at;                    ///< of the section, else of nothing
    std::map<std::string, Value> values;
    std::map<std::string, Where>
        given;  ///< place of the value of every key that stands in the document

    template <class T>
    [[nodiscard]] const T& get(const std::string& key) const {
        return std::get<T>(values.at(key));
    }
    [[nodiscard]] const std::string& text(const std::string& key) const {
        return get<std::string>(key);
    }
    [[nodiscard]] int64_t integer(const std::string& key) const { return get<int64_t>(key); }
    [[nodiscard]] double number(const std::string& key) const { return get<double>(key); }
    /// Where to point for a key: its value, else the section.
    [[nodiscard]] Where where(const std::string& key) const;
};

/// `params`: the keys that the section's plugin declares, for help with unknown keys.
Bound bind_section(const Section& section,
                   const Node* node,
                   const std::string& path,
                   Problems& problems,
                   const std::vector<std::string>& params = {});
/// The parameter keys of the plugin that an entry names.
using ParamsOf = std::function<std::vector<std::string>(const Node&)>;
/// Every entry of a [[list]].  `parent`: the node that holds it (the document, or an [[eval]]).
std::vector<Bound> bind_list(const Section& section,
                             const Node& parent,
                             const std::string& prefix,
                             Problems& problems,
                             const ParamsOf& params_of);
/// Unknown sections, and keys outside of any.
void check_top_level(const Node& root, Problems& problems);

/// Where an unknown key belongs: another section, a near name here, a near name elsewhere; or
/// empty.
std::string suggest(const std::string& key,
                    const Section& here,
                    const std::vector<std::string>& params = {});
/// A plugin parameter as TOML, a literal "${" escaped as documents demand.
std::string param_toml(const ParamValue& value);
/// "[train]\nepochs = 1.0\n...": the section with all its values.
std::string to_toml(const Bound& bound);

}  // namespace samara::host::config
