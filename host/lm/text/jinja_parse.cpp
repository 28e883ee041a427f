// Reading templates; see jinja.hpp.  Precedence is Jinja's: or, and, not, comparisons, + and -, ~,
// * and / and %, signs, then filters and tests.
#include "lm/text/jinja.hpp"

#include <array>
#include <cctype>

namespace samara::host::jinja {

namespace {

using Kind = Expression::Kind;

// Bounds on recursion: a template may come from anywhere.
constexpr size_t kMaxTokens = 1000;
constexpr int kMaxBlocks = 64;

struct Token {
    enum class Kind { name, string, number, sign, end } kind = Kind::end;
    std::string text;
};

bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string read_string(const std::string& code, size_t& at) {
    const char quote = code[at++];
    std::string text;
    for (; at < code.size() && code[at] != quote; ++at) {
        if (code[at] != '\\') {
            text.push_back(code[at]);
            continue;
        }
        const char kind = ++at < code.size() ? code[at] : '\0';
        const size_t known = std::string_view("ntr\\'\"").find(kind);
        if (known == std::string_view::npos) {
            throw Unreadable(std::string("the escape \\") + kind + " in a string");
        }
        text.push_back("\n\t\r\\'\""[known]);
    }
    if (at++ >= code.size()) {
        throw Unreadable("a string without an end");
    }
    return text;
}

std::vector<Token> tokens_of(const std::string& code) {
    constexpr std::array<std::string_view, 5> kLong = {"==", "!=", "<=", ">=", "//"};
    std::vector<Token> tokens;
    for (size_t at = 0; at < code.size();) {
        const char c = code[at];
        size_t end = at + 1;
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            ++at;
        } else if (c == '\'' || c == '"') {
            tokens.push_back({Token::Kind::string, read_string(code, at)});
        } else if (is_name(c)) {
            while (end < code.size() && is_name(code[end])) {
                ++end;
            }
            const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
            tokens.push_back(
                {digit ? Token::Kind::number : Token::Kind::name, code.substr(at, end - at)});
            at = end;
        } else {
            for (const std::string_view two : kLong) {
                end += code.compare(at, 2, two) == 0 ? 1 : 0;
            }
            tokens.push_back({Token::Kind::sign, code.substr(at, end - at)});
            at = end;
        }
    }
    if (tokens.size() > kMaxTokens) {
        throw Unreadable("an expression of more than 1000 tokens");
    }
    tokens.push_back({});
    return tokens;
}

class Parser {
public:
    explicit Parser(const std::string& code) : tokens_(tokens_of(code)) {}

    bool take(std::string_view text) {
        const Token& token = tokens_[at_];
        const bool found = token.kind != Token::Kind::string && token.text == text &&
                           token.kind != Token::Kind::end;
        at_ += found ? 1 : 0;
        return found;
    }
    void need(std::string_view text) {
        if (!take(text)) {
            throw Unreadable("'" + std::string(text) + "' expected before '" + tokens_[at_].text +
                             "'");
        }
    }
    std::string name() {
        if (tokens_[at_].kind != Token::Kind::name) {
            throw Unreadable("a name expected before '" + tokens_[at_].text + "'");
        }
        return tokens_[at_++].text;
    }
    void finish() {
        if (tokens_[at_].kind != Token::Kind::end) {
            throw Unreadable("the construct '" + tokens_[at_].text + "'");
        }
    }

    /// `a if b else c` at the top.
    Expression expression() {
        Expression value = disjunction();
        if (!take("if")) {
            return value;
        }
        Expression out = make(Kind::either, "", {disjunction(), std::move(value)});
        if (take("else")) {
            out.args.push_back(expression());
        }
        return out;
    }
    Expression disjunction() {
        return chain({"or"}, [this] { return chain({"and"}, [this] { return negation(); }); });
    }

private:
    static Expression make(Kind kind, std::string name, std::vector<Expression> args) {
        Expression out;
        out.kind = kind;
        out.name = std::move(name);
        out.args = std::move(args);
        return out;
    }
    static Expression literal(Value value) {
        Expression out;
        out.value = std::move(value);
        return out;
    }

    /// Left-associative operators of one precedence.
    template <class Next>
    Expression chain(std::initializer_list<const char*> signs, const Next& next) {
        Expression left = next();
        for (bool more = true; more;) {
            more = false;
            for (const char* sign : signs) {
                if (take(sign)) {
                    left = make(Kind::binary, sign, {std::move(left), next()});
                    more = true;
                    break;
                }
            }
        }
        return left;
    }
    Expression negation() {
        return take("not") ? make(Kind::unary, "not", {negation()}) : comparison();
    }
    Expression comparison() {
        Expression left = sum();
        for (const char* sign : {"==", "!=", "<=", ">=", "<", ">", "in"}) {
            if (take(sign)) {
                return make(Kind::binary, sign, {std::move(left), sum()});
            }
        }
        if (take("not")) {
            need("in");
            return make(Kind::unary, "not", {make(Kind::binary, "in", {std::move(left), sum()})});
        }
        return left;
    }
    Expression sum() {
        return chain({"+", "-"}, [this] {
            return chain({"~"}, [this] {
                return chain({"*", "//", "%"}, [this] { return sign(); });
            });
        });
    }
    Expression sign() {
        if (take("-")) {
            return make(Kind::unary, "-", {sign()});
        }
        Expression value = primary();
        for (;;) {
            if (take("|")) {
                value = make(Kind::filter, name(), {std::move(value)});
                if (take("(")) {
                    arguments(value);
                }
            } else if (take("is")) {
                const bool negated = take("not");
                value = make(Kind::test, name(), {std::move(value)});
                if (negated) {
                    value = make(Kind::unary, "not", {std::move(value)});
                }
            } else if (take(".")) {
                value = make(Kind::item, "", {std::move(value), literal(name())});
            } else if (take("[")) {
                value = subscript(std::move(value));
            } else if (take("(")) {
                value = make(Kind::call, "", {std::move(value)});
                arguments(value);
            } else {
                return value;
            }
        }
    }
    /// [i] or [begin:end:step]; an absent bound is none.
    Expression subscript(Expression value) {
        std::vector<Expression> bounds;
        bool slice = false;
        while (!take("]")) {
            const bool colon = take(":");
            if (colon && (!slice || bounds.size() < 2)) {
                bounds.resize(slice ? 2 : std::max<size_t>(bounds.size(), 1), literal(nullptr));
            }
            slice = slice || colon;
            if (!colon) {
                bounds.push_back(expression());
            }
        }
        bounds.insert(bounds.begin(), std::move(value));
        if (bounds.size() > (slice ? 4U : 2U) || bounds.size() < 2) {
            throw Unreadable("a subscript of this form");
        }
        return make(slice ? Kind::slice : Kind::item, "", std::move(bounds));
    }
    void arguments(Expression& call) {
        while (!take(")")) {
            const bool named = tokens_[at_].kind == Token::Kind::name &&
                               tokens_[at_ + 1].text == "=" &&
                               tokens_[at_ + 1].kind == Token::Kind::sign;
            if (named) {
                const std::string key = name();
                need("=");
                call.named.emplace_back(key, expression());
            } else {
                call.args.push_back(expression());
            }
            if (!take(",")) {
                need(")");
                return;
            }
        }
    }
    Expression items(Kind kind, const char* close) {
        Expression out = make(kind, "", {});
        while (!take(close)) {
            out.args.push_back(expression());
            if (kind == Kind::dict) {
                need(":");
                out.args.push_back(expression());
            }
            if (!take(",")) {
                need(close);
                break;
            }
        }
        return out;
    }
    Expression primary() {
        if (take("(")) {
            Expression inner = expression();
            need(")");
            return inner;
        }
        if (take("[")) {
            return items(Kind::list, "]");
        }
        if (take("{")) {
            return items(Kind::dict, "}");
        }
        const Token token = tokens_[at_];
        at_ += token.kind == Token::Kind::end ? 0 : 1;
        if (token.kind == Token::Kind::string) {
            return literal(token.text);
        }
        if (token.kind == Token::Kind::number && token.text.size() < 10 &&
            token.text.find_first_not_of("0123456789") == std::string::npos) {
            return literal(std::stoll(token.text));
        }
        if (token.kind != Token::Kind::name) {
            throw Unreadable("the construct '" + token.text + "'");
        }
        if (token.text == "true" || token.text == "True") {
            return literal(true);
        }
        if (token.text == "false" || token.text == "False") {
            return literal(false);
        }
        if (token.text == "none" || token.text == "None") {
            return literal(nullptr);
        }
        return make(Kind::name, token.text, {});
    }

    std::vector<Token> tokens_;
    size_t at_ = 0;
};

/// Cuts a source at its tags and builds the statements.
class Reader {
public:
    explicit Reader(const std::string& source) : source_(source) {}

    std::vector<Statement> run() {
        std::vector<Statement> program;
        if (const std::string left = block(program); !left.empty()) {
            throw Unreadable("'" + strip(left) + "' without a beginning");
        }
        return program;
    }

private:
    /// Statements up to one that ends or splits the enclosing one, whose code is returned.
    std::string block(std::vector<Statement>& out) {
        if (++depth_ > kMaxBlocks) {
            throw Unreadable("more than 64 nested blocks");
        }
        const std::string left = statements(out);
        --depth_;
        return left;
    }

    std::string statements(std::vector<Statement>& out) {
        while (at_ < source_.size()) {
            const size_t open = next_tag();
            std::string text = source_.substr(at_, open - at_);
            if (strip_next_) {
                text.erase(0, text.find_first_not_of(" \t\r\n"));
            } else if (trim_newline_ && !text.empty() && text[0] == '\n') {
                text.erase(0, 1);
            }
            strip_next_ = trim_newline_ = false;
            at_ = open;
            if (open == source_.size()) {
                // Jinja drops one newline at the very end (keep_trailing_newline is off).
                if (!text.empty() && text.back() == '\n') {
                    text.pop_back();
                }
                add_text(out, std::move(text));
                return "";
            }
            const char kind = source_[open + 1];
            const std::string code = tag(text);
            add_text(out, std::move(text));
            if (kind == '{') {
                Statement print;
                print.kind = Statement::Kind::print;
                print.values.push_back(parse_expression(code));
                out.push_back(std::move(print));
            } else if (kind == '%' && !statement(code, out)) {
                return code;
            }
        }
        return "";
    }

    static void add_text(std::vector<Statement>& out, std::string text) {
        if (!text.empty()) {
            Statement statement;
            statement.text = std::move(text);
            out.push_back(std::move(statement));
        }
    }

    [[nodiscard]] size_t next_tag() const {
        for (size_t at = at_; at + 1 < source_.size(); ++at) {
            const char next = source_[at + 1];
            if (source_[at] == '{' && (next == '{' || next == '%' || next == '#')) {
                return at;
            }
        }
        return source_.size();
    }

    /// Reads the tag at `at_`, returns its code and takes from `before` what the tag swallows.
    std::string tag(std::string& before) {
        const size_t open = at_;
        const char kind = source_[open + 1];
        const std::string closing = kind == '{' ? "}}" : std::string(1, kind) + "}";
        size_t begin = open + 2;
        size_t end = find_close(begin, closing, kind == '#');
        at_ = end + 2;
        const char first = source_[begin];
        if (first == '-') {
            before.erase(before.find_last_not_of(" \t\r\n") + 1);
        } else if (kind != '{' && first != '+') {
            strip_line_start(before, open);
        }
        begin += first == '-' || first == '+' ? 1 : 0;
        if (end > begin && source_[end - 1] == '-') {
            --end;
            strip_next_ = true;
        } else {
            trim_newline_ = kind != '{';
        }
        return source_.substr(begin, end - begin);
    }

    [[nodiscard]] size_t find_close(size_t at, const std::string& closing, bool comment) const {
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
        throw Unreadable("a tag without an end");
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

    /// False if the code ends or splits the enclosing statement.
    bool statement(const std::string& code, std::vector<Statement>& out) {
        Parser parser(code);
        Statement made;
        if (parser.take("set")) {
            made.kind = Statement::Kind::set;
            made.text = parser.name();
            if (parser.take(".")) {
                made.field = parser.name();
            }
            parser.need("=");
            made.values.push_back(parser.expression());
            parser.finish();
        } else if (parser.take("for")) {
            made = loop(parser);
        } else if (parser.take("if")) {
            made = branch(parser);
        } else {
            const std::string word = parser.name();
            if (word == "else" || word == "elif" || word == "endif" || word == "endfor") {
                return false;
            }
            throw Unreadable("the statement '" + word + "'");
        }
        out.push_back(std::move(made));
        return true;
    }

    Statement loop(Parser& parser) {
        Statement made;
        made.kind = Statement::Kind::loop;
        made.text = parser.name();
        while (parser.take(",")) {
            made.text += "," + parser.name();
        }
        parser.need("in");
        made.values.push_back(parser.disjunction());
        if (parser.take("if")) {
            made.values.push_back(parser.expression());
        }
        parser.finish();
        const std::string left = block(made.bodies.emplace_back());
        if (!Parser(left).take("endfor")) {
            throw Unreadable("a loop without 'endfor'");
        }
        return made;
    }

    Statement branch(Parser& parser) {
        Statement made;
        made.kind = Statement::Kind::branch;
        made.values.push_back(parser.expression());
        parser.finish();
        for (;;) {
            const std::string left = block(made.bodies.emplace_back());
            Parser next(left);
            if (next.take("elif") && made.bodies.size() == made.values.size()) {
                made.values.push_back(next.expression());
                next.finish();
            } else if (next.take("endif")) {
                return made;
            } else if (!next.take("else") || made.bodies.size() > made.values.size()) {
                throw Unreadable("an 'if' without 'endif'");
            }
        }
    }

    const std::string& source_;
    size_t at_ = 0;
    int depth_ = 0;
    bool strip_next_ = false;    // the tag before ended in -}} or -%}
    bool trim_newline_ = false;  // trim_blocks
};

}  // namespace

Expression parse_expression(const std::string& code) {
    Parser parser(code);
    Expression out = parser.expression();
    parser.finish();
    return out;
}

std::vector<Statement> parse(const std::string& source) {
    if (source.find('\r') != std::string::npos) {
        throw Unreadable("a carriage return, which Jinja rewrites");
    }
    return Reader(source).run();
}

}  // namespace samara::host::jinja
