// rules_count.cpp - the counting rules of rules.hpp, as scanners that consume exactly what the
// published regular expressions consume.
#include "rules.hpp"
#include "sentences.hpp"

namespace samara::ifeval {
namespace {

bool is_blank(View text) {
    return strip(text).empty();
}

size_t line_end(View text, size_t from) {
    const size_t end = text.find(U'\n', from);
    return end == View::npos ? text.size() : end;
}

// Matches of ^\s*MARK.*$ over all lines, where `body(j)` returns the position after the mark at j,
// or 0 if there is none.  \s* may run over line ends, and so may the mark.
template <class Body>
int64_t count_line_starts(View text, Body body) {
    int64_t n = 0;
    for (size_t i = 0; i <= text.size();) {
        if (i > 0 && text[i - 1] != '\n') {
            const size_t end = line_end(text, i);
            if (end == text.size()) {
                break;
            }
            i = end + 1;
            continue;
        }
        size_t mark = i;
        while (mark < text.size() && is_space(text[mark])) {
            ++mark;
        }
        const size_t after = mark < text.size() ? body(mark) : 0;
        if (after != 0) {
            ++n;
            i = line_end(text, after);
            // At the end of a line: the next start is behind its newline.
            i += 1;
        } else {
            // Every start up to the mark leads to the same mark.
            i = mark + 1;
        }
    }
    return n;
}

}  // namespace

int64_t count_words(View text) {
    int64_t n = 0;
    bool inside = false;
    for (const char32_t c : text) {
        const bool word = is_token_word(c);
        n += word && !inside ? 1 : 0;
        inside = word;
    }
    return n;
}

int64_t count_sentences(View text) {
    return static_cast<int64_t>(sentences(text).size());
}

int64_t count_paragraphs(View text) {
    // \s?\*\*\*\s? takes one white space from either side, which strip() would take anyway.
    const std::vector<View> parts = split(text, U"***");
    auto n = static_cast<int64_t>(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
        if (is_blank(parts[i])) {
            if (i != 0 && i + 1 != parts.size()) {
                return -1;
            }
            --n;
        }
    }
    return n;
}

int64_t count_placeholders(View text) {
    int64_t n = 0;
    for (size_t open = text.find(U'['); open != View::npos;) {
        const size_t close = text.find(U']', open + 1);
        const size_t line = text.find(U'\n', open + 1);
        if (close == View::npos) {
            return n;
        }
        const bool found = close < line;
        n += found ? 1 : 0;
        open = text.find(U'[', found ? close + 1 : line + 1);
    }
    return n;
}

int64_t count_bullets(View text) {
    const int64_t stars = count_line_starts(text, [&](size_t j) -> size_t {
        return text[j] == '*' && j + 1 < text.size() && text[j + 1] != '*' ? j + 2 : 0;
    });
    const int64_t dashes =
        count_line_starts(text, [&](size_t j) -> size_t { return text[j] == '-' ? j + 1 : 0; });
    return stars + dashes;
}

int64_t count_highlights(View text) {
    int64_t n = 0;
    const auto next_mark = [&](size_t from) {  // "*" or newline
        const size_t at = text.find_first_of(U"*\n", from);
        return at == View::npos ? text.size() : at;
    };
    for (size_t i = text.find(U'*'); i != View::npos;) {  // \*[^\n\*]*\*
        const size_t end = next_mark(i + 1);
        const bool match = end < text.size() && text[end] == '*';
        n += match && !is_blank(text.substr(i + 1, end - i - 1)) ? 1 : 0;
        i = text.find(U'*', match ? end + 1 : i + 1);
    }
    for (size_t i = text.find(U"**"); i != View::npos;) {  // \*\*[^\n\*]*\*\*
        const size_t end = next_mark(i + 2);
        const bool match = text.substr(end, 2) == U"**";
        n += match && !is_blank(text.substr(i + 2, end - i - 2)) ? 1 : 0;
        i = text.find(U"**", match ? end + 2 : i + 1);
    }
    return n;
}

int64_t count_letter(View text, char32_t letter) {
    int64_t n = 0;
    for (const char32_t c : lower(text)) {
        n += c == letter ? 1 : 0;
    }
    return n;
}

int64_t count_sections(View text, const Pattern& splitter) {
    // \s? S \s? \d+ \s?; returns the end of a match at `at`, or 0.
    const auto tail = [&](size_t at) -> size_t {
        if (!splitter.matches(text, at)) {
            return 0;
        }
        size_t i = at + splitter.size();
        i += i + 1 < text.size() && is_space(text[i]) && is_digit(text[i + 1]) ? 1 : 0;
        const size_t first = i;
        while (i < text.size() && is_digit(text[i])) {
            ++i;
        }
        if (i == first) {
            return 0;
        }
        return i + (i < text.size() && is_space(text[i]) ? 1 : 0);
    };
    int64_t n = 0;
    for (size_t at = 0; at < text.size();) {
        size_t end = is_space(text[at]) ? tail(at + 1) : 0;
        end = end != 0 ? end : tail(at);
        n += end != 0 ? 1 : 0;
        at = end != 0 ? end : at + 1;
    }
    return n;
}

}  // namespace samara::ifeval
