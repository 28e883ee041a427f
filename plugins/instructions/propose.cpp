// propose.cpp - the draws of propose.hpp, type by type.
#include "propose.hpp"

#include "rules.hpp"
#include "rules_more.hpp"
#include "solve.hpp"

#include <algorithm>
#include <unordered_set>

namespace samara::ifeval {
namespace {

// A number above the smaller and up to the larger count: exactly the larger one reaches it.
std::optional<Arguments> threshold(int64_t a, int64_t b, Random& random) {
    if (a == b) {
        return std::nullopt;
    }
    Arguments out;
    out.number = random.between(std::min(a, b) + 1, std::max(a, b));
    return out;
}

// One of the two counts; only the larger one where 0 would be asked for.
std::optional<Arguments> exact(int64_t a, int64_t b, Random& random) {
    const int64_t drawn = random.below(2) == 0 ? a : b;
    Arguments out;
    out.number = drawn >= 1 ? drawn : std::max(a, b);
    return a == b || out.number < 1 ? std::nullopt : std::optional(out);
}

// "At most n": a number from the smaller count up to just below the larger, at least 1.
std::optional<Arguments> at_most(int64_t a, int64_t b, Random& random) {
    std::optional<Arguments> out = threshold(a, b, random);
    if (out) {
        out->number = std::max<int64_t>(out->number - 1, 1);
    }
    return out && out->number < std::max(a, b) ? out : std::nullopt;
}

// A range around one of the two counts, up to a fifth of it wide on either side, without the other.
std::optional<Arguments> range(int64_t a, int64_t b, Random& random) {
    const bool first = random.below(2) == 0;
    const int64_t inside = first ? a : b, outside = first ? b : a;
    if (a == b || inside < 1) {
        return std::nullopt;
    }
    const int64_t width = std::max<int64_t>(2, inside / 5);
    Arguments out;
    out.number = inside - random.between(0, width);
    out.index = inside + random.between(0, width);
    out.number = std::max({out.number, int64_t{1}, outside < inside ? outside + 1 : int64_t{1}});
    out.index = outside > inside ? std::min(out.index, outside - 1) : out.index;
    return out;
}

bool holds_word(Kind kind, const Text& word, View text) {
    const Pattern pattern(word, true, "word");
    return kind == Kind::forbidden ? pattern.found_as_word(text) : pattern.find(text) != View::npos;
}

// One or two words of one side that the other side lacks.
std::optional<Arguments> words(Kind kind, View a, View b, Random& random) {
    const uint64_t first = random.below(2);
    const size_t wanted = random.below(10) < 7 ? 1 : 2;
    for (const uint64_t turn : {first, 1 - first}) {
        std::vector<Text> candidates = content_words(turn == 0 ? a : b);
        random.shuffle(candidates);
        Arguments out;
        for (Text& word : candidates) {
            if (out.texts.size() < wanted && !holds_word(kind, word, turn == 0 ? b : a)) {
                out.texts.push_back(std::move(word));
            }
        }
        if (!out.texts.empty()) {
            return out;
        }
    }
    return std::nullopt;
}

// A word that the sides use differently often, and a number between.
std::optional<Arguments> frequency(View a, View b, Random& random) {
    constexpr size_t kTries = 24;
    std::vector<Text> candidates = content_words(a);
    for (Text& word : content_words(b)) {
        if (std::find(candidates.begin(), candidates.end(), word) == candidates.end()) {
            candidates.push_back(std::move(word));
        }
    }
    random.shuffle(candidates);
    for (size_t i = 0; i < candidates.size() && i < kTries; ++i) {
        const Pattern pattern(candidates[i], true, "keyword");
        if (auto out = threshold(pattern.count(a), pattern.count(b), random)) {
            out->text = candidates[i];
            return out;
        }
    }
    return std::nullopt;
}

// A word that exactly one side uses exactly once.
std::optional<Arguments> once(View a, View b, Random& random) {
    std::vector<Text> candidates = content_words(a);
    for (Text& word : content_words(b)) {
        candidates.push_back(std::move(word));
    }
    random.shuffle(candidates);
    for (Text& word : candidates) {
        const Pattern pattern(word, true, "keyword");
        if ((pattern.count(a) == 1) != (pattern.count(b) == 1)) {
            Arguments out;
            out.text = std::move(word);
            return out;
        }
    }
    return std::nullopt;
}

// The first or last word of one side, where the other side has another.
std::optional<Arguments> edge_word(Kind kind, View a, View b, Random& random) {
    const auto word = [&](View text) {
        return lower(kind == Kind::first_word ? Text(first_token(text)) : last_word(text));
    };
    const Text one = word(a), other = word(b);
    Arguments out;
    out.text = random.below(2) == 0 ? one : other;
    const bool plain = std::all_of(out.text.begin(), out.text.end(), [](char32_t c) {
        return is_word(c) && !is_digit(c) && c != '_';
    });
    return plain && !out.text.empty() && out.text.size() <= 20 && one != other ? std::optional(out)
                                                                               : std::nullopt;
}

// The number of paragraphs of one side and the first word of one of them.
std::optional<Arguments> paragraph(View a, View b, Random& random) {
    const View from = random.below(2) == 0 ? a : b;
    Arguments out;
    out.number = count_spaced_paragraphs(from);
    out.index = random.between(1, std::max<int64_t>(out.number, 1));
    out.text = paragraph_start(from, out.index);
    const bool usable =
        !out.text.empty() && out.text.size() <= 20 &&
        std::all_of(out.text.begin(), out.text.end(), [](char32_t c) { return is_word(c); }) &&
        has_paragraph_start(a, out.number, out.index, out.text) !=
            has_paragraph_start(b, out.number, out.index, out.text);
    return usable ? std::optional(out) : std::nullopt;
}

std::optional<Arguments> letter(View a, View b, Random& random) {
    for (int i = 0; i < 8; ++i) {
        const auto drawn = static_cast<char32_t>('a' + random.below(26));
        if (auto out = threshold(count_letter(a, drawn), count_letter(b, drawn), random)) {
            out->text = Text(1, drawn);
            return out;
        }
    }
    return std::nullopt;
}

// The last two to four words of one side, on one line.
std::optional<Arguments> ending(View a, View b, Random& random) {
    const View from = strip(random.below(2) == 0 ? a : b);
    const auto wanted = static_cast<size_t>(random.between(2, 4));
    size_t at = from.size();
    for (size_t n = 0; n < wanted && at > 0; ++n) {
        while (at > 0 && from[at - 1] == ' ') {
            --at;
        }
        while (at > 0 && !is_space(from[at - 1])) {
            --at;
        }
    }
    Arguments out;
    out.text = strip_right(strip_left(from.substr(at), U'"'), U'"');
    const bool usable = !strip(out.text).empty() && out.text.find(U'\n') == Text::npos &&
                        out.text.size() <= 80 && ends_with(a, out.text) != ends_with(b, out.text);
    return usable ? std::optional(out) : std::nullopt;
}

std::optional<Arguments> marker(int64_t a, int64_t b, Random& random) {
    const int64_t differ = a ^ b;
    if (differ == 0) {
        return std::nullopt;
    }
    Arguments out;
    const bool twice = differ == 3 ? random.below(2) == 1 : differ == 2;
    out.text = twice ? U"P.P.S" : U"P.S.";
    return out;
}

const std::unordered_set<Text>& function_words() {
    static const std::unordered_set<Text> kWords = [] {
        std::unordered_set<Text> out;
        constexpr View kList =
            U"that with this from have they will your been were their what when which would there "
            U"about could other than then them these some into more also such only over very just "
            U"like most many each because through where those while after before being does "
            U"should here much even both well make made same still since until upon must might "
            U"shall ours yours hers theirs itself themselves himself herself myself yourself "
            U"whom whose between during without within against among else ever every another";
        for (const View word : split(kList, U" ")) {
            out.emplace(word);
        }
        return out;
    }();
    return kWords;
}

}  // namespace

std::vector<Text> content_words(View text) {
    std::vector<Text> out;
    std::unordered_set<Text> seen;
    const auto is_letter = [](char32_t c) { return is_word(c) && !is_digit(c) && c != '_'; };
    const auto joins = [&](size_t i) {  // part of "don't", "x_1" or "3rd"
        return i < text.size() && (text[i] == '\'' || text[i] == 0x2019 || is_word(text[i]));
    };
    for (size_t i = 0; i < text.size();) {
        if (!is_letter(text[i])) {
            ++i;
            continue;
        }
        size_t end = i;
        while (end < text.size() && is_letter(text[end])) {
            ++end;
        }
        if (end - i >= 4 && end - i <= 14 && !joins(end) && (i == 0 || !joins(i - 1))) {
            Text word = lower(text.substr(i, end - i));
            if (function_words().count(word) == 0 && seen.insert(word).second) {
                out.push_back(std::move(word));
            }
        }
        i = end;
    }
    return out;
}

bool needs_no_text(Kind kind) {
    return kind != Kind::existence && kind != Kind::paragraph_start && kind != Kind::forbidden &&
           kind != Kind::frequency && kind != Kind::letter && kind != Kind::end_phrase &&
           kind != Kind::word_once && kind != Kind::first_word && kind != Kind::last_word;
}

std::optional<Arguments> propose(Kind kind, const Side& a, const Side& b, Random& random) {
    switch (kind) {
        case Kind::existence:
        case Kind::forbidden:
            return words(kind, a.text, b.text, random);
        case Kind::frequency:
            return frequency(a.text, b.text, random);
        case Kind::letter:
            return letter(a.text, b.text, random);
        case Kind::end_phrase:
            return ending(a.text, b.text, random);
        case Kind::postscript:
            return marker(a.value, b.value, random);
        case Kind::word_once:
            return once(a.text, b.text, random);
        case Kind::first_word:
        case Kind::last_word:
            return edge_word(kind, a.text, b.text, random);
        case Kind::paragraph_start:
            return paragraph(a.text, b.text, random);
        case Kind::word_range:
            return range(a.value, b.value, random);
        case Kind::repeats:
        case Kind::lowercase_words:
            return at_most(a.value, b.value, random);
        case Kind::bullets:
        case Kind::paragraphs:
        case Kind::numbers:
            return exact(a.value, b.value, random);
        case Kind::sentences:
        case Kind::words:
        case Kind::capital_words:
        case Kind::placeholders:
        case Kind::highlights:
        case Kind::unique_words:
        case Kind::letters:
            return threshold(a.value, b.value, random);
        default:  // the fixed predicates
            return a.value != b.value ? std::optional(Arguments{}) : std::nullopt;
    }
}

}  // namespace samara::ifeval
