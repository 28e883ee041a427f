// Translates the split patterns of tokenizer files from Oniguruma's Ruby syntax to PCRE2's.
// The accepted subset is what GPT-2, Llama-3, Qwen and GPT-4 style patterns use.  Left out because
// the two differ:
// `.`, `^`, `$` (lines), `\w`, `\b` and `\h`, set operations in classes, flags other than (?i:...),
// `{n}+` and `{n}?`.
#include "lm/text/regex.hpp"

#include <array>
#include <cctype>

namespace samara::host {

namespace {

// White_Space.  PCRE2's own \s would add U+180E, which left the property in Unicode 6.3.
constexpr const char* kSpaces = R"(\t-\r\x{85}\p{Z})";

// General categories; Oniguruma and PCRE2 agree on them up to their Unicode versions.
constexpr std::array<std::string_view, 37> kCategories = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd", "Nl",
    "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk",
    "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Co", "Cn", "Cs"};

class Translator {
public:
    Translator(const std::string& pattern, const JsonField& field)
        : text_(pattern), field_(field) {}

    std::string run() {
        while (at_ < text_.size()) {
            step();
        }
        return out_;
    }

private:
    [[noreturn]] void refuse(const std::string& what) const {
        field_.refuse("regular expression construct " + what + " at character " +
                      std::to_string(at_) + " is not implemented");
    }

    [[nodiscard]] char peek(size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }

    void copy(size_t count) {
        out_.append(text_, at_, count);
        at_ += count;
    }

    void step() {
        switch (peek()) {
            case '\\':
                escape(false);
                break;
            case '[':
                character_class();
                break;
            case '(':
                group();
                break;
            case '{':
                repeat();
                break;
            case '.':
            case '^':
            case '$':
                refuse(std::string("'") + peek() + "'");
            case '\0':
                refuse("NUL");
            default:
                copy(1);
        }
    }

    void escape(bool in_class) {
        const char kind = peek(1);
        if (kind == 'p' || kind == 'P') {
            property();
        } else if (kind == 's') {
            out_ += in_class ? kSpaces : std::string("[") + kSpaces + "]";
            at_ += 2;
        } else if (kind == 'S' && !in_class) {
            out_ += std::string("[^") + kSpaces + "]";
            at_ += 2;
        } else if (kind == 'd') {
            out_ += "\\p{Nd}";
            at_ += 2;
        } else if (kind == 'r' || kind == 'n' || kind == 't' || std::ispunct(kind)) {
            copy(2);
        } else {
            refuse(text_.substr(at_, 2) + (in_class ? " inside a class" : ""));
        }
    }

    void property() {
        const size_t close = text_.find('}', at_);
        if (peek(2) != '{' || close == std::string::npos) {
            refuse("'\\p' without braces");
        }
        const std::string name = text_.substr(at_ + 3, close - at_ - 3);
        for (const std::string_view known : kCategories) {
            if (name == known) {
                copy(close + 1 - at_);
                return;
            }
        }
        refuse("'\\p{" + name + "}'");
    }

    void character_class() {
        copy(1);
        if (peek() == '^') {
            copy(1);
        }
        if (peek() == ']') {
            refuse("']' at the start of a class");
        }
        while (peek() != ']') {
            if (peek() == '\0') {
                refuse("class without an end");
            }
            if (peek() == '[' || (peek() == '&' && peek(1) == '&')) {
                refuse("nested class");
            }
            if (peek() == '\\') {
                escape(true);
            } else {
                copy(1);
            }
        }
        copy(1);
    }

    void group() {
        if (text_.compare(at_, 4, "(?i:") == 0) {
            const size_t close = text_.find(')', at_);
            for (size_t i = at_ + 4; i < close && close != std::string::npos; ++i) {
                const auto byte = static_cast<unsigned char>(text_[i]);
                if (std::isalpha(byte) == 0 && byte != '\'' && byte != '|') {
                    refuse("'(?i:' around more than letters");
                }
            }
            copy(4);
            return;
        }
        if (peek(1) != '?') {
            copy(1);
            return;
        }
        if (peek(2) != ':' && peek(2) != '=' && peek(2) != '!' && peek(2) != '>') {
            refuse(std::string("'").append(text_, at_, 4) + "'");
        }
        copy(3);
    }

    void repeat() {
        size_t end = at_ + 1;
        size_t commas = 0;
        while (end < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[end])) != 0 ||
                                      (text_[end] == ',' && end > at_ + 1 && ++commas == 1))) {
            ++end;
        }
        const char next = end + 1 < text_.size() ? text_[end + 1] : '\0';
        if (end >= text_.size() || text_[end] != '}' || end == at_ + 1 || next == '+' ||
            next == '?') {
            refuse("'{' other than {n}, {n,} and {n,m}");
        }
        copy(end + 1 - at_);
    }

    const std::string& text_;
    const JsonField& field_;
    size_t at_ = 0;
    std::string out_;
};

}  // namespace

std::string to_pcre2(const std::string& pattern, const JsonField& field) {
    return Translator(pattern, field).run();
}

}  // namespace samara::host
