// unicode.hpp - the character properties and text operations of Python that IFEval's rules rest on.
// Not a Unicode library: no normalisation, no collation.  Used by every checker of this folder.
//
// Text is decoded once to code points; every rule then scans std::u32string.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace samara::ifeval {

using Text = std::u32string;
using View = std::u32string_view;

/// UTF-8 to code points.  A byte that is not valid UTF-8 becomes U+FFFD.
Text decode(std::string_view utf8);
/// Code points to UTF-8.
std::string encode(View text);

bool is_space(char32_t c);  ///< str.isspace(), also the regular expression's \s
bool is_word(char32_t c);   ///< the regular expression's \w: alphanumeric or "_"
/// \w of the engine with which NLTK (since 3.10) counts words: letters, marks, decimal digits and
/// connectors, but no numerals such as one half.
bool is_token_word(char32_t c);
bool is_digit(char32_t c);  ///< the regular expression's \d: category Nd
bool is_upper(char32_t c);  ///< str.isupper() of one character
bool is_lower(char32_t c);  ///< str.islower() of one character
bool is_title(char32_t c);  ///< category Lt: cased, but neither upper nor lower

/// Lower case of one character; the character itself where the full mapping has two (U+0130).
char32_t to_lower(char32_t c);
/// What re.IGNORECASE compares: lower case, and one letter for each group of lower-case variants.
char32_t to_fold(char32_t c);

/// str.lower(): U+0130 becomes two characters, a final capital sigma becomes the final form.
Text lower(View text);
/// str.isupper(): at least one cased character, none of them lower or title case.
bool is_upper(View text);
/// str.strip().
View strip(View text);
/// str.strip(chars) for a single character, on the sides named.
View strip_left(View text, char32_t c);
View strip_right(View text, char32_t c);
/// text without every occurrence of c.
Text without(View text, char32_t c);
/// str.split(): the runs between white space.
std::vector<View> split(View text);
/// str.split(separator) for a non-empty separator.
std::vector<View> split(View text, View separator);

/// The version of the tables, as unicodedata.unidata_version gives it.
const char* unicode_version();

}  // namespace samara::ifeval
