// Text forms of parameters: TOML of defaults read, TOML and canonical text written; see params.hpp.
#include "runtime/params.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <utility>

namespace samara::host {
namespace {

std::string item_text(double value) {
    if (std::isnan(value)) {
        return "nan";
    }
    if (std::isinf(value)) {
        return value < 0 ? "-inf" : "inf";
    }
    char digits[32];
    // Shortest text that reads back as the same number, in every locale.
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    std::string text(digits, static_cast<size_t>(end - digits));
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string quote(const std::string& s) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : s) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string item_text(bool v) {
    return v ? "true" : "false";
}
std::string item_text(int64_t v) {
    return std::to_string(v);
}
std::string item_text(const std::string& v) {
    return quote(v);
}
std::string item_text(std::monostate) {
    return "";
}

template <class T>
std::string list_text(const std::vector<T>& items, const char* comma) {
    std::string out = "[";
    for (size_t i = 0; i < items.size(); ++i) {
        out += (i == 0 ? "" : comma) + item_text(items[i]);
    }
    return out + "]";
}

std::string value_text(const ParamValue& value, const char* comma) {
    return std::visit(
        [&](const auto& v) {
            if constexpr (requires { v.begin(); } &&
                          !std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
                return list_text(v, comma);
            } else {
                return item_text(v);
            }
        },
        value);
}

/// A reader for TOML scalars and flat arrays: the text of defaults.
class TomlReader {
public:
    explicit TomlReader(std::string_view text) : s_(text) {}
    /// The whole text as one value; nothing when it is none.
    std::optional<ParamValue> read() {
        std::optional<ParamValue> value = peek() == '[' ? list() : scalar();
        space();
        return at_ == s_.size() ? value : std::nullopt;
    }

private:
    char peek() {
        space();
        return at_ < s_.size() ? s_[at_] : '\0';
    }
    void space() {
        while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\n' || s_[at_] == '\t')) {
            ++at_;
        }
    }
    std::optional<ParamValue> scalar() {
        const char c = peek();
        if (c == '"' || c == '\'') {
            return string(c);
        }
        const size_t end = std::min(s_.find_first_of(",] \n\t", at_), s_.size());
        std::string word(s_.substr(at_, end - at_));
        at_ = end;
        if (word == "true" || word == "false") {
            return word == "true";
        }
        std::erase(word, '_');
        const char* first = word.data() + (word.starts_with('+') ? 1 : 0);
        const char* last = word.data() + word.size();
        int64_t i = 0;
        if (const auto r = std::from_chars(first, last, i); r.ec == std::errc() && r.ptr == last) {
            return i;
        }
        double d = 0;
        const auto r = std::from_chars(first, last, d);
        return r.ec == std::errc() && r.ptr == last && first != last ? std::optional<ParamValue>(d)
                                                                     : std::nullopt;
    }
    std::optional<ParamValue> string(char quote_char) {
        std::string out;
        for (++at_; at_ < s_.size() && s_[at_] != quote_char; ++at_) {
            if (s_[at_] != '\\' || quote_char == '\'') {
                out += s_[at_];
                continue;
            }
            const char c = ++at_ < s_.size() ? s_[at_] : '\0';
            if (c != '"' && c != '\\' && c != 'n' && c != 't') {
                return std::nullopt;
            }
            out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        return at_++ < s_.size() ? std::optional<ParamValue>(out) : std::nullopt;
    }
    std::optional<ParamValue> list() {
        std::vector<ParamValue> items;
        for (++at_; peek() != ']';) {
            std::optional<ParamValue> item = scalar();
            if (!item || (peek() != ',' && peek() != ']')) {
                return std::nullopt;
            }
            items.push_back(std::move(*item));
            at_ += peek() == ',' ? 1 : 0;
        }
        ++at_;
        return joined(items);
    }
    /// One list type for all items; integers become floats beside floats.
    static std::optional<ParamValue> joined(const std::vector<ParamValue>& items) {
        std::vector<int64_t> ints;
        std::vector<double> floats;
        std::vector<std::string> strings;
        for (const ParamValue& item : items) {
            if (const auto* i = std::get_if<int64_t>(&item)) {
                ints.push_back(*i);
                floats.push_back(static_cast<double>(*i));
            } else if (const auto* d = std::get_if<double>(&item)) {
                floats.push_back(*d);
            } else if (const auto* s = std::get_if<std::string>(&item)) {
                strings.push_back(*s);
            }
        }
        if (ints.size() == items.size()) {
            return ints;
        }
        if (floats.size() == items.size()) {
            return floats;
        }
        return strings.size() == items.size() ? std::optional<ParamValue>(strings) : std::nullopt;
    }
    std::string_view s_;
    size_t at_ = 0;
};

}  // namespace

std::optional<ParamValue> from_toml(const std::string& text) {
    return TomlReader(text).read();
}

std::string to_toml(const ParamValue& value) {
    return value_text(value, ", ");
}

std::string BoundParams::canonical() const {
    std::string out;
    for (const auto& [key, value] : values_) {
        if (!std::holds_alternative<std::monostate>(value)) {
            out += (out.empty() ? "" : ";") + key + "=" + value_text(value, ",");
        }
    }
    return out;
}

}  // namespace samara::host
