// types.cpp - ids, arguments and conflicts of the types, and how an instruction is read and judged.
#include "types.hpp"

#include "capitals.hpp"
#include "rules.hpp"
#include "rules_more.hpp"

#include <samara/json.hpp>

#include <cmath>

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

void refuse(Kind kind, const std::string& what) {
    fail(std::string(all_types()[static_cast<size_t>(kind)].id) + ": " + what);
}

const Json& member(Kind kind, const Json& kwargs, const char* key) {
    const Json* value = kwargs.find(key);
    if (value == nullptr || value->is_null()) {
        refuse(kind, "argument '" + std::string(key) + "' is missing");
    }
    return *value;
}

int64_t read_integer(Kind kind, const Json& kwargs, const char* key) {
    const Json& value = member(kind, kwargs, key);
    const std::optional<double> number = value.number();
    // Data sets that went through a table hold 3.0 for 3.
    if (!number || std::floor(*number) != *number || *number < 0 || *number > 1e15) {
        refuse(kind,
               "argument '" + std::string(key) + "' must be an integer, 0 or more; it is " +
                   value.dump());
    }
    return static_cast<int64_t>(*number);
}

Text read_text(Kind kind, const Json& value, const char* key) {
    if (value.string() == nullptr) {
        refuse(kind, "argument '" + std::string(key) + "' must be text; it is " + value.dump());
    }
    return decode(*value.string());
}

void refuse_unknown(Kind kind, const Json& kwargs) {
    const Keys& keys = keys_of(kind);
    for (const auto& [name, value] : *kwargs.members()) {
        bool known = value.is_null();
        for (const char* key : {keys.number, keys.relation, keys.text, keys.texts, keys.index}) {
            known = known || (key != nullptr && name == key);
        }
        if (!known) {
            refuse(kind, "it has no argument '" + name + "'");
        }
    }
}

Arguments read_arguments(Kind kind, std::string_view source) {
    const Json kwargs = Json::parse(source);
    if (!kwargs.is_object()) {
        refuse(kind, "kwargs must be a JSON object; it is " + kwargs.dump());
    }
    refuse_unknown(kind, kwargs);
    const Keys& keys = keys_of(kind);
    Arguments out;
    if (keys.number != nullptr) {
        out.number = read_integer(kind, kwargs, keys.number);
    }
    if (keys.index != nullptr) {
        out.index = read_integer(kind, kwargs, keys.index);
    }
    if (keys.relation != nullptr) {
        const Text relation = read_text(kind, member(kind, kwargs, keys.relation), keys.relation);
        out.at_least = relation == U"at least";
        if (!out.at_least && relation != U"less than") {
            refuse(kind,
                   "argument '" + std::string(keys.relation) +
                       "' must be \"at least\" or \"less than\"; it is \"" + encode(relation) +
                       "\"");
        }
    }
    if (keys.text != nullptr) {
        out.text = read_text(kind, member(kind, kwargs, keys.text), keys.text);
    }
    if (keys.texts != nullptr) {
        const Json& value = member(kind, kwargs, keys.texts);
        if (value.list() == nullptr || value.list()->empty()) {
            refuse(kind,
                   "argument '" + std::string(keys.texts) +
                       "' must be a list of at least one text; it is " + value.dump());
        }
        for (const Json& item : *value.list()) {
            out.texts.push_back(read_text(kind, item, keys.texts));
        }
    }
    return out;
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

std::optional<int64_t> count_of(Kind kind, View text) {
    switch (kind) {
        case Kind::sentences:
            return count_sentences(text);
        case Kind::paragraphs:
            return count_paragraphs(text);
        case Kind::words:
            return count_words(text);
        case Kind::placeholders:
            return count_placeholders(text);
        case Kind::bullets:
            return count_bullets(text);
        case Kind::highlights:
            return count_highlights(text);
        case Kind::capital_words:
            return count_capital_words(text);
        case Kind::word_range:
            return count_words(text);
        case Kind::unique_words:
            return count_unique_words(text);
        case Kind::numbers:
            return count_numbers(text);
        case Kind::repeats:
            return count_repeats(text);
        case Kind::letters:
            return count_ascii_letters(text);
        case Kind::lowercase_words:
            return count_lowercase_words(text);
        default:
            return std::nullopt;
    }
}

std::optional<bool> fixed_form(Kind kind, View text) {
    switch (kind) {
        case Kind::option:
            return has_option(strip(text));
        case Kind::json:
            return is_json(text);
        case Kind::title:
            return has_title(text);
        case Kind::two_responses:
            return has_two_responses(text);
        case Kind::quotation:
            return is_quoted(text);
        case Kind::no_comma:
            return !has_comma(text);
        case Kind::no_consecutive:
            return !has_equal_neighbours(text);
        case Kind::palindromes:
            return has_palindromes(text);
        case Kind::nested:
            return has_nested_brackets(text);
        case Kind::word_per_line:
            return is_word_per_line(text);
        case Kind::no_whitespace:
            return !has_space(text);
        case Kind::output_template:
            return has_output_template(text);
        case Kind::no_dot:
            return text.find(U'.') == View::npos;
        case Kind::no_exclamation:
            return text.find(U'!') == View::npos;
        case Kind::square_brackets:
            return is_bracketed(text);
        case Kind::bigrams:
            return has_wrapped_bigrams(text);
        case Kind::no_digits:
            return !has_digit(text);
        case Kind::question_mark:
            return text.find(U'?') != View::npos;
        default:
            return std::nullopt;
    }
}

Instruction::Instruction(Kind kind, std::string_view kwargs)
    : kind_(kind), arguments_(read_arguments(kind, kwargs)) {
    compile();
}

Instruction::Instruction(Kind kind, Arguments arguments)
    : kind_(kind), arguments_(std::move(arguments)) {
    compile();
}

void Instruction::compile() {
    Arguments& a = arguments_;
    const char* key = keys_of(kind_).text;
    if (kind_ == Kind::existence || kind_ == Kind::forbidden) {
        for (const Text& word : a.texts) {
            patterns_.emplace_back(word, true, keys_of(kind_).texts);
        }
    } else if (kind_ == Kind::frequency || kind_ == Kind::word_once) {
        if (strip(a.text).empty()) {
            refuse(kind_, "argument 'keyword' is blank");
        }
        patterns_.emplace_back(strip(a.text), true, key);
    } else if (kind_ == Kind::first_word || kind_ == Kind::last_word) {
        a.text = lower(strip(a.text));
        if (a.text.empty()) {
            refuse(kind_, "argument '" + std::string(key) + "' is blank");
        }
    } else if (kind_ == Kind::word_range) {
        if (a.index < a.number) {
            refuse(kind_,
                   "argument 'max_words' (" + std::to_string(a.index) +
                       ") must not be below min_words (" + std::to_string(a.number) + ")");
        }
    } else if (kind_ == Kind::sections) {
        patterns_.emplace_back(strip(a.text), false, key);
    } else if (kind_ == Kind::postscript) {
        has_postscript(U"", a.text);  // refuses a marker that is no plain pattern
    } else if (kind_ == Kind::letter) {
        const Text letter = lower(strip(a.text));
        if (letter.size() != 1) {
            refuse(kind_,
                   "argument 'letter' must be one character; it is \"" + encode(a.text) + "\"");
        }
        a.text = letter;
    } else if (kind_ == Kind::paragraph_start) {
        if (a.index < 1 || a.index > a.number) {
            refuse(kind_,
                   "argument 'nth_paragraph' must be 1 to num_paragraphs (" +
                       std::to_string(a.number) + "); it is " + std::to_string(a.index));
        }
        a.text = lower(a.text);
    }
}

std::string Instruction::kwargs() const {
    const Keys& keys = keys_of(kind_);
    const Arguments& a = arguments_;
    Json out = Json::object();
    if (keys.texts != nullptr) {
        Json::List words;
        for (const Text& word : a.texts) {
            words.emplace_back(encode(word));
        }
        out.set(keys.texts, Json(std::move(words)));
    }
    if (keys.text != nullptr) {
        out.set(keys.text, encode(a.text));
    }
    if (keys.number != nullptr) {
        out.set(keys.number, a.number);
    }
    if (keys.index != nullptr) {
        out.set(keys.index, a.index);
    }
    if (keys.relation != nullptr) {
        out.set(keys.relation, a.at_least ? "at least" : "less than");
    }
    return out.dump();
}

}  // namespace samara::ifeval
