// judge.cpp - the verdict of one instruction on one response: predicate, then the strict and loose
// frame (evaluation_lib.py of the published checker).
#include "rules.hpp"
#include "rules_more.hpp"
#include "types.hpp"

#include <algorithm>

namespace samara::ifeval {
namespace {

bool holds(int64_t count, const Arguments& a) {
    return a.at_least ? count >= a.number : count < a.number;
}

// The response; it without its first line, its last line, both; and these four without stars.
std::vector<Text> loose_variants(View response) {
    const size_t first = response.find(U'\n');
    const size_t last = response.rfind(U'\n');
    const View tail = first == View::npos ? View() : response.substr(first + 1);
    const View head = last == View::npos ? View() : response.substr(0, last);
    const View middle = first == last ? View() : response.substr(first + 1, last - first - 1);
    std::vector<Text> out = {
        Text(response), Text(strip(tail)), Text(strip(head)), Text(strip(middle))};
    for (size_t i = 0; i < 4; ++i) {
        out.push_back(without(out[i], U'*'));
    }
    return out;
}

}  // namespace

bool Instruction::follows(View text) const {
    const Arguments& a = arguments_;
    if (const std::optional<bool> fixed = fixed_form(kind_, text)) {
        return *fixed;
    }
    switch (kind_) {
        case Kind::existence:
            return std::all_of(patterns_.begin(), patterns_.end(), [&](const Pattern& p) {
                return p.find(text) != View::npos;
            });
        case Kind::forbidden:
            return std::none_of(patterns_.begin(), patterns_.end(), [&](const Pattern& p) {
                return p.found_as_word(text);
            });
        case Kind::frequency:
            return holds(patterns_[0].count(text), a);
        case Kind::letter:
            return holds(count_letter(text, a.text[0]), a);
        case Kind::sentences:
        case Kind::words:
        case Kind::capital_words:
        case Kind::placeholders:
        case Kind::highlights:
        case Kind::unique_words:
        case Kind::letters:
            return holds(*count_of(kind_, text), a);
        case Kind::paragraphs:
        case Kind::bullets:
        case Kind::numbers:
            return *count_of(kind_, text) == a.number;
        case Kind::repeats:
        case Kind::lowercase_words:
            return *count_of(kind_, text) <= a.number;
        case Kind::word_range: {
            const int64_t n = *count_of(kind_, text);
            return a.number <= n && n <= a.index;
        }
        case Kind::word_once:
            return patterns_[0].count(text) == 1;
        case Kind::first_word:
            return lower(first_token(text)) == a.text;
        case Kind::last_word:
            return lower(last_word(text)) == a.text;
        case Kind::sections:
            return count_sections(text, patterns_[0]) >= a.number;
        case Kind::paragraph_start:
            return has_paragraph_start(text, a.number, a.index, a.text);
        case Kind::postscript:
            return has_postscript(text, a.text);
        case Kind::repeat_prompt:
            return repeats_prompt(text, a.text);
        case Kind::end_phrase:
            return ends_with(text, a.text);
        default:  // the fixed forms, above
            break;
    }
    return false;
}

bool Instruction::judge_strict(View response, bool negated) const {
    return !strip(response).empty() && follows(response) != negated;
}

Verdict Instruction::judge(View response, bool negated) const {
    Verdict verdict{judge_strict(response, negated) ? 1 : 0, 0};
    verdict.loose = verdict.strict;
    if (verdict.loose == 0) {
        for (const Text& variant : loose_variants(response)) {
            if (judge_strict(variant, negated)) {
                verdict.loose = 1;
                break;
            }
        }
    }
    return verdict;
}

}  // namespace samara::ifeval
