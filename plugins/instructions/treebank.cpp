// treebank.cpp - the rewriting rules of NLTK's word tokenizer, in their order: each one pads what
// it splits with spaces.  Behind treebank.hpp.
#include "treebank.hpp"

#include <initializer_list>

namespace samara::ifeval {
namespace {

bool is_in(char32_t c, View set) {
    return set.find(c) != View::npos;
}

// Puts a space on both sides of every character that `test` accepts.
template <class Test>
Text pad(View text, Test test) {
    Text out;
    out.reserve(text.size() + 16);
    for (const char32_t c : text) {
        if (test(c)) {
            out += U' ';
            out += c;
            out += U' ';
        } else {
            out += c;
        }
    }
    return out;
}

Text replace(View text, View from, View to) {
    Text out;
    size_t at = 0;
    for (size_t hit = text.find(from); hit != View::npos; hit = text.find(from, at)) {
        out.append(text.substr(at, hit - at)).append(to);
        at = hit + from.size();
    }
    return out.append(text.substr(at));
}

bool same(View text, size_t at, View word) {
    if (at + word.size() > text.size()) {
        return false;
    }
    for (size_t i = 0; i < word.size(); ++i) {
        if (to_fold(text[at + i]) != word[i]) {
            return false;
        }
    }
    return true;
}

bool is_edge(View text, size_t at) {
    const bool before = at > 0 && is_word(text[at - 1]);
    const bool after = at < text.size() && is_word(text[at]);
    return before != after;
}

// ([ \(\[{<])("|'{2}) -> \1 ``
Text open_quotes(View text) {
    Text out;
    for (size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (is_in(text[i], U" ([{<") && i + 1 < text.size()) {
            const size_t n = text[i + 1] == '"' ? 1 : text.substr(i + 1, 2) == U"''" ? 2 : 0;
            if (n != 0) {
                out += U" `` ";
                i += n;
            }
        }
    }
    return out;
}

// (?<!\w)'(?!(re|ve|ll|m|t|s|d|n)\b)(?=\w) -> "' "
Text open_apostrophes(View text) {
    Text out;
    for (size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] != '\'' || (i > 0 && is_word(text[i - 1])) || i + 1 >= text.size() ||
            !is_word(text[i + 1])) {
            continue;
        }
        bool clitic = false;
        for (const View c : {U"re", U"ve", U"ll", U"m", U"t", U"s", U"d", U"n"}) {
            clitic = clitic || (same(text, i + 1, c) && is_edge(text, i + 1 + c.size()));
        }
        if (!clitic) {
            out += U' ';
        }
    }
    return out;
}

// ([^\.])(\.)([closers and spaces]*)\s*$: the final stop becomes a token of its own.
Text split_final_stop(View text, View closers, bool join) {
    size_t end = text.size();
    while (end > 0 && is_space(text[end - 1])) {
        --end;
    }
    size_t stop = end;
    while (stop > 0 && (is_in(text[stop - 1], closers))) {
        --stop;
    }
    // Spaces among the closers are closers too (the first rule's class has one).
    if (stop < 2 || text[stop - 1] != '.' || text[stop - 2] == '.') {
        return Text(text);
    }
    Text out(text.substr(0, stop - 1));
    out.append(U" .").append(join ? U"" : U" ").append(text.substr(stop, end - stop));
    return out += U' ';
}

// ([:,])([^\d]) -> " \1 \2"; a final one -> " \1 "
Text split_commas(View text) {
    Text out;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool mark = text[i] == ':' || text[i] == ',';
        if (mark && i + 1 < text.size() && !is_digit(text[i + 1])) {
            out += U' ';
            out += text[i];
            out += U' ';
            out += text[++i];
        } else {
            out += text[i];
        }
    }
    if (!out.empty() && is_in(out.back(), U":,")) {
        const char32_t mark = out.back();
        out.pop_back();
        out += U' ';
        out += mark;
    }
    return out;
}

Text pad_runs(View text, char32_t c, size_t least) {
    Text out;
    for (size_t i = 0; i < text.size();) {
        size_t end = i;
        while (end < text.size() && text[end] == c) {
            ++end;
        }
        if (end - i >= least) {
            out.append(U" ").append(text.substr(i, end - i)).append(U" ");
            i = end;
        } else {
            out += text[i++];
        }
    }
    return out;
}

// ([^'])' ' -> "\1 ' "
Text split_trailing_apostrophes(View text) {
    Text out;
    for (size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] != '\'' && i + 2 < text.size() && text[i + 1] == '\'' && text[i + 2] == ' ') {
            out += U" ' ";
            i += 2;
        }
    }
    return out;
}

Text squeeze_spaces(View text) {
    Text out;
    for (const char32_t c : text) {
        if (!is_space(c)) {
            out += c;
        } else if (out.empty() || out.back() != ' ') {
            out += U' ';
        }
    }
    return out;
}

// ([^' ])(clitic) -> "\1 \2 ", the clitic followed by a space.  One pass over all of them, as a
// regular expression with alternatives does.
Text split_clitics(View text, std::initializer_list<View> clitics) {
    Text out;
    for (size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] == '\'' || text[i] == ' ') {
            continue;
        }
        for (const View c : clitics) {
            if (text.substr(i + 1, c.size()) == c && i + 1 + c.size() < text.size() &&
                text[i + 1 + c.size()] == ' ') {
                out.append(U" ").append(c).append(U" ");
                i += c.size() + 1;
                break;
            }
        }
    }
    return out;
}

// (?i)\b(first)(second)\b -> " \1 \2 "; `border` false asks for a space before, instead.
Text split_contraction(View text, View first, View second, bool border) {
    Text out;
    const size_t n = first.size() + second.size();
    for (size_t i = 0; i < text.size(); ++i) {
        const size_t at = border ? i : i + 1;
        const bool start = border ? is_edge(text, i) : text[i] == ' ';
        const bool wanna = first == U"wan";
        if (start && same(text, at, first) && same(text, at + first.size(), second) &&
            (wanna ? at + n < text.size() && is_space(text[at + n]) : is_edge(text, at + n))) {
            out.append(U" ").append(text.substr(at, first.size())).append(U" ");
            out.append(text.substr(at + first.size(), second.size())).append(U" ");
            i = at + n - 1;
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace

Text treebank(View sentence) {
    Text t;
    for (size_t i = 0; i < sentence.size();) {  // ([«“‘„]|[`]+)
        size_t end = i;
        while (end < sentence.size() && sentence[end] == '`') {
            ++end;
        }
        if (end == i && is_in(sentence[i], U"\u00ab\u201c\u2018\u201e")) {
            end = i + 1;
        }
        if (end > i) {
            t.append(U" ").append(sentence.substr(i, end - i)).append(U" ");
            i = end;
        } else {
            t += sentence[i++];
        }
    }
    if (!t.empty() && t[0] == '"') {
        t.replace(0, 1, U"``");
    }
    t = replace(t, U"``", U" `` ");
    t = open_apostrophes(open_quotes(t));
    t = split_final_stop(t, U"])}>\"' \u00bb\u201d\u2019", false);
    t = split_commas(t);
    t = pad_runs(t, U'.', 2);
    t = pad(t, [](char32_t c) { return is_in(c, U";@#$%&"); });
    t = pad(t, [](char32_t c) { return c >= 0x2012 && c <= 0x2015; });
    t = split_final_stop(t, U"])}>\"'", true);
    t = pad(t, [](char32_t c) { return c == '?' || c == '!'; });
    t = split_trailing_apostrophes(t);
    t = pad(t, [](char32_t c) { return c == '*'; });
    t = pad(t, [](char32_t c) { return is_in(c, U"][(){}<>"); });
    t = replace(t, U"--", U" -- ");
    t = U" " + t + U" ";
    t = pad(t, [](char32_t c) { return is_in(c, U"\u00bb\u201d\u2019"); });
    t = replace(t, U"''", U" '' ");
    t = replace(t, U"\"", U" '' ");
    t = squeeze_spaces(t);
    t = split_clitics(t, {U"'s", U"'S", U"'m", U"'M", U"'d", U"'D", U"'"});
    t = split_clitics(t, {U"'ll", U"'LL", U"'re", U"'RE", U"'ve", U"'VE", U"n't", U"N'T"});
    constexpr View kTwo[][2] = {{U"can", U"not"},
                                {U"d", U"'ye"},
                                {U"gim", U"me"},
                                {U"gon", U"na"},
                                {U"got", U"ta"},
                                {U"lem", U"me"},
                                {U"more", U"'n"},
                                {U"wan", U"na"}};
    for (const auto& [first, second] : kTwo) {
        t = split_contraction(t, first, second, true);
    }
    t = split_contraction(t, U"'t", U"is", false);
    return split_contraction(t, U"'t", U"was", false);
}

}  // namespace samara::ifeval
