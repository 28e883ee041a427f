// Expressions of templates; see jinja_parser.hpp.
#include "lm/text/jinja_parser.hpp"

#include <array>
#include <cctype>

namespace samara::host::jinja {

namespace {

using Kind = Expression::Kind;

// Bounds recursion: a template may come from anywhere.
constexpr size_t kMaxTokens = 1000;

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

Expression make(Kind kind, std::string name, std::vector<Expression> args) {
    Expression out;
    out.kind = kind;
    out.name = std::move(name);
    out.args = std::move(args);
    return out;
}
Expression literal(Value value) {
    Expression out;
    out.value = std::move(value);
    return out;
}

}  // namespace

std::vector<Parser::Token> Parser::tokens_of(const std::string& code) {
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

Parser::Parser(const std::string& code) : tokens_(tokens_of(code)) {}

bool Parser::take(std::string_view text) {
    const Token& token = tokens_[at_];
    const bool found =
        token.kind != Token::Kind::string && token.text == text && token.kind != Token::Kind::end;
    at_ += found ? 1 : 0;
    return found;
}

void Parser::need(std::string_view text) {
    if (!take(text)) {
        throw Unreadable("'" + std::string(text) + "' expected before '" + tokens_[at_].text + "'");
    }
}

std::string Parser::name() {
    if (tokens_[at_].kind != Token::Kind::name) {
        throw Unreadable("a name expected before '" + tokens_[at_].text + "'");
    }
    return tokens_[at_++].text;
}

void Parser::finish() {
    if (tokens_[at_].kind != Token::Kind::end) {
        throw Unreadable("the construct '" + tokens_[at_].text + "'");
    }
}

Expression Parser::whole() {
    Expression value = expression();
    finish();
    return value;
}

Expression Parser::expression() {
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

Expression Parser::disjunction() {
    return chain({"or"}, [this] { return chain({"and"}, [this] { return negation(); }); });
}

/// Left-associative operators of one precedence.
template <class Next>
Expression Parser::chain(std::initializer_list<const char*> signs, const Next& next) {
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

Expression Parser::negation() {
    return take("not") ? make(Kind::unary, "not", {negation()}) : comparison();
}

Expression Parser::comparison() {
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

Expression Parser::sum() {
    return chain({"+", "-"}, [this] {
        return chain({"~"}, [this] {
            return chain({"*", "//", "%"}, [this] { return sign(true); });
        });
    });
}

Expression Parser::sign(bool filtered) {
    Expression value = take("-") ? make(Kind::unary, "-", {sign(false)}) : primary();
    for (bool more = true; more;) {
        if (take(".")) {
            value = make(Kind::item, "", {std::move(value), literal(name())});
        } else if (take("[")) {
            value = subscript(std::move(value));
        } else if (take("(")) {
            value = make(Kind::call, "", {std::move(value)});
            arguments(value);
        } else {
            more = false;
        }
    }
    while (filtered) {
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
        } else {
            break;
        }
    }
    return value;
}

/// [i] or [begin:end:step]; an absent bound is none.
Expression Parser::subscript(Expression value) {
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

void Parser::arguments(Expression& call) {
    while (!take(")")) {
        const bool named = tokens_[at_].kind == Token::Kind::name && tokens_[at_ + 1].text == "=" &&
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

Expression Parser::items(Kind kind, const char* close) {
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

Expression Parser::primary() {
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
        std::string text = token.text;  // strings side by side are one
        while (tokens_[at_].kind == Token::Kind::string) {
            text += tokens_[at_++].text;
        }
        return literal(text);
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

}  // namespace samara::host::jinja
