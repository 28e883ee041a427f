// The part of Jinja that chat templates are written in: parsed, and run on messages, so that a
// template can be asked what it prints (chat.cpp).  Texts to tokenise never pass through here.
// White space follows trim_blocks and lstrip_blocks, as `transformers` sets them.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace samara::host::jinja {

/// What this part of Jinja does not have, or what Jinja itself would stop at.
struct Unreadable : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// The template called raise_exception.
struct Raised : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Jinja's values: none is null, undefined is `discarded`.
using Value = nlohmann::json;

struct Expression {
    enum class Kind {
        literal,
        name,
        list,
        dict,
        item,
        slice,
        call,
        filter,
        test,
        unary,
        binary,
        either
    };
    Kind kind = Kind::literal;
    Value value;                   ///< of a literal
    std::string name;              ///< name, filter, test, operator
    std::vector<Expression> args;  ///< operands; of a call the callee first
    std::vector<std::pair<std::string, Expression>> named;  ///< keyword arguments
};

struct Statement {
    enum class Kind { text, print, set, loop, branch };
    Kind kind = Kind::text;
    std::string text;                ///< of a text; the variable of set and loop
    std::string field;               ///< set NAME.FIELD
    std::vector<Expression> values;  ///< print, set; list and filter of a loop; conditions
    std::vector<std::vector<Statement>> bodies;  ///< of a loop; of a branch, else last
};

/// Errors: Unreadable.
std::vector<Statement> parse(const std::string& source);

/// What the template prints.  `globals` is an object: messages, add_generation_prompt, bos_token,
/// ... Errors: Unreadable, Raised.
std::string render(const std::vector<Statement>& program, const Value& globals);

/// Python's str.strip(): both ends without white space.  `ends`: 1 left, 2 right, 3 both.
std::string strip(std::string_view text, int ends = 3);

}  // namespace samara::host::jinja
