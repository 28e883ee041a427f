// json.hpp - a small reader and writer for the JSON that instruction arguments travel in.  Not a
// general library: numbers are int64 or double, objects keep their order, and nesting ends at 32.
// Parsing is strict (RFC 8259), and stricter where the RFC leaves a choice: a repeated key and a
// lone surrogate are refused.
//
//   const samara::Json kwargs = samara::Json::parse(text);    // fails the call when it is no JSON
//   const int64_t n = kwargs.get_integer("num_words");        // fails the call when absent
//   out = samara::Json::object().set("num_words", n + 1).set("relation", "at least").dump();
//
// Equal values give equal texts on every machine: dump() is part of what caches are keyed by.
// Members are compared and written in the order in which they were set, so write them in one order.
//
// Errors  parse() and get_*() fail the current call (core.hpp); everything else is total.
// Threads plain values; try_parse() and dump() need no call and run anywhere.
// Cost    find() and set() look through all members: made for objects with a handful of keys.
// Text    Bytes are passed on as they are; whether they are UTF-8 is not looked at here.
#pragma once
#include "core.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <variant>

namespace samara {

/// One JSON value, which owns everything below it.  Read with the typed getters; build with
/// Json::object() and set().  Pointers that the getters give die when the value changes or dies: do
/// not take them from a temporary.
class Json {
public:
    using List = std::vector<Json>;
    using Members = std::vector<std::pair<std::string, Json>>;
    using Data = std::variant<std::nullptr_t, bool, int64_t, double, std::string, List, Members>;

    // Made implicitly from what it can hold; a default one is null.  Unsigned numbers above
    // 2^63 - 1 wrap, and a char is a number: write "a" for a text.
    Json() : data_(nullptr) {}
    Json(std::nullptr_t) : data_(nullptr) {}
    Json(bool b) : data_(b) {}
    template <std::integral I>
    requires(!std::same_as<I, bool>) Json(I i) : data_(static_cast<int64_t>(i)) {}
    Json(double d) : data_(d) {}
    Json(const char* s) : data_(std::string(s)) {}
    Json(std::string_view s) : data_(std::string(s)) {}
    Json(std::string s) : data_(std::move(s)) {}
    Json(List list) : data_(std::move(list)) {}
    /// An empty object.
    static Json object() {
        Json out;
        out.data_ = Members{};
        return out;
    }

    /// Parses `source`, one value with white space around it; fails the call, quoting the first 80
    /// bytes, when it is no JSON value.  Without exceptions it then gives null.
    static Json parse(std::string_view source) {
        std::optional<Json> value = try_parse(source);
        if (!value) {
            fail("not valid JSON: " + std::string(source.substr(0, 80)));
            return {};
        }
        return std::move(*value);
    }
    /// The same without a call: nothing when it is no JSON value.  Integers that fit in 64 bits are
    /// exact, larger ones become doubles; a number beyond the doubles is refused.
    static std::optional<Json> try_parse(std::string_view source) {
        Reader reader{source};
        Json value;
        if (!reader.value(value, 0)) { return std::nullopt; }
        reader.space();
        return reader.at == source.size() ? std::optional(std::move(value)) : std::nullopt;
    }

    /// What it holds.  A key whose value is null is there: find() gives it.
    bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
    bool is_object() const { return std::holds_alternative<Members>(data_); }
    const Data& data() const { return data_; }

    /// Typed views; nullptr when the value has another type.  integer() is nullptr for 3.0 and 1e2.
    const bool* truth() const { return std::get_if<bool>(&data_); }
    const int64_t* integer() const { return std::get_if<int64_t>(&data_); }
    const std::string* string() const { return std::get_if<std::string>(&data_); }
    const List* list() const { return std::get_if<List>(&data_); }
    const Members* members() const { return std::get_if<Members>(&data_); }
    /// The value as a double; integers count as numbers, texts do not ("3" is no number).
    std::optional<double> number() const {
        if (const int64_t* i = integer()) { return static_cast<double>(*i); }
        const double* d = std::get_if<double>(&data_);
        return d == nullptr ? std::nullopt : std::optional(*d);
    }

    /// Member of an object; nullptr if absent, and for everything that is no object.
    const Json* find(std::string_view key) const {
        if (const Members* all = members()) {
            for (const auto& [name, value] : *all) {
                if (name == key) { return &value; }
            }
        }
        return nullptr;
    }
    /// Required members of kwargs: fail the call when absent or of another type, naming the key,
    /// so that a person reads "argument 'n' must be an integer".  3.0 is no integer.  Without
    /// exceptions they then give 0 or an empty value.
    int64_t get_integer(std::string_view key) const {
        const Json* value = find(key);
        if (value == nullptr || value->integer() == nullptr) {
            fail("argument '" + std::string(key) + "' must be an integer");
            return 0;
        }
        return *value->integer();
    }
    /// Alike; an empty text is a text.
    std::string get_string(std::string_view key) const {
        const Json* value = find(key);
        if (value == nullptr || value->string() == nullptr) {
            fail("argument '" + std::string(key) + "' must be a string");
            return {};
        }
        return *value->string();
    }
    /// Alike; an empty list is a list, one that holds anything but texts is refused.
    std::vector<std::string> get_strings(std::string_view key) const {
        const Json* value = find(key);
        std::vector<std::string> out;
        if (value != nullptr && value->list() != nullptr) {
            for (const Json& item : *value->list()) {
                if (item.string() != nullptr) { out.push_back(*item.string()); }
            }
        }
        if (value == nullptr || value->list() == nullptr || out.size() != value->list()->size()) {
            fail("argument '" + std::string(key) + "' must be a list of strings");
        }
        return out;
    }

    /// Adds or replaces a member (which keeps its place); makes an object of anything else,
    /// whatever it held.  Returns *this, so that calls can be strung together.
    Json& set(std::string key, Json value) {
        if (!is_object()) { data_ = Members{}; }
        for (auto& [name, old] : std::get<Members>(data_)) {
            if (name == key) {
                old = std::move(value);
                return *this;
            }
        }
        std::get<Members>(data_).emplace_back(std::move(key), std::move(value));
        return *this;
    }
    /// Appends to a list; makes a list of anything else.
    Json& push(Json value) {
        if (list() == nullptr) { data_ = List{}; }
        std::get<List>(data_).push_back(std::move(value));
        return *this;
    }

    /// Text on one line, members in their order, ", " and ": " as separators; UTF-8 stays as it is.
    /// A double without fraction is written without a point and is read back as an integer; NaN and
    /// infinity become null.
    ///     Json::object().set("n", 3).set("relation", "at least").dump()
    ///     gives {"n": 3, "relation": "at least"}
    std::string dump() const {
        std::string out;
        write(out);
        return out;
    }
    /// A JSON string literal.
    /// Control characters become escapes; bytes above 0x7f stay, so UTF-8 passes unchanged.
    static std::string quote(std::string_view s) {
        std::string out = "\"";
        for (const char c : s) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out += '\\';
                out += c;
            } else if (c == '\n') {
                out += "\\n";
            } else if (c == '\t') {
                out += "\\t";
            } else if (c == '\r') {
                out += "\\r";
            } else if (byte < 0x20) {
                char code[8];
                std::snprintf(code, sizeof code, "\\u%04x", byte);
                out += code;
            } else {
                out += c;
            }
        }
        return out += '"';
    }

private:
    void write(std::string& out) const {
        if (const bool* b = truth()) {
            out += *b ? "true" : "false";
        } else if (const int64_t* i = integer()) {
            out += std::to_string(*i);
        } else if (const double* d = std::get_if<double>(&data_)) {
            // Shortest text that reads back as the same number, in every locale; JSON has no NaN or
            // infinity.
            char digits[32];
            const auto end = std::to_chars(digits, digits + sizeof digits, *d).ptr;
            out += std::isfinite(*d) ? std::string(digits, end) : "null";
        } else if (const std::string* s = string()) {
            out += quote(*s);
        } else if (const List* items = list()) {
            out += '[';
            for (size_t n = 0; n < items->size(); ++n) {
                out += n == 0 ? "" : ", ";
                (*items)[n].write(out);
            }
            out += ']';
        } else if (const Members* all = members()) {
            out += '{';
            for (size_t n = 0; n < all->size(); ++n) {
                out += (n == 0 ? "" : ", ") + quote((*all)[n].first) + ": ";
                (*all)[n].second.write(out);
            }
            out += '}';
        } else {
            out += "null";
        }
    }

    /// Recursive descent over `s`; every function returns false at the first error.
    struct Reader {
        std::string_view s;
        size_t at = 0;

        void space() {
            while (at < s.size() &&
                   (s[at] == ' ' || s[at] == '\n' || s[at] == '\t' || s[at] == '\r')) {
                ++at;
            }
        }
        bool take(char c) {
            space();
            return at < s.size() && s[at] == c ? (++at, true) : false;
        }
        bool word(std::string_view w) {
            return s.substr(at, w.size()) == w ? (at += w.size(), true) : false;
        }
        bool value(Json& out, int depth) {
            space();
            if (at >= s.size() || depth > 32) { return false; }
            switch (s[at]) {
                case '{': return object(out, depth);
                case '[': return array(out, depth);
                case '"': out.data_ = std::string(); return text(std::get<std::string>(out.data_));
                case 't': out.data_ = true; return word("true");
                case 'f': out.data_ = false; return word("false");
                case 'n': out.data_ = nullptr; return word("null");
                default: return number(out);
            }
        }
        bool object(Json& out, int depth) {
            Members all;
            take('{');
            for (bool first = true; !take('}'); first = false) {
                std::string key;
                Json item;
                if ((!first && !take(',')) || !(space(), text(key)) || !take(':') ||
                    !value(item, depth + 1)) {
                    return false;
                }
                for (const auto& [name, old] : all) {
                    if (name == key) {
                        return false;  // a repeated key has no one meaning
                    }
                }
                all.emplace_back(std::move(key), std::move(item));
            }
            out.data_ = std::move(all);
            return true;
        }
        bool array(Json& out, int depth) {
            List items;
            take('[');
            for (bool first = true; !take(']'); first = false) {
                Json item;
                if ((!first && !take(',')) || !value(item, depth + 1)) { return false; }
                items.push_back(std::move(item));
            }
            out.data_ = std::move(items);
            return true;
        }
        // The grammar of RFC 8259: no leading zero, no bare point.  Integers that fit in 64 bits
        // stay exact, all others become doubles.
        bool number(Json& out) {
            const size_t start = at;
            const auto digits = [&] {
                const size_t from = at;
                while (at < s.size() && s[at] >= '0' && s[at] <= '9') { ++at; }
                return at - from;
            };
            at += at < s.size() && s[at] == '-' ? 1 : 0;
            const size_t first = at;
            const size_t whole = digits();
            bool integral = true;
            if (whole == 0 || (whole > 1 && s[first] == '0')) { return false; }
            if (at < s.size() && s[at] == '.') {
                ++at;
                integral = false;
                if (digits() == 0) { return false; }
            }
            if (at < s.size() && (s[at] == 'e' || s[at] == 'E')) {
                ++at;
                integral = false;
                at += at < s.size() && (s[at] == '+' || s[at] == '-') ? 1 : 0;
                if (digits() == 0) { return false; }
            }
            const char* begin = s.data() + start;
            const char* end = s.data() + at;
            int64_t i = 0;
            if (integral && std::from_chars(begin, end, i).ec == std::errc()) {
                out.data_ = i;
                return true;
            }
            double d = 0;
            const bool good = std::from_chars(begin, end, d).ec == std::errc();
            out.data_ = d;
            return good;
        }
        // Four hexadecimal digits of a \u escape.
        bool hex4(uint32_t& code) {
            if (at + 4 > s.size()) { return false; }
            const auto [end, error] = std::from_chars(s.data() + at, s.data() + at + 4, code, 16);
            const bool good = error == std::errc() && end == s.data() + at + 4;
            at += 4;
            return good;
        }
        // What follows a backslash.
        bool escape(std::string& out) {
            const char c = at < s.size() ? s[at++] : '\0';
            switch (c) {
                case '"':
                case '\\':
                case '/': out += c; return true;
                case 'b': out += '\b'; return true;
                case 'f': out += '\f'; return true;
                case 'n': out += '\n'; return true;
                case 'r': out += '\r'; return true;
                case 't': out += '\t'; return true;
                case 'u': break;
                default: return false;
            }
            uint32_t code = 0;
            if (!hex4(code)) { return false; }
            if (code >= 0xd800 && code < 0xdc00) {  // a pair of surrogates is one code point
                uint32_t low = 0;
                if (!word("\\u") || !hex4(low) || low < 0xdc00 || low > 0xdfff) { return false; }
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            } else if (code >= 0xdc00 && code < 0xe000) {
                return false;
            }
            put_utf8(out, code);
            return true;
        }
        // Appends one code point as one to four bytes.
        static void put_utf8(std::string& out, uint32_t code) {
            if (code < 0x80) {
                out += static_cast<char>(code);
                return;
            }
            const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
            constexpr uint32_t lead[] = {0, 0xc0, 0xe0, 0xf0};
            out += static_cast<char>(lead[tail] | (code >> (6 * tail)));
            for (int n = tail - 1; n >= 0; --n) {
                out += static_cast<char>(0x80 | ((code >> (6 * n)) & 0x3f));
            }
        }
        // A string literal; raw control characters are refused.
        bool text(std::string& out) {
            if (at >= s.size() || s[at] != '"') { return false; }
            for (++at; at < s.size() && s[at] != '"';) {
                const char c = s[at++];
                if (static_cast<unsigned char>(c) < 0x20 || (c == '\\' && !escape(out))) {
                    return false;
                }
                if (c != '\\') { out += c; }
            }
            return at < s.size() ? (++at, true) : false;
        }
    };

    Data data_;
};

}  // namespace samara
