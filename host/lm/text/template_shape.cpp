// See template_shape.hpp.
#include "lm/text/template_shape.hpp"

#include <cctype>

namespace samara::host {

namespace {

struct Token {
    enum class Kind { name, string, sign } kind;
    std::string text;
};

bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string read_string(const std::string& code, size_t& at) {
    const char quote = code[at++];
    std::string text;
    while (at < code.size() && code[at] != quote) {
        if (code[at] != '\\') {
            text.push_back(code[at++]);
            continue;
        }
        const char kind = at + 1 < code.size() ? code[at + 1] : '\0';
        switch (kind) {
            case 'n':
                text.push_back('\n');
                break;
            case 't':
                text.push_back('\t');
                break;
            case 'r':
                text.push_back('\r');
                break;
            case '\\':
            case '\'':
            case '"':
                text.push_back(kind);
                break;
            default:
                throw std::string("an escape in a string: \\") + kind;
        }
        at += 2;
    }
    if (at >= code.size()) {
        throw std::string("a string without an end");
    }
    ++at;
    return text;
}

std::vector<Token> tokens_of(const std::string& code) {
    std::vector<Token> tokens;
    for (size_t at = 0; at < code.size();) {
        const char c = code[at];
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            ++at;
        } else if (c == '\'' || c == '"') {
            tokens.push_back({Token::Kind::string, read_string(code, at)});
        } else if (is_name(c)) {
            size_t end = at;
            while (end < code.size() && is_name(code[end])) {
                ++end;
            }
            tokens.push_back({Token::Kind::name, code.substr(at, end - at)});
            at = end;
        } else {
            const bool two = at + 1 < code.size() && code[at + 1] == '=' &&
                             (c == '=' || c == '!' || c == '<' || c == '>');
            tokens.push_back({Token::Kind::sign, code.substr(at, two ? 2 : 1)});
            at += two ? 2 : 1;
        }
    }
    return tokens;
}

// `a.b` between two names becomes `a["b"]`, except for Jinja's own `loop`, whose fields are
// attributes.
void index_attributes(std::vector<Token>& tokens) {
    for (size_t i = 1; i + 1 < tokens.size(); ++i) {
        if (tokens[i].text == "." && tokens[i].kind == Token::Kind::sign &&
            tokens[i - 1].text != "loop" && tokens[i + 1].kind == Token::Kind::name) {
            tokens[i].text = "[";
            tokens[i + 1].kind = Token::Kind::string;
            tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 2,
                          {Token::Kind::sign, "]"});
        }
    }
}

std::string spell(const std::vector<Token>& tokens, size_t begin, size_t end) {
    std::string out;
    for (size_t i = begin; i < end; ++i) {
        out += i > begin ? " " : "";
        out += tokens[i].kind == Token::Kind::string ? '"' + tokens[i].text + '"' : tokens[i].text;
    }
    return out;
}

class Shaper {
public:
    explicit Shaper(const std::string& source) : source_(source) {}

    std::vector<TemplatePart> run() {
        size_t at = 0;
        while (at < source_.size()) {
            const size_t open = next_tag(at);
            std::string text = source_.substr(at, open - at);
            if (strip_next_) {
                text.erase(0, text.find_first_not_of(" \t\r\n"));
            } else if (trim_newline_ && !text.empty() && text[0] == '\n') {
                text.erase(0, 1);
            }
            strip_next_ = trim_newline_ = false;
            at = open < source_.size() ? tag(open, text) : open;
            if (open >= source_.size()) {
                // Jinja drops one newline at the very end (keep_trailing_newline is off).
                if (!text.empty() && text.back() == '\n') {
                    text.pop_back();
                }
                print(text);
            }
        }
        return std::move(parts_);
    }

private:
    size_t next_tag(size_t at) const {
        for (; at + 1 < source_.size(); ++at) {
            const char next = source_[at + 1];
            if (source_[at] == '{' && (next == '{' || next == '%' || next == '#')) {
                return at;
            }
        }
        return source_.size();
    }

    // Reads the tag at `open`; prints `before` with the white space that the tag leaves of it.
    size_t tag(size_t open, std::string before) {
        const char kind = source_[open + 1];
        const std::string closing = kind == '{' ? "}}" : std::string(1, kind) + "}";
        const size_t close = find_close(open + 2, closing, kind == '#');
        size_t begin = open + 2;
        size_t end = close;
        const bool strip = source_[begin] == '-';
        if (strip) {
            before.erase(before.find_last_not_of(" \t\r\n") + 1);
        } else if (kind != '{' && source_[begin] != '+') {
            strip_line_start(before, open);
        }
        if (strip || source_[begin] == '+') {
            ++begin;
        }
        if (end > begin && source_[end - 1] == '-') {
            --end;
            strip_next_ = true;
        } else {
            trim_newline_ = kind != '{';
        }
        print(before);
        const std::string code = source_.substr(begin, end - begin);
        if (kind == '{') {
            add_values(code);
        } else if (kind == '%') {
            add_statement(code);
        }
        return close + 2;
    }

    size_t find_close(size_t at, const std::string& closing, bool comment) const {
        char quote = '\0';
        for (; at + 1 < source_.size(); ++at) {
            const char c = source_[at];
            if (quote != '\0') {
                at += c == '\\' ? 1 : 0;
                quote = c == quote ? '\0' : quote;
            } else if (!comment && (c == '\'' || c == '"')) {
                quote = c;
            } else if (source_.compare(at, 2, closing) == 0) {
                return at;
            }
        }
        throw std::string("a tag without an end");
    }

    // lstrip_blocks: blanks before a block are dropped if the line has nothing else before it.
    void strip_line_start(std::string& before, size_t open) const {
        size_t line = open;
        while (line > 0 && (source_[line - 1] == ' ' || source_[line - 1] == '\t')) {
            --line;
        }
        if (line == 0 || source_[line - 1] == '\n') {
            before.erase(before.find_last_not_of(" \t") + 1);
        }
    }

    void print(const std::string& text) {
        if (text.empty()) {
            return;
        }
        if (!parts_.empty() && parts_.back().kind == TemplatePart::Kind::text) {
            parts_.back().content += text;
        } else {
            parts_.push_back({TemplatePart::Kind::text, text});
        }
    }

    void add_values(const std::string& code) {
        std::vector<Token> tokens = tokens_of(code);
        index_attributes(tokens);
        size_t begin = 0;
        for (size_t i = 0; i <= tokens.size(); ++i) {
            const bool joint = i < tokens.size() && tokens[i].kind == Token::Kind::sign &&
                               (tokens[i].text == "+" || tokens[i].text == "~");
            if (i < tokens.size() && !joint) {
                continue;
            }
            if (i == begin + 1 && tokens[begin].kind == Token::Kind::string) {
                print(tokens[begin].text);
            } else {
                parts_.push_back({TemplatePart::Kind::value, spell(tokens, begin, i)});
            }
            begin = i + 1;
        }
    }

    void add_statement(const std::string& code) {
        std::vector<Token> tokens = tokens_of(code);
        index_attributes(tokens);
        const size_t last = tokens.size();
        if (last > 3 && tokens[1].text == "(" && tokens[last - 1].text == ")") {
            size_t depth = 0;
            size_t first_close = 0;
            for (size_t i = 1; i < last && first_close == 0; ++i) {
                depth += tokens[i].text == "(" ? 1 : 0;
                depth -= tokens[i].text == ")" ? 1 : 0;
                first_close = depth == 0 ? i : 0;
            }
            if (first_close == last - 1) {
                tokens.erase(tokens.end() - 1);
                tokens.erase(tokens.begin() + 1);
            }
        }
        parts_.push_back({TemplatePart::Kind::statement, spell(tokens, 0, tokens.size())});
    }

    const std::string& source_;
    std::vector<TemplatePart> parts_;
    bool strip_next_ = false;    // the tag before ended in -}} or -%}
    bool trim_newline_ = false;  // trim_blocks
};

}  // namespace

std::vector<TemplatePart> shape_of_template(const std::string& source) {
    if (source.find('\r') != std::string::npos) {
        throw std::string("a carriage return, which Jinja rewrites");
    }
    return Shaper(source).run();
}

}  // namespace samara::host
