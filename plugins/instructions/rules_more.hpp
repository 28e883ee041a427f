// rules_more.hpp - predicates and counts of the second library, "samara.more_instructions": types
// of IFBench (arXiv 2507.02833), of IFEval's extension for training in open-instruct, and of
// M-IFEval (arXiv 2502.04688), each exactly as published.  Plain functions of text, like rules.hpp.
#pragma once
#include "unicode.hpp"

#include <cstdint>

namespace samara::ifeval {

// ---- counts
/// Distinct white-space tokens of the lower-cased text, ASCII punctuation taken off their ends; a
/// token of punctuation alone counts as one word, whichever it is.
int64_t count_unique_words(View text);
/// Runs of digits once ASCII punctuation is gone: "1,000" 1, "3.5" 1.
int64_t count_numbers(View text);
/// How often the most frequent word occurs, case and ASCII punctuation ignored; 0 without words.
int64_t count_repeats(View text);
int64_t count_ascii_letters(View text);    ///< matches of [a-zA-Z]
int64_t count_lowercase_words(View text);  ///< matches of \b[a-z]+\b

// ---- forms
bool has_equal_neighbours(View text);  ///< two consecutive words begin with the same character
bool has_palindromes(View text);       ///< ten or more, of five or more characters
bool has_nested_brackets(View text);   ///< (, [ and { nested five deep and closed once
bool is_word_per_line(View text);      ///< every line holds one word
bool has_space(View text);             ///< any white space
bool has_output_template(View text);   ///< "My Answer:", "My Conclusion:", "Future Outlook:"
bool is_bracketed(View text);          ///< every white-space token is [like] [this]
bool has_wrapped_bigrams(View text);   ///< tokens pair up as <<like this>>
bool has_digit(View text);             ///< a match of \d
/// The first white-space token; empty for a blank text.
View first_token(View text);
/// The last white-space token without the characters that are neither \w nor \s, as \w decides.
Text last_word(View text);

}  // namespace samara::ifeval
