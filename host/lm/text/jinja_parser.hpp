// Reads the expressions inside a template's tags; used by jinja_parse.cpp alone, which reads the
// tags.  Precedence is Jinja's: or, and, not, comparisons, + and -, ~, * and / and %, signs, then
// filters and tests.
#pragma once
#include "lm/text/jinja.hpp"

#include <initializer_list>
#include <string_view>

namespace samara::host::jinja {

/// One tag's code.  Errors of every method: Unreadable.
class Parser {
public:
    explicit Parser(const std::string& code);

    bool take(std::string_view text);  ///< goes past a name or sign if it is the next
    void need(std::string_view text);
    std::string name();
    void finish();             ///< nothing may be left
    Expression whole();        ///< an expression and nothing more
    Expression expression();   ///< `a if b else c` at the top
    Expression disjunction();  ///< without a condition

private:
    struct Token {
        enum class Kind { name, string, number, sign, end } kind = Kind::end;
        std::string text;
    };
    static std::vector<Token> tokens_of(const std::string& code);

    template <class Next>
    Expression chain(std::initializer_list<const char*> signs, const Next& next);
    Expression negation();
    Expression comparison();
    Expression sum();
    Expression sign(bool filtered);  ///< Jinja binds filters and tests looser than a sign
    Expression subscript(Expression value);
    void arguments(Expression& call);
    Expression items(Expression::Kind kind, const char* close);
    Expression primary();

    std::vector<Token> tokens_;
    size_t at_ = 0;
};

}  // namespace samara::host::jinja
