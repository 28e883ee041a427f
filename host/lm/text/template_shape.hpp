// The normal form of a Jinja chat template: what it prints and does, without spelling.  Two
// templates with one shape print the same; this is not an interpreter, it runs nothing.
#pragma once
#include <string>
#include <vector>

namespace samara::host {

/// One element: printed text, a printed expression, or a statement.
struct TemplatePart {
    enum class Kind { text, value, statement };
    Kind kind = Kind::text;
    /// text: the characters printed.  value and statement: tokens with one space between, strings
    /// in double quotes, `a.b` written as `a["b"]`, parentheses around a whole condition dropped.
    std::string content;
    bool operator==(const TemplatePart&) const = default;
};

/// Neighbouring texts are one part and `{{ a + 'x' ~ b }}` is three.  White-space control follows
/// Jinja with trim_blocks and lstrip_blocks, as `transformers` sets it.  Throws std::string: what
/// cannot be read.
std::vector<TemplatePart> shape_of_template(const std::string& source);

}  // namespace samara::host
