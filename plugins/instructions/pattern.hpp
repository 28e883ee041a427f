// pattern.hpp - the part of regular expressions that keywords use.  IFEval searches keywords as raw
// patterns; this reads literals, "." and escaped punctuation exactly, and refuses the rest by name
// rather than guessing.  Not a regular expression engine.
#pragma once
#include "unicode.hpp"

namespace samara::ifeval {

/// A pattern in which every element matches exactly one character.
class Pattern {
public:
    /// `what` names the argument in errors.  Fails the call for syntax beyond literals, "." (any
    /// character but a newline) and a backslash before punctuation.
    Pattern(View source, bool ignore_case, const char* what);

    size_t size() const { return items_.size(); }
    /// True if it matches at `at`.
    bool matches(View text, size_t at) const;
    /// Position of the first match at or after `from`; View::npos if none.
    size_t find(View text, size_t from = 0) const;
    /// re.findall: matches that do not overlap, from the left.
    int64_t count(View text) const;
    /// True if some match has a word border (\b) at both ends.
    bool found_as_word(View text) const;

private:
    struct Item {
        char32_t c;  // folded when case is ignored
        bool any;    // "."
    };
    std::vector<Item> items_;
    bool ignore_case_;
};

}  // namespace samara::ifeval
