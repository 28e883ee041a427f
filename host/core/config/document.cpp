// TOML text to the tree of document.hpp.  The only file that includes toml++, which it compiles in
// place so that the nesting limit is ours: the packaged library's 256 levels overflow the stack
// under sanitizers.
#undef TOML_HEADER_ONLY  // the package asks for its shared library
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_MAX_NESTED_VALUES 64
// Some malformed texts ("[=x]") run into toml++'s assertions, which a user must never reach.
#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? void() : samara::host::config::give_up())
#include "core/config/document.hpp"

namespace samara::host::config {
namespace {
struct ParserGaveUp {};
[[noreturn]] void give_up() {
    throw ParserGaveUp{};
}
}  // namespace
}  // namespace samara::host::config

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace samara::host::config {
namespace {

constexpr int kMaxDuplicates = 100;  // then the file is no configuration

Where place(const toml::source_region& region, int64_t override_number) {
    if (override_number > 0) {
        return Where{override_number, 0, 0};
    }
    return Where{0, region.begin.line, region.begin.column};
}

Node convert(const toml::node& from, Where fallback, int64_t number);

Table convert_table(const toml::table& from, Where fallback, int64_t number) {
    Table table;
    for (auto&& [key, value] : from) {
        const Where at = key.source().begin ? place(key.source(), number) : fallback;
        table.push_back(Entry{std::string(key.str()), at, convert(value, at, number)});
    }
    return table;
}

// Recursion is bounded by kMaxDepth, which was checked on the text.
Node convert(const toml::node& from, Where fallback, int64_t number) {
    Node node;
    node.at = from.source().begin ? place(from.source(), number) : fallback;
    switch (from.type()) {
        case toml::node_type::boolean:
            node.value = from.as_boolean()->get();
            break;
        case toml::node_type::integer:
            node.value = from.as_integer()->get();
            break;
        case toml::node_type::floating_point:
            node.value = from.as_floating_point()->get();
            break;
        case toml::node_type::string:
            node.value = from.as_string()->get();
            break;
        case toml::node_type::table:
            node.value = convert_table(*from.as_table(), node.at, number);
            node.inline_table = from.as_table()->is_inline();
            break;
        case toml::node_type::array: {
            Array array;
            for (const toml::node& element : *from.as_array()) {
                array.push_back(convert(element, node.at, number));
            }
            node.value = std::move(array);
            break;
        }
        case toml::node_type::date:
            node.value = Foreign{"a date"};
            break;
        case toml::node_type::time:
            node.value = Foreign{"a time"};
            break;
        default:
            node.value = Foreign{"a date and time"};
            break;
    }
    return node;
}

std::string_view line_of(std::string_view text, int64_t line) {
    size_t begin = 0;
    for (int64_t n = 1; n < line && begin != std::string_view::npos; ++n) {
        const size_t end = text.find('\n', begin);
        begin = end == std::string_view::npos ? text.size() : end + 1;
    }
    return text.substr(begin, text.find('\n', begin) - begin);
}

Where position_of(std::string_view text, size_t offset) {
    Where at{0, 1, 1};
    for (size_t i = 0; i < offset; ++i) {
        if (text[i] == '\n') {
            ++at.line;
            at.column = 1;
        } else if ((text[i] & 0xc0) != 0x80) {
            ++at.column;
        }
    }
    return at;
}

void add_syntax_error(std::string_view text, const toml::parse_error& error, Problems& problems) {
    const Where at = place(error.source(), 0);
    const std::string what(error.description());
    std::string line(line_of(text, at.line));
    // Long lines are cut around the error; the caret stands below it.
    const auto column = static_cast<size_t>(std::max<int64_t>(at.column, 1));
    const size_t from = column > 60 ? column - 60 : 0;
    line = line.size() > from ? line.substr(from, 80) : "";
    line.erase(std::find_if(line.begin(), line.end(), [](char c) { return c == '\r'; }),
               line.end());
    std::string help;
    if (what.find("string") != std::string::npos) {
        help = "is a closing quote missing?";
    } else if (what.find("saw") != std::string::npos && what.find("value") != std::string::npos) {
        help = "text values need quotes";
    }
    problems.add(at,
                 "syntax error: " + what + "\n    " + line + "\n    " +
                     std::string(column - 1 - std::min(from, column - 1), ' ') + "^",
                 help);
}

// Parses, and makes one kind of error of everything that can go wrong.
toml::table parse_text(std::string_view text) {
    const auto gives_up = [&](std::string_view part) {
        try {
            (void)toml::parse(part);
        } catch (const toml::parse_error&) {
        } catch (const ParserGaveUp&) {
            return true;
        }
        return false;
    };
    try {
        return toml::parse(text);
    } catch (const ParserGaveUp&) {
    }
    // It carries no place.  Reading is sequential: from the guilty line on every longer prefix
    // fails.
    int64_t first = 1, last = 1 + std::count(text.begin(), text.end(), '\n');
    while (first < last) {
        const int64_t middle = (first + last) / 2;
        const std::string_view end = line_of(text, middle);
        const bool fails =
            gives_up(text.substr(0, static_cast<size_t>(end.data() - text.data()) + end.size()));
        first = fails ? first : middle + 1;
        last = fails ? middle : last;
    }
    const auto line = static_cast<toml::source_index>(first);
    throw toml::parse_error("this line cannot be read", toml::source_position{line, 1});
}

// Follows the only path of `probe` (a document with one key) in `document`; the position of its
// first key there.
const toml::key* find_first(const toml::table& document,
                            const toml::table& probe,
                            std::string& path) {
    const toml::table* in = &document;
    const toml::table* way = &probe;
    while (!way->empty()) {
        const auto step = way->begin();
        const std::string_view key = step->first.str();
        const toml::node& value = step->second;
        const auto found = in->find(key);
        path += (path.empty() ? "" : ".") + std::string(key);
        if (found == in->end()) {
            return nullptr;
        }
        const toml::table* deeper = value.as_table();
        const toml::array* list = value.as_array();
        if (list != nullptr && list->is_array_of_tables()) {
            deeper = list->back().as_table();
        }
        const toml::node& old = found->second;
        const bool leaf = deeper == nullptr || deeper->empty();
        const toml::table* next = old.as_table();
        if (old.is_array_of_tables()) {
            next = old.as_array()->back().as_table();
        }
        if (leaf || next == nullptr) {
            return &found->first;
        }
        in = next;
        way = deeper;
    }
    return nullptr;
}

// Reports a duplicate with both places and blanks its lines, so that parsing can go on.  False: it
// cannot.
bool take_out_duplicate(std::string& text, const toml::parse_error& error, Problems& problems) {
    const std::string_view description = error.description();
    if (description.find("cannot redefine") == std::string_view::npos) {
        return false;
    }
    const auto line = static_cast<int64_t>(error.source().begin.line);
    const auto begin = static_cast<size_t>(line_of(text, line).data() - text.data());
    const std::string before = text.substr(0, begin);
    // The table that the line belongs to: the last header above it.
    std::string header;
    for (int64_t n = 1; n < line; ++n) {
        const std::string_view above = line_of(before, n);
        const size_t first = above.find_first_not_of(" \t");
        if (first != std::string_view::npos && above[first] == '[' &&
            above.find('=') == std::string_view::npos) {
            header = std::string(above);
        }
    }
    const size_t first = text.find_first_not_of(" \t", begin);
    const bool is_header = text[first] == '[';
    size_t end = begin;
    for (int lines = 0; lines < 50 && end < text.size(); ++lines) {  // the value may span lines
        end = std::min(text.find('\n', end), text.size() - 1) + 1;
        try {
            const toml::table old = parse_text(before);
            const toml::table probe =
                toml::parse(is_header ? text.substr(begin, end - begin)
                                      : header + "\n" + text.substr(begin, end - begin));
            std::string path;
            const toml::key* key = find_first(old, probe, path);
            const Where at{0, line, static_cast<int64_t>(first - begin) + 1};
            const Where other = key != nullptr ? place(key->source(), 0) : at;
            problems.add(
                at,
                (is_header ? "table [" + path + "]" : "key '" + path + "'") + " is given twice",
                "first given at " + problems.text(other) + "; keep one of them");
            std::replace_if(
                text.begin() + static_cast<int64_t>(begin),
                text.begin() + static_cast<int64_t>(end),
                [](char c) { return c != '\n'; },
                ' ');
            return !is_header;  // the keys below a second header would change their table
        } catch (const toml::parse_error&) {  // not yet a whole statement
        }
    }
    return false;
}

}  // namespace

std::optional<Node> parse_document(const std::string& original, Problems& problems) {
    const bool bom = original.starts_with("\xef\xbb\xbf");
    std::string text = bom ? original.substr(3) : original;
    const auto fail = [&](size_t offset, const std::string& what, const std::string& help) {
        problems.add(position_of(text, offset), what, help);
        return std::optional<Node>();
    };
    if (const auto bad = find_invalid_utf8(text)) {
        static constexpr char kHex[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(text[*bad]);
        return fail(
            *bad,
            std::string("byte 0x") + kHex[byte >> 4] + kHex[byte & 15] + " is not valid UTF-8",
            "save the file as UTF-8");
    }
    if (const auto deep = find_deep_key(text)) {
        return fail(*deep, "a key nests deeper than " + std::to_string(kMaxDepth) + " levels", "");
    }
    for (int attempt = 0; attempt < kMaxDuplicates; ++attempt) {
        try {
            return convert(parse_text(text), Where{0, 1, 1}, 0);
        } catch (const toml::parse_error& error) {
            const size_t count = problems.count();
            if (take_out_duplicate(text, error, problems)) {
                continue;
            }
            if (problems.count() == count) {
                add_syntax_error(text, error, problems);
            }
            break;
        }
    }
    return std::nullopt;
}

bool parse_value(const std::string& text, int64_t override_number, Node& out, std::string& error) {
    if (find_invalid_utf8(text)) {
        error = "not valid UTF-8";
        return false;
    }
    if (find_deep_key(text)) {
        error = "nests too deeply";
        return false;
    }
    try {
        const toml::table table = parse_text("value = " + text);
        if (table.size() != 1) {
            error = "more than one value";
            return false;
        }
        out = convert(*table.get("value"), Where{override_number, 0, 0}, override_number);
        return true;
    } catch (const toml::parse_error& problem) {
        error = std::string(problem.description());
        return false;
    }
}

}  // namespace samara::host::config
