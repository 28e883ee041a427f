// The table of all configuration keys: type, range, default, meaning.  docs/config.md is printed
// from it, and bind.hpp checks files against it.  Parameters of plugins are not here: their
// descriptors declare them.
#pragma once
#include <limits>
#include <string>
#include <vector>

namespace samara::host::config {

/// What a key holds.  params: the parameters of the plugin named beside it.
enum class Type { text, integer, number, texts, text_map, number_map, params };

struct Key {
    const char* name;
    Type type;
    const char* fallback;  ///< TOML text; "" : nothing unless given; null: must be given
    const char* doc;
    double min = -std::numeric_limits<double>::infinity();
    double max = std::numeric_limits<double>::infinity();
    bool open_min = false;          ///< min itself is out of range
    const char* choices = nullptr;  ///< "a|b"; of a text_map: its keys
    const char* later = nullptr;    ///< choices that are planned but not in this version
};

struct Section {
    const char* name;  ///< "train", "eval.synthesizer"
    bool list;         ///< [[name]], any number of them
    std::vector<Key> keys;
    const char* doc;
    [[nodiscard]] const Key* find(const std::string& key) const;
};

/// In the order of the documentation and of resolved configurations.
const std::vector<Section>& schema();
/// Throws std::out_of_range for a name that is not in the schema (a bug of ours).
const Section& section(const std::string& name);

/// "a|b" to its parts.
std::vector<std::string> split_choices(const char* choices);
/// "a float in (0, inf)", "one of 'cpu', 'cuda'", "an array of strings".
std::string expected(const Key& key);
/// "[train]", "[[eval]]".
std::string title(const Section& section);

}  // namespace samara::host::config
