// types.cpp - ids, names of arguments and conflicts of the types: a table.  instruction.cpp has
// what is done with them.
#include "types.hpp"

#include <samara/call.hpp>

namespace samara::ifeval {
namespace {

struct Row {
    InstructionType type;
    Keys keys;
};

// IFEval's conflicts as published; they hold in both directions, and every type conflicts with
// itself.
constexpr Row kRows[] = {
    // clang-format off
    {{"keywords:existence", "Every keyword occurs, in any case, also inside other words.",
      "keywords:existence"},
     {.texts = "keywords"}},
    {{"keywords:frequency", "A keyword occurs at least or less than so many times.",
      "keywords:frequency"},
     {.number = "frequency", .relation = "relation", .text = "keyword"}},
    {{"keywords:forbidden_words", "None of the words occurs as a whole word.",
      "keywords:forbidden_words"},
     {.texts = "forbidden_words"}},
    {{"keywords:letter_frequency", "A letter occurs at least or less than so many times.",
      "keywords:letter_frequency"},
     {.number = "let_frequency", .relation = "let_relation", .text = "letter"}},
    {{"length_constraints:number_sentences", "At least or less than so many sentences.",
      "length_constraints:number_sentences length_constraints:number_paragraphs"},
     {.number = "num_sentences", .relation = "relation"}},
    {{"length_constraints:number_paragraphs", "Exactly so many paragraphs between *** dividers.",
      "length_constraints:number_paragraphs length_constraints:nth_paragraph_first_word "
      "length_constraints:number_sentences"},
     {.number = "num_paragraphs"}},
    {{"length_constraints:number_words", "At least or less than so many words.",
      "length_constraints:number_words"},
     {.number = "num_words", .relation = "relation"}},
    {{"length_constraints:nth_paragraph_first_word",
      "So many paragraphs between blank lines, one of them with a given first word.",
      "length_constraints:nth_paragraph_first_word length_constraints:number_paragraphs"},
     {.number = "num_paragraphs", .text = "first_word", .index = "nth_paragraph"}},
    {{"detectable_content:number_placeholders", "At least so many [placeholders] in brackets.",
      "detectable_content:number_placeholders"},
     {.number = "num_placeholders"}},
    {{"detectable_content:postscript", "A postscript with the given marker.",
      "detectable_content:postscript"},
     {.text = "postscript_marker"}},
    {{"detectable_format:number_bullet_lists", "Exactly so many markdown bullet points.",
      "detectable_format:number_bullet_lists"},
     {.number = "num_bullets"}},
    {{"detectable_format:constrained_response", "One of three fixed answers occurs.", "*",
      false, false},
     {}},
    {{"detectable_format:number_highlighted_sections", "At least so many *highlighted* sections.",
      "detectable_format:number_highlighted_sections detectable_format:multiple_sections"},
     {.number = "num_highlights"}},
    {{"detectable_format:multiple_sections", "At least so many sections marked \"S 1\", \"S 2\".",
      "detectable_format:multiple_sections detectable_format:number_highlighted_sections "
      "language:response_language", false, false},
     {.number = "num_sections", .text = "section_spliter"}},
    {{"detectable_format:json_format", "The whole response is JSON, in or out of a code fence.",
      "* -keywords:existence -keywords:forbidden_words", false, false},
     {}},
    {{"detectable_format:title", "A title in <<double angular brackets>>.",
      "detectable_format:title startend:quotation"},
     {}},
    {{"combination:two_responses", "Two different responses with ****** between them.",
      "* -detectable_format:title -keywords:existence -keywords:forbidden_words "
      "-language:response_language -punctuation:no_comma", false, false},
     {}},
    {{"combination:repeat_prompt", "The response begins with the request, word for word.",
      "* -detectable_format:title -keywords:existence -punctuation:no_comma", false, false},
     {.text = "prompt_to_repeat"}},
    {{"startend:end_checker", "The response ends with a given phrase.", "startend:end_checker"},
     {.text = "end_phrase"}},
    {{"startend:quotation", "The whole response stands in double quotation marks.",
      "startend:quotation detectable_format:title"},
     {}},
    {{"change_case:capital_word_frequency",
      "Words in capital letters occur at least or less than so many times.",
      "change_case:capital_word_frequency change_case:english_capital "
      "change_case:english_lowercase"},
     {.number = "capital_frequency", .relation = "capital_relation"}},
    {{"punctuation:no_comma", "There is no comma.", "punctuation:no_comma"}, {}},

    // Beyond IFEval: conflicts are ours, where two demands can contradict each other.
    {{"count:word_count_range", "The number of words lies in a range.",
      "count:word_count_range length_constraints:number_words letters:letter_counting"},
     {.number = "min_words", .index = "max_words"}},
    {{"count:unique_word_count", "At least so many different words.",
      "count:unique_word_count length_constraints:number_words count:word_count_range "
      "letters:letter_counting"},
     {.number = "N"}},
    {{"count:numbers", "Exactly so many numbers.", "count:numbers detectable_content:no_digits"},
     {.number = "N"}},
    {{"words:repeats", "No word occurs more often than so many times.",
      "words:repeats keywords:frequency"},
     {.number = "small_n"}},
    {{"words:no_consecutive", "No two consecutive words begin with the same letter.",
      "words:no_consecutive"},
     {}},
    {{"words:palindrome", "Ten palindromes of five or more letters.", "words:palindrome"}, {}},
    {{"format:parentheses", "Brackets nested five deep.", "format:parentheses"}, {}},
    {{"format:newline", "Every word stands on a line of its own.",
      "* -keywords:existence -keywords:forbidden_words -keywords:frequency "
      "-keywords:letter_frequency -punctuation:no_comma -detectable_content:no_digits"},
     {}},
    {{"format:no_whitespace", "There is no white space.", "*"}, {}},
    {{"format:output_template", "Three headings of a fixed template occur.",
      "format:output_template startend:quotation first_word:first_word_answer "
      "format:no_whitespace"},
     {}},
    {{"keywords:word_once", "A keyword occurs exactly once.",
      "keywords:word_once keywords:existence keywords:frequency keywords:forbidden_words"},
     {.text = "keyword"}},
    {{"first_word:first_word_answer", "The response begins with a given word.",
      "first_word:first_word_answer startend:quotation"},
     {.text = "first_word"}},
    {{"last_word:last_word_answer", "The response ends with a given word.",
      "last_word:last_word_answer startend:end_checker detectable_content:postscript"},
     {.text = "last_word"}},
    {{"punctuation:punctuation_dot", "There is no full stop.",
      "punctuation:punctuation_dot length_constraints:number_sentences "
      "detectable_content:postscript"},
     {}},
    {{"punctuation:punctuation_exclamation", "There is no exclamation mark.",
      "punctuation:punctuation_exclamation"},
     {}},
    {{"letters:letter_counting", "At least or less than so many letters from a to z.",
      "letters:letter_counting length_constraints:number_words"},
     {.number = "N", .relation = "relation"}},
    {{"count:lowercase_counting", "At most so many words in small letters.",
      "count:lowercase_counting length_constraints:number_words count:word_count_range"},
     {.number = "N"}},
    {{"detectable_format:square_brackets", "Every word stands in square brackets.",
      "* -keywords:existence -keywords:forbidden_words -keywords:frequency "
      "-keywords:letter_frequency -punctuation:no_comma -detectable_content:no_digits"},
     {}},
    {{"detectable_format:bigram_wrapping", "Every two words stand in <<double brackets>>.",
      "* -keywords:existence -keywords:forbidden_words -keywords:frequency "
      "-keywords:letter_frequency -punctuation:no_comma -detectable_content:no_digits"},
     {}},
    {{"detectable_content:no_digits", "There is no digit.",
      "detectable_content:no_digits detectable_format:multiple_sections"},
     {}},
    {{"punctuation:question_marks", "There is at least one question mark.",
      "punctuation:question_marks"},
     {}},
    // clang-format on
};
constexpr size_t kOfIfeval = static_cast<size_t>(Kind::no_comma) + 1;
static_assert(std::size(kRows) == static_cast<size_t>(Kind::question_mark) + 1);

// One list in the ABI's order; built at the first use and never changed.
const std::vector<InstructionType>& type_list() {
    static const std::vector<InstructionType> kList = [] {
        std::vector<InstructionType> out;
        for (const Row& row : kRows) {
            out.push_back(row.type);
        }
        return out;
    }();
    return kList;
}

}  // namespace

std::span<const InstructionType> all_types() {
    return type_list();
}

std::span<const InstructionType> types_of(Source source) {
    return source == Source::ifeval ? all_types().first(kOfIfeval) : all_types().subspan(kOfIfeval);
}

Kind find_type(Source source, std::string_view id) {
    const std::span<const InstructionType> list = types_of(source);
    for (size_t i = 0; i < list.size(); ++i) {
        if (id == list[i].id) {
            return static_cast<Kind>(i + (source == Source::ifeval ? 0 : kOfIfeval));
        }
    }
    fail("there is no instruction type \"" + std::string(id) + "\" in this library");
    return Kind::no_comma;
}

const Keys& keys_of(Kind kind) {
    return kRows[static_cast<size_t>(kind)].keys;
}

}  // namespace samara::ifeval
