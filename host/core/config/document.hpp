// A TOML document as a plain tree in which every key and value knows where it was written.  It
// knows TOML and the command line's --set, and nothing of which keys exist (schema.hpp).
#pragma once
#include "runtime/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace samara::host::config {

/// A place in the file, or an override (then line 0).
struct Where {
    int64_t override_number = 0;  ///< 1-based number of the --set; 0: the file
    int64_t line = 0, column = 0;
    auto operator<=>(const Where&) const = default;
};

struct Node;
struct Entry;
using Array = std::vector<Node>;
using Table = std::vector<Entry>;  ///< in the order of toml++ (sorted by key)

/// A value.  The last alternative of a value that TOML has and we do not: its name ("a date").
struct Foreign {
    std::string type;
};
struct Node {
    std::variant<bool, int64_t, double, std::string, Array, Table, Foreign> value;
    Where at;
    bool inline_table = false;  ///< a table written as { ... }
    [[nodiscard]] const Table* table() const { return std::get_if<Table>(&value); }
    [[nodiscard]] const Array* array() const { return std::get_if<Array>(&value); }
    [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&value); }
    /// The entry's value, or null; also null when this is no table.
    [[nodiscard]] const Node* find(const std::string& key) const;
};
struct Entry {
    std::string key;
    Where at;  ///< of the key
    Node node;
};

/// "the string "1e-5"", "-0.1", "a table": a value for a message, cut to 60 characters.
std::string shown(const Node& node);

/// TOML text of a value, on one line; reads back as an equal value.
std::string inline_toml(const Node& node);
/// A key as a dotted path writes it: bare, or in quotes.
std::string key_text(const std::string& key);

/// One setting of a document under its dotted path ("objective.0.weight").
struct Leaf {
    std::string path;
    const Node* node = nullptr;
    Where at;  ///< of the key
};
/// All settings, in the order of the file.  `whole`: an inline table is one setting; otherwise its
/// entries are, as are those of a list of tables.
std::vector<Leaf> leaves(const Node& root, bool whole);

/// All that is wrong, to be thrown together.
class Problems {
public:
    /// `places`: what to call the overrides; without, "command line --set #1" and so on.
    explicit Problems(std::string file, std::vector<std::string> places = {})
        : file_(std::move(file)), places_(std::move(places)) {}
    void add(Where at, std::string what, std::string help = "", Code code = Code::config);
    [[nodiscard]] size_t count() const { return found_.size(); }
    /// Whether something was already said of this place.
    [[nodiscard]] bool has(Where at) const;
    /// "conf.toml:3:7" or "command line --set #2".
    [[nodiscard]] std::string text(Where at) const;
    /// Throws one Error with all problems, those of the file first, by line and column.
    void throw_if_any() const;

private:
    std::string file_;
    std::vector<std::string> places_;
    std::vector<std::pair<Where, Problem>> found_;
};

/// Reads the file's bytes.  Throws Error: config (missing, a directory, larger than 1 MiB, empty),
/// io.
std::string read_document(const std::string& file);
/// Parses TOML text; a byte order mark and CRLF are fine.  All duplicate keys are reported; after
/// any other syntax error nothing can be said of the rest: no result.
std::optional<Node> parse_document(const std::string& text, Problems& problems);
/// Applies "train.max_steps=10" number `number` (1-based) to the tree.  A whole list may be
/// replaced (synthesizer=[...]), an entry by its number, and the number after the last appends.
void apply_override(Node& root, const std::string& text, int64_t number, Problems& problems);
/// Replaces ${NAME} in every string by the environment's value; "$${" stands for "${".
void expand_environment(Node& node, const std::string& path, Problems& problems);
/// Refuses NaN and infinities, wherever they stand.
void refuse_non_finite(const Node& node, const std::string& path, Problems& problems);

// ---- between the document's own files ----

constexpr int kMaxDepth = 64;  ///< of tables and arrays
/// First bytes that are no UTF-8 (RFC 3629), as an offset.
std::optional<size_t> find_invalid_utf8(std::string_view text);
/// Where a dotted key passes kMaxDepth: toml++ nests such keys (a.a.a.a = 1) without limit, and
/// trees that deep overflow the stack when they die.
std::optional<size_t> find_deep_key(std::string_view text);
/// One TOML value; false when the text is none (then `error`
/// says why).
bool parse_value(const std::string& text, int64_t override_number, Node& out, std::string& error);

}  // namespace samara::host::config
