// sentences.cpp - Punkt's decision procedure: candidates are . ? ! before white space or
// punctuation; each is judged in its small context by two passes over the words there.  The trained
// model is replaced by two word lists written for this project, so a few abbreviations and rare
// collocations differ (tests/plugins_instructions states the measured difference).
#include "sentences.hpp"

#include "sentence_words.hpp"

namespace samara::ifeval {
namespace {

bool is_stop(char32_t c) {
    return c == '.' || c == '?' || c == '!';
}

// Typographic quotes count like the ASCII ones (NLTK since 3.9.2).
bool is_curly(char32_t c) {
    return c == 0x2018 || c == 0x2019 || c == 0x201c || c == 0x201d || c == 0xab || c == 0xbb;
}

bool is_non_word(char32_t c) {
    return is_curly(c) || (c < 0x80 && View(U")\";}]*:@'({[?!").find(c) != View::npos);
}

bool is_closer(char32_t c) {
    return is_curly(c) || (c < 0x80 && View(U"\"')]}").find(c) != View::npos);
}

struct Token {
    View text;
    bool break_after = false;
    bool abbreviation = false;
    bool ellipsis = false;
};

// Length of "--...", "...", or ". . ." at `at`; 0 if there is none.
size_t punctuation_run(View line, size_t at) {
    for (const char32_t c : {U'-', U'.'}) {
        size_t end = at;
        while (end < line.size() && line[end] == c) {
            ++end;
        }
        if (end - at >= 2) {
            return end - at;
        }
    }
    size_t end = at;
    size_t pairs = 0;
    while (end + 1 < line.size() && line[end] == '.' && is_space(line[end + 1])) {
        end += 2;
        ++pairs;
    }
    if (pairs >= 2 && end < line.size() && line[end] == '.') {
        return end + 1 - at;
    }
    // One pair fewer, when the run ends without a last stop: ". . . x" is three stops.
    return pairs >= 3 ? end - 1 - at : 0;
}

bool ends_word(View line, size_t at) {
    const auto hard = [&](size_t i) {
        return i == line.size() || is_space(line[i]) || is_non_word(line[i]) ||
               punctuation_run(line, i) != 0;
    };
    return hard(at) || (line[at] == ',' && hard(at + 1));
}

void tokenize_line(View line, std::vector<Token>& out) {
    for (size_t at = 0; at < line.size();) {
        if (is_space(line[at])) {
            ++at;
            continue;
        }
        size_t length = punctuation_run(line, at);
        if (length == 0) {
            length = 1;
            const char32_t c = line[at];
            if (c >= 0x80 || View(U"(\"`{[:;&#*@)}]-,").find(c) == View::npos) {
                while (!ends_word(line, at + length)) {
                    ++length;
                }
            }
        }
        out.push_back({line.substr(at, length)});
        at += length;
    }
}

bool is_number(View word) {
    size_t i = !word.empty() && word[0] == '-' ? 1 : 0;
    i += i < word.size() && (word[i] == '.' || word[i] == ',') ? 1 : 0;
    if (i >= word.size() || !is_digit(word[i])) {
        return false;
    }
    while (i < word.size() && (is_digit(word[i]) || View(U",.-").find(word[i]) != View::npos)) {
        ++i;
    }
    return i == word.size();
}

void first_pass(Token& token) {
    const View t = token.text;
    if (t.size() == 1 && is_stop(t[0])) {
        token.break_after = true;
    } else if (t.size() >= 2 && t.find_first_not_of(U'.') == View::npos) {
        token.ellipsis = true;
    } else if (t.back() == '.' && !t.ends_with(U"..")) {
        const Text word = lower(t.substr(0, t.size() - 1));
        const size_t dash = word.rfind(U'-');
        token.abbreviation = is_abbreviation(word) ||
                             (dash != Text::npos && is_abbreviation(View(word).substr(dash + 1)));
        token.break_after = !token.abbreviation;
    }
}

// Does a sentence start here?  1 yes, 0 no, -1 unknown.
int starts_sentence(const Token& next) {
    if (next.text.size() == 1 && View(U";:,.!?").find(next.text[0]) != View::npos) {
        return 0;
    }
    if (is_lower(next.text[0])) {
        return 0;
    }
    Text word = lower(next.text);
    if (next.break_after && word.size() > 1 && word.back() == '.') {
        word.pop_back();
    }
    return is_upper(next.text[0]) && is_opener(word) ? 1 : -1;
}

void second_pass(Token& token, const Token& next) {
    const View t = token.text;
    if (t.back() != '.') {
        return;
    }
    const bool initial = t.size() == 2 && is_word(t[0]) && !is_digit(t[0]);
    if ((token.abbreviation || token.ellipsis) && !initial && starts_sentence(next) == 1) {
        token.break_after = true;
        return;
    }
    if (initial || is_number(t)) {
        const int starts = starts_sentence(next);
        // A name after an initial ("J. Bach"): capitalised and no everyday word.
        if (starts == 0 ||
            (starts < 0 && initial && is_upper(next.text[0]) && !is_common(lower(next.text)))) {
            token.break_after = false;
        }
    }
}

bool has_break(View context) {
    std::vector<Token> tokens;
    for (const View line : split(context, U"\n")) {
        tokenize_line(line, tokens);
    }
    for (Token& token : tokens) {
        first_pass(token);
    }
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
        second_pass(tokens[i], tokens[i + 1]);
        if (tokens[i].break_after) {
            return true;
        }
    }
    return false;
}

// A stop that may end a sentence: text[at], the word before it, and where the context ends.
struct Candidate {
    size_t word, at, end, next;  // next: start of the following token; `at + 1` if punctuation
};

bool make_candidate(View text, size_t at, Candidate& out) {
    const size_t after = at + 1;
    if (!is_stop(text[at]) || after >= text.size()) {
        return false;
    }
    out = {0, at, after + 1, after};
    if (is_non_word(text[after])) {
        return true;
    }
    size_t next = after;
    while (next < text.size() && is_space(text[next])) {
        ++next;
    }
    if (next == after || next == text.size()) {
        return false;
    }
    out.next = out.end = next;
    while (out.end < text.size() && !is_space(text[out.end])) {
        ++out.end;
    }
    return true;
}

// The candidates whose contexts do not overlap, the last one of each run of stops.
std::vector<Candidate> candidates(View text) {
    constexpr View kAsciiSpace = U" \t\n\r\v\f";
    std::vector<Candidate> out;
    Candidate previous{};
    bool any = false;
    for (size_t at = 0; at < text.size(); ++at) {
        Candidate c{};
        if (!make_candidate(text, at, c)) {
            continue;
        }
        const size_t from = any ? previous.at : 0;
        const View before = text.substr(from, at - from);
        const size_t space = before.find_last_of(kAsciiSpace);
        // A space right at the start counts as none (as in NLTK).
        c.word = space == View::npos || space == 0 ? (any ? previous.word : 0) : from + space + 1;
        if (any && previous.at <= c.word) {
            out.push_back(previous);
        }
        previous = c;
        any = true;
    }
    if (any) {
        out.push_back(previous);
    }
    return out;
}

// Length of closing punctuation at the start of `text` that belongs to the sentence before, with
// the white space after it in `with_space`; 0 if there is none.
size_t closing(View text, size_t& with_space) {
    for (size_t n = 1; n <= text.size() && is_closer(text[n - 1]); ++n) {
        size_t end = n;
        while (end < text.size() && is_space(text[end])) {
            ++end;
        }
        if (end > n || end == text.size() || text.substr(n, 2) == U"--") {
            with_space = end;
            return n;
        }
    }
    return 0;
}

}  // namespace

std::vector<View> sentences(View text) {
    std::vector<std::pair<size_t, size_t>> slices;
    size_t begin = 0;
    for (const Candidate& c : candidates(text)) {
        if (has_break(text.substr(c.word, c.end - c.word))) {
            slices.emplace_back(begin, c.at + 1);
            begin = c.next;
        }
    }
    size_t last = text.size();
    while (last > 0 && is_space(text[last - 1])) {
        --last;
    }
    slices.emplace_back(begin, last);
    std::vector<View> out;
    size_t shift = 0;
    for (size_t i = 0; i < slices.size(); ++i) {
        const size_t from = slices[i].first + shift;
        size_t to = slices[i].second;
        shift = 0;
        bool closed = false;
        if (i + 1 < slices.size() && slices[i + 1].first < slices[i + 1].second) {
            const auto [start, end] = slices[i + 1];
            const size_t n = closing(text.substr(start, end - start), shift);
            closed = n != 0;
            to = closed ? start + n : to;
        }
        if (closed || from < to) {
            out.push_back(text.substr(from, to > from ? to - from : 0));
        }
    }
    return out;
}

}  // namespace samara::ifeval
