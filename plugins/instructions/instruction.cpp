// instruction.cpp - how an instruction is read, measured, judged and written; the types themselves
// are in types.cpp.
#include "capitals.hpp"
#include "rules.hpp"
#include "rules_more.hpp"
#include "types.hpp"

#include <samara/json.hpp>

#include <cmath>

namespace samara::ifeval {
namespace {

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
