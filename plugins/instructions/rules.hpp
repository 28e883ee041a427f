// rules.hpp - IFEval's predicates and counts on one response, each exactly as published (google-
// research, instruction_following_eval, 2024-06).  Plain functions of text: no arguments in JSON,
// no strict or loose frame; instruction.hpp adds those.
#pragma once
#include "pattern.hpp"
#include "unicode.hpp"

#include <cstdint>

namespace samara::ifeval {

// ---- counts
int64_t count_words(View text);         ///< matches of \w+: "don't" 2, "foo_bar" 1
int64_t count_sentences(View text);     ///< see sentences.hpp
int64_t count_paragraphs(View text);    ///< between "***"; -1 if an inner one is blank
int64_t count_placeholders(View text);  ///< matches of \[.*?\]
int64_t count_bullets(View text);       ///< lines that open with "*" (not "**") or "-"
int64_t count_highlights(View text);    ///< *x* and **x**, non-blank; "***x***" 2
/// Characters of the lower-cased text that equal `letter`, itself in lower case.
int64_t count_letter(View text, char32_t letter);
/// Marks like "SECTION 3": the splitter, an optional space, digits.
int64_t count_sections(View text, const Pattern& splitter);

// ---- forms
bool has_comma(View text);          ///< an ASCII comma
bool has_title(View text);          ///< <<...>> with something in it, on one line
bool has_option(View text);         ///< one of "My answer is yes.", "... no.", "... maybe."
bool is_quoted(View text);          ///< first and last character are '"', after strip
bool is_json(View text);            ///< what json.loads accepts, in or out of ``` fences
bool has_two_responses(View text);  ///< two different ones around ******
/// `marker`: "P.S.", "P.P.S" or any other text, which is then searched in lower case.
bool has_postscript(View text, View marker);
bool ends_with(View text, View phrase);      ///< in lower case, outer quotes taken off the text
bool repeats_prompt(View text, View start);  ///< in lower case
/// `n` paragraphs between blank lines, the `k`-th (from 1) beginning with `word` (lower case).
bool has_paragraph_start(View text, int64_t n, int64_t k, View word);
int64_t count_spaced_paragraphs(View text);  ///< parts between blank lines that are not blank
/// The first word of the k-th part between blank lines (from 1), as has_paragraph_start reads it.
Text paragraph_start(View text, int64_t k);

}  // namespace samara::ifeval
