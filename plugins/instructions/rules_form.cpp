// rules_form.cpp - the rules of rules.hpp that look at a response's form rather than count.
#include "rules.hpp"

#include <algorithm>

namespace samara::ifeval {
namespace {

// What json.loads accepts (CPython): RFC 8259 plus NaN, Infinity and -Infinity, lone surrogate
// escapes and repeated keys; an integer of more than 4,300 digits is refused.
class JsonReader {
public:
    explicit JsonReader(View text) : s_(text) {}
    bool document() {
        space();
        const bool good = value(0);
        space();
        return good && at_ == s_.size();
    }

private:
    // CPython gives up at its recursion limit of 1,000 frames.
    static constexpr int kDepth = 990;
    static constexpr size_t kIntegerDigits = 4300;

    char32_t peek() const { return at_ < s_.size() ? s_[at_] : U'\0'; }
    void space() {
        while (at_ < s_.size() && View(U" \t\n\r").find(s_[at_]) != View::npos) {
            ++at_;
        }
    }
    bool take(View word) {
        if (s_.substr(at_, word.size()) != word) {
            return false;
        }
        at_ += word.size();
        return true;
    }
    bool value(int depth) {
        if (depth > kDepth) {
            return false;
        }
        switch (peek()) {
            case U'{':
                return list(U'}', depth, true);
            case U'[':
                return list(U']', depth, false);
            case U'"':
                return string();
            default:
                return take(U"true") || take(U"false") || take(U"null") || take(U"NaN") ||
                       take(U"Infinity") || take(U"-Infinity") || number();
        }
    }
    bool list(char32_t close, int depth, bool keyed) {
        ++at_;
        space();
        if (peek() == close) {
            ++at_;
            return true;
        }
        for (;;) {
            if (keyed) {
                if (!string()) {
                    return false;
                }
                space();
                if (!take(U":")) {
                    return false;
                }
                space();
            }
            if (!value(depth + 1)) {
                return false;
            }
            space();
            if (peek() == close) {
                ++at_;
                return true;
            }
            if (!take(U",")) {
                return false;
            }
            space();
        }
    }
    bool string() {
        if (!take(U"\"")) {
            return false;
        }
        while (at_ < s_.size() && s_[at_] != '"') {
            if (s_[at_] < 0x20) {
                return false;
            }
            if (s_[at_++] != '\\') {
                continue;
            }
            const char32_t c = peek();
            ++at_;
            if (c == 'u') {
                for (int i = 0; i < 4; ++i, ++at_) {
                    if (View(U"0123456789abcdefABCDEF").find(peek()) == View::npos) {
                        return false;
                    }
                }
            } else if (c == 0 || View(U"\"\\/bfnrt").find(c) == View::npos) {
                return false;
            }
        }
        return take(U"\"");
    }
    size_t digits() {
        const size_t from = at_;
        while (peek() >= '0' && peek() <= '9') {
            ++at_;
        }
        return at_ - from;
    }
    bool number() {
        take(U"-");
        const size_t whole = peek() == '0' ? (++at_, size_t{1}) : digits();
        if (whole == 0) {
            return false;
        }
        bool integer = true;
        size_t back = at_;
        if (take(U".")) {
            integer = digits() == 0;
            at_ = integer ? back : at_;
        }
        back = at_;
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') {
                ++at_;
            }
            const bool exponent = digits() != 0;
            integer = integer && !exponent;
            at_ = exponent ? at_ : back;
        }
        return !integer || whole <= kIntegerDigits;
    }
    View s_;
    size_t at_ = 0;
};

View drop_prefix(View text, View prefix) {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// p\.\s?p\.\s?s (twice) or p\.\s?s\. (once), on lower-cased text.
bool has_ps(View text, bool twice) {
    const auto dotted = [&](size_t& at) {
        if (text.substr(at, 2) != U"p.") {
            return false;
        }
        at += 2;
        at += at < text.size() && is_space(text[at]) ? 1 : 0;
        return true;
    };
    for (size_t from = text.find(U"p."); from != View::npos; from = text.find(U"p.", from + 1)) {
        size_t at = from;
        if (dotted(at) && (!twice || dotted(at)) && text.substr(at, 1) == U"s" &&
            (twice || text.substr(at + 1, 1) == U".")) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool has_comma(View text) {
    return text.find(U',') != View::npos;
}

bool has_title(View text) {
    for (size_t open = text.find(U"<<"); open != View::npos;) {
        const size_t end = std::min(text.find(U'\n', open), text.size());
        const size_t close = text.substr(0, end).rfind(U">>");
        if (close == View::npos || close < open + 3) {
            open = text.find(U"<<", open + 1);
            continue;
        }
        const View title = text.substr(open, close + 2 - open);
        if (!strip(strip_right(strip_left(title, U'<'), U'>')).empty()) {
            return true;
        }
        open = text.find(U"<<", close + 2);
    }
    return false;
}

bool has_option(View text) {
    for (const View option : {U"My answer is yes.", U"My answer is no.", U"My answer is maybe."}) {
        if (text.find(option) != View::npos) {
            return true;
        }
    }
    return false;
}

bool is_quoted(View text) {
    text = strip(text);
    return text.size() > 1 && text.front() == '"' && text.back() == '"';
}

bool is_json(View text) {
    text = strip(text);
    for (const View fence : {U"```json", U"```Json", U"```JSON", U"```"}) {
        text = drop_prefix(text, fence);
    }
    if (text.ends_with(U"```")) {
        text.remove_suffix(3);
    }
    return JsonReader(strip(text)).document();
}

bool has_two_responses(View text) {
    const std::vector<View> parts = split(text, U"******");
    std::vector<View> answers;
    for (size_t i = 0; i < parts.size(); ++i) {
        const View part = strip(parts[i]);
        if (!part.empty()) {
            answers.push_back(part);
        } else if (i != 0 && i + 1 != parts.size()) {
            return false;
        }
    }
    return answers.size() == 2 && answers[0] != answers[1];
}

bool has_postscript(View text, View marker) {
    const Text low = lower(text);
    marker = strip(marker);
    if (marker == U"P.P.S" || marker == U"P.S.") {
        return has_ps(low, marker == U"P.P.S");
    }
    const Pattern pattern(lower(marker), false, "postscript_marker");
    return pattern.find(low) != View::npos;
}

bool ends_with(View text, View phrase) {
    const Text low = lower(strip_right(strip_left(strip(text), U'"'), U'"'));
    return View(low).ends_with(lower(strip(phrase)));
}

bool repeats_prompt(View text, View start) {
    return View(lower(strip(text))).starts_with(lower(strip(start)));
}

int64_t count_spaced_paragraphs(View text) {
    const std::vector<View> parts = split(text, U"\n\n");
    return std::count_if(
        parts.begin(), parts.end(), [](View part) { return !strip(part).empty(); });
}

Text paragraph_start(View text, int64_t k) {
    const std::vector<View> parts = split(text, U"\n\n");
    if (k < 1 || k > static_cast<int64_t>(parts.size())) {
        return {};
    }
    // The index is into all parts, blank ones included (as published).
    View part = strip(parts[static_cast<size_t>(k - 1)]);
    part = part.substr(
        0, static_cast<size_t>(std::find_if(part.begin(), part.end(), is_space) - part.begin()));
    part = strip_left(strip_left(part, U'\''), U'"');
    part = part.substr(0, part.find_first_of(U".,?!'\""));
    Text first;
    for (const char32_t c : part) {
        first += lower(View(&c, 1));
    }
    return first;
}

bool has_paragraph_start(View text, int64_t n, int64_t k, View word) {
    if (k < 1 || k > n || count_spaced_paragraphs(text) != n) {
        return false;
    }
    const std::vector<View> parts = split(text, U"\n\n");
    return !strip(parts[static_cast<size_t>(k - 1)]).empty() && paragraph_start(text, k) == word;
}

}  // namespace samara::ifeval
