// rules_more.cpp - the rules of rules_more.hpp.
#include "rules_more.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace samara::ifeval {
namespace {

// Python's string.punctuation.
bool is_punctuation(char32_t c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

// str.translate(str.maketrans("", "", string.punctuation)).
Text without_punctuation(View text) {
    Text out;
    out.reserve(text.size());
    std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char32_t c) {
        return !is_punctuation(c);
    });
    return out;
}

View strip_punctuation(View text) {
    while (!text.empty() && is_punctuation(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_punctuation(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

bool is_small_letter(char32_t c) {
    return c >= 'a' && c <= 'z';
}

}  // namespace

int64_t count_unique_words(View text) {
    const Text lowered = lower(text);
    std::unordered_set<View> words;
    for (const View token : split(lowered)) {
        words.insert(strip_punctuation(token));
    }
    return static_cast<int64_t>(words.size());
}

int64_t count_numbers(View text) {
    int64_t n = 0;
    bool inside = false;
    for (const char32_t c : text) {
        if (!is_punctuation(c)) {
            n += is_digit(c) && !inside ? 1 : 0;
            inside = is_digit(c);
        }
    }
    return n;
}

int64_t count_repeats(View text) {
    const Text plain = without_punctuation(lower(text));
    std::unordered_map<View, int64_t> counts;
    int64_t most = 0;
    for (const View token : split(plain)) {
        most = std::max(most, ++counts[token]);
    }
    return most;
}

int64_t count_ascii_letters(View text) {
    return std::count_if(text.begin(), text.end(), [](char32_t c) {
        return is_small_letter(c) || (c >= 'A' && c <= 'Z');
    });
}

int64_t count_lowercase_words(View text) {
    int64_t n = 0;
    for (size_t i = 0; i < text.size();) {
        size_t end = i;
        bool small = true;
        while (end < text.size() && is_word(text[end])) {
            small = is_small_letter(text[end++]) && small;
        }
        n += small && end > i ? 1 : 0;
        i = end + 1;
    }
    return n;
}

bool has_equal_neighbours(View text) {
    const Text plain = without_punctuation(lower(text));
    const std::vector<View> words = split(plain);
    for (size_t i = 1; i < words.size(); ++i) {
        if (words[i].front() == words[i - 1].front()) {
            return true;
        }
    }
    return false;
}

bool has_palindromes(View text) {
    const Text plain = lower(without_punctuation(text));
    const std::vector<View> words = split(plain);
    return std::count_if(words.begin(), words.end(), [](View word) {
               return word.size() >= 5 && std::equal(word.begin(), word.end(), word.rbegin());
           }) >= 10;
}

bool has_nested_brackets(View text) {
    constexpr View kOpen = U"([{", kClose = U")]}";
    constexpr size_t kDepth = 5;
    Text open;
    size_t deepest = 0;
    for (const char32_t c : text) {
        if (kOpen.find(c) != View::npos) {
            open += c;
            deepest = std::max(deepest, open.size());
            continue;
        }
        const size_t closed = kClose.find(c);
        if (closed == View::npos) {
            continue;
        }
        if (open.empty() || open.back() != kOpen[closed]) {
            open.clear();  // a mismatch starts anew
            deepest = 0;
            continue;
        }
        open.pop_back();
        if (deepest >= kDepth) {
            return true;
        }
    }
    return false;
}

bool is_word_per_line(View text) {
    const Text plain = without_punctuation(text);
    const View body = strip(plain);
    const std::vector<View> lines = split(body, U"\n");
    const auto filled =
        std::count_if(lines.begin(), lines.end(), [](View line) { return !line.empty(); });
    return static_cast<size_t>(filled) == split(body).size();
}

bool has_space(View text) {
    return std::any_of(text.begin(), text.end(), [](char32_t c) { return is_space(c); });
}

bool has_output_template(View text) {
    return text.find(U"My Answer:") != View::npos && text.find(U"My Conclusion:") != View::npos &&
           text.find(U"Future Outlook:") != View::npos;
}

bool is_bracketed(View text) {
    const std::vector<View> all = split(text);
    return std::all_of(all.begin(), all.end(), [](View token) {
        return token.front() == '[' && token.back() == ']';
    });
}

bool has_wrapped_bigrams(View text) {
    const std::vector<View> all = split(text);
    for (size_t i = 0; i + 1 < all.size(); i += 2) {
        if (!all[i].starts_with(U"<<") || !all[i + 1].ends_with(U">>")) {
            return false;
        }
    }
    return true;
}

bool has_digit(View text) {
    return std::any_of(text.begin(), text.end(), [](char32_t c) { return is_digit(c); });
}

View first_token(View text) {
    const View body = strip(text);
    const auto end = std::find_if(body.begin(), body.end(), [](char32_t c) { return is_space(c); });
    return body.substr(0, static_cast<size_t>(end - body.begin()));
}

Text last_word(View text) {
    const View body = strip(text);
    size_t begin = body.size();
    while (begin > 0 && !is_space(body[begin - 1])) {
        --begin;
    }
    Text out;
    for (const char32_t c : body.substr(begin)) {
        if (is_word(c)) {
            out += c;
        }
    }
    return out;
}

}  // namespace samara::ifeval
