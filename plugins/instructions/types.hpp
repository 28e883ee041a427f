// types.hpp - the instruction types of the two libraries of this folder, and one instruction with
// its arguments read and judged.  Between the rules (rules.hpp, rules_more.hpp) and the ABI
// (plugin.cpp).
#pragma once
#include "pattern.hpp"

#include <samara/instruction.hpp>

#include <optional>
#include <string_view>

namespace samara::ifeval {

/// Every type, in the order of all_types().
enum class Kind {
    // IFEval: the 22 of 25 that need no language detection.
    existence,
    frequency,
    forbidden,
    letter,
    sentences,
    paragraphs,
    words,
    paragraph_start,
    placeholders,
    postscript,
    bullets,
    option,
    highlights,
    sections,
    json,
    title,
    two_responses,
    repeat_prompt,
    end_phrase,
    quotation,
    capital_words,
    no_comma,
    // Beyond IFEval.
    word_range,
    unique_words,
    numbers,
    repeats,
    no_consecutive,
    palindromes,
    nested,
    word_per_line,
    no_whitespace,
    output_template,
    word_once,
    first_word,
    last_word,
    no_dot,
    no_exclamation,
    letters,
    lowercase_words,
    square_brackets,
    bigrams,
    no_digits,
    question_mark,
};

/// The two libraries: IFEval's own types, and those beyond it.
enum class Source { ifeval, more };

/// All types, in the order of Kind; those of one library are neighbours.
std::span<const InstructionType> all_types();
std::span<const InstructionType> types_of(Source source);
/// Fails the call for an id that is not of this library, naming it.
Kind find_type(Source source, std::string_view id);

/// Names of the arguments of a type; nullptr where it has none.
struct Keys {
    const char* number = nullptr;    ///< integer >= 0
    const char* relation = nullptr;  ///< "at least" or "less than"
    const char* text = nullptr;      ///< string
    const char* texts = nullptr;     ///< list of strings, not empty
    const char* index = nullptr;     ///< integer: a place, 1 to number, or the end of a range
};
const Keys& keys_of(Kind kind);

/// Arguments of an instruction, as read from kwargs.
struct Arguments {
    int64_t number = 0;
    bool at_least = true;  ///< false: "less than"
    Text text;             ///< keyword, letter (lower case), phrase, marker or splitter
    std::vector<Text> texts;
    int64_t index = 0;
};

/// An instruction that can be judged many times.
class Instruction {
public:
    /// Reads `kwargs`, a JSON object.  Fails the call, naming the argument, when one is missing,
    /// null, of another type, negative, or unknown; a null under an unknown key is ignored.
    Instruction(Kind kind, std::string_view kwargs);
    Instruction(Kind kind, Arguments arguments);

    /// The published predicate on one text, without the frame.
    bool follows(View text) const;
    /// The scoring frame: strict as it stands; loose over eight variants of the response.  A blank
    /// text follows nothing, negated or not.
    Verdict judge(View response, bool negated) const;
    /// The strict verdict alone.
    bool judge_strict(View response, bool negated) const;

    Kind kind() const { return kind_; }
    const Arguments& arguments() const { return arguments_; }
    /// The arguments as kwargs.
    std::string kwargs() const;

private:
    void compile();
    Kind kind_;
    Arguments arguments_;
    std::vector<Pattern> patterns_;
};

/// What a counting type counts; nothing for the others.  -1 stands for "no number fits".
std::optional<int64_t> count_of(Kind kind, View text);
/// What a type without arguments says of a text; nothing for the others.
std::optional<bool> fixed_form(Kind kind, View text);

}  // namespace samara::ifeval
