// Strict JSON rows over nlohmann's event parser; see json_row.hpp.
#include "core/data/json_row.hpp"

#include <iterator>

namespace samara::host {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDepth = 64;       // nesting; deeper rows are refused, never recursed into
constexpr size_t kExcerptChars = 80;   // reliability.md, case 16
constexpr size_t kExcerptBefore = 30;  // of those, before the place

// An input iterator that tells how far the parser has read: its events carry no positions.
class Cursor {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;
    Cursor(const char* at, const char** read) : at_(at), read_(read) {}
    reference operator*() const { return *at_; }
    Cursor& operator++() {
        *read_ = ++at_;
        return *this;
    }
    Cursor operator++(int) {
        Cursor old = *this;
        ++*this;
        return old;
    }
    bool operator==(const Cursor& other) const { return at_ == other.at_; }
    bool operator!=(const Cursor& other) const { return at_ != other.at_; }

private:
    const char* at_;
    const char** read_;
};

// "[json.exception...] parse error at line 1, column 9: REASON - DETAIL; last read: '...'; expected
// X" without the position (it is ours to tell) and without the text that was read (it may be 64
// MB).
std::string plain_reason(const std::string& what) {
    if (what.find("out_of_range") != std::string::npos) {
        return "a number is too large";
    }
    const size_t column = what.find("column ");
    const size_t begin = column == std::string::npos ? 0 : what.find(": ", column) + 2;
    const size_t read = what.find("; last read: ", begin);
    std::string reason = what.substr(begin, read == std::string::npos ? read : read - begin);
    const size_t expected = what.rfind("; expected ");
    if (read != std::string::npos && expected != std::string::npos && expected > read) {
        reason += what.substr(expected);
    }
    return reason;
}

class Builder final : public nlohmann::json_sax<Json> {
public:
    Builder(std::string_view line, bool last, const char* const* read, JsonRow& row)
        : line_(line), last_(last), read_(read), row_(row) {}

    bool null() override { return place(nullptr); }
    bool boolean(bool value) override { return place(value); }
    bool number_integer(int64_t value) override { return place(value); }
    bool number_unsigned(uint64_t value) override { return place(value); }
    bool number_float(double value, const std::string& text) override {
        // nlohmann turns integers beyond 64 bits into doubles without a word.
        if (text.find_first_of(".eE") == std::string::npos) {
            throw BadRow{"an integer is too large for 64 bits", here(), ""};
        }
        return place(value);
    }
    bool string(std::string& value) override {
        refuse_nul(value);
        return place(std::move(value));
    }
    bool binary(Json::binary_t&) override { return false; }  // not in JSON text
    bool start_object(size_t) override { return open(Json::object()); }
    bool start_array(size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& name) override {
        refuse_nul(name);
        const size_t offset = opening_quote();
        if (open_.back()->contains(name)) {
            throw BadRow{"duplicate key '" + excerpt(name, 0) + "'", offset, ""};
        }
        if (open_.size() == 1) {
            row_.offsets[name] = offset;
        }
        key_ = std::move(name);
        return true;
    }

    bool parse_error(size_t position,
                     const std::string&,
                     const nlohmann::detail::exception& error) override {
        const bool at_end = position > line_.size();
        if (at_end && last_) {
            throw BadRow{
                "the last line ends in the middle of a JSON value: the file is probably truncated",
                line_.size(),
                "its writer or a download was interrupted: get the file again"};
        }
        const std::string reason = plain_reason(error.what());
        throw BadRow{"malformed JSON: " + reason,
                     position > 0 ? position - 1 : 0,
                     at_end ? "one whole JSON object per line" : ""};
    }

private:
    template <class Value>
    bool place(Value&& value) {
        add(Json(std::forward<Value>(value)));
        return true;
    }

    Json* add(Json value) {
        if (open_.empty()) {
            row_.object = std::move(value);
            return &row_.object;
        }
        Json& parent = *open_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        return &(parent[key_] = std::move(value));
    }

    bool open(Json empty) {
        if (open_.size() == kMaxDepth) {
            throw BadRow{"nested deeper than " + std::to_string(kMaxDepth) + " levels", here(), ""};
        }
        open_.push_back(add(std::move(empty)));
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    [[nodiscard]] size_t here() const {
        const auto read = static_cast<size_t>(*read_ - line_.data());
        return read > 0 ? read - 1 : 0;
    }

    // Of the string whose closing quote was read last.
    [[nodiscard]] size_t opening_quote() const {
        size_t at = here();
        while (at > 0) {
            --at;
            size_t slashes = 0;
            while (slashes < at && line_[at - 1 - slashes] == '\\') {
                ++slashes;
            }
            if (line_[at] == '"' && slashes % 2 == 0) {
                return at;
            }
        }
        return 0;
    }

    void refuse_nul(const std::string& value) const {
        if (value.find('\0') != std::string::npos) {
            throw BadRow{"a string holds the character U+0000", opening_quote(), ""};
        }
    }

    std::string_view line_;
    bool last_;
    const char* const* read_;
    JsonRow& row_;
    std::vector<Json*> open_;  // containers being filled, outermost first
    std::string key_;
};

}  // namespace

JsonRow parse_row(std::string_view line, bool last) {
    JsonRow row;
    const char* read = line.data();
    Builder builder(line, last, &read, row);
    Json::sax_parse(Cursor(line.data(), &read),
                    Cursor(line.data() + line.size(), &read),
                    &builder,
                    nlohmann::detail::input_format_t::json,
                    true);
    if (!row.object.is_object()) {
        throw BadRow{std::string("a row must be a JSON object, not ") +
                         (row.object.is_array() ? "an array" : "a single value"),
                     0,
                     "JSONL holds one object per line"};
    }
    return row;
}

size_t utf8_length(std::string_view text, size_t at) {
    const auto byte = [&](size_t n) {
        return at + n < text.size() ? static_cast<unsigned char>(text[at + n]) : 0U;
    };
    const unsigned first = byte(0);
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : first >= 0xe0 && first < 0xf0 ? 3
                          : first >= 0xf0 && first < 0xf5 ? 4
                                                          : 0;
    for (size_t n = 1; n < length; ++n) {
        if ((byte(n) & 0xc0U) != 0x80) {
            return 0;
        }
    }
    return length;
}

size_t column_of(std::string_view line, size_t offset) {
    size_t column = 1;
    for (size_t at = 0; at < std::min(offset, line.size()); ++at) {
        column += (static_cast<unsigned char>(line[at]) & 0xc0U) != 0x80 ? 1 : 0;
    }
    return column;
}

std::string excerpt(std::string_view line, size_t offset) {
    size_t at = std::min(offset, line.size());
    for (size_t back = 0; back < kExcerptBefore && at > 0; ++back) {
        --at;
        while (at > 0 && (static_cast<unsigned char>(line[at]) & 0xc0U) == 0x80) {
            --at;
        }
    }
    std::string out;
    for (size_t chars = 0; chars < kExcerptChars && at < line.size(); ++chars) {
        const size_t length = utf8_length(line, at);
        const auto byte = static_cast<unsigned char>(line[at]);
        if (length == 0 || byte < 0x20 || byte == 0x7f) {
            out += length == 0 ? "?" : " ";
            ++at;
            continue;
        }
        out += line.substr(at, length);
        at += length;
    }
    return out;
}

}  // namespace samara::host
