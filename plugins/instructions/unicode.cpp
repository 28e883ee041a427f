// unicode.cpp - tables and text operations behind unicode.hpp.  The tables come from
// unicode_tables.py; ASCII never reaches them.
#include "unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace samara::ifeval {
namespace {

struct Run {
    uint32_t first, last, step;
};
struct Shift {
    uint32_t first, last, step;
    int32_t offset;
};
#include "unicode_tables.inc"

// The run that holds c, or nullptr; runs are sorted and do not overlap.
template <class R, size_t N>
const R* find(const R (&runs)[N], uint32_t c) {
    const R* after = std::upper_bound(
        std::begin(runs), std::end(runs), c, [](uint32_t x, const R& r) { return x < r.first; });
    if (after == std::begin(runs)) {
        return nullptr;
    }
    const R* run = after - 1;
    return c <= run->last && (c - run->first) % run->step == 0 ? run : nullptr;
}

// Letters that re.IGNORECASE holds equal although their lower cases differ (CPython, _casefix.py).
constexpr char32_t kSame[][2] = {
    {0x131, 'i'},     {0x17f, 's'},     {0xb5, 0x3bc},   {0x345, 0x3b9},  {0x1fbe, 0x3b9},
    {0x1fd3, 0x390},  {0x1fe3, 0x3b0},  {0x3d0, 0x3b2},  {0x3f5, 0x3b5},  {0x3d1, 0x3b8},
    {0x3f0, 0x3ba},   {0x3d6, 0x3c0},   {0x3f1, 0x3c1},  {0x3c2, 0x3c3},  {0x3d5, 0x3c6},
    {0x1e9b, 0x1e61}, {0xfb06, 0xfb05}, {0x1c80, 0x432}, {0x1c81, 0x434}, {0x1c82, 0x43e},
    {0x1c83, 0x441},  {0x1c84, 0x442},  {0x1c85, 0x442}, {0x1c86, 0x44a}, {0x1c87, 0x463},
    {0x1c88, 0xa64b},
};

bool is_cased(char32_t c) {
    return is_upper(c) || is_lower(c) || is_title(c);
}

// Characters that a word's end looks through when it decides about a final sigma: marks and the
// apostrophes and stops inside words.  The common part of Unicode's Case_Ignorable.
bool is_ignorable(char32_t c) {
    return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xa8 || c == 0xad ||
           c == 0xaf || c == 0xb4 || c == 0xb7 || c == 0xb8 || (c >= 0x2b0 && c <= 0x36f) ||
           c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027 || (c >= 0x200b && c <= 0x200f);
}

bool is_final_sigma(View text, size_t at) {
    size_t before = at;
    while (before > 0 && is_ignorable(text[before - 1])) {
        --before;
    }
    if (before == 0 || !is_cased(text[before - 1])) {
        return false;
    }
    size_t after = at + 1;
    while (after < text.size() && is_ignorable(text[after])) {
        ++after;
    }
    return after == text.size() || !is_cased(text[after]);
}

}  // namespace

Text decode(std::string_view s) {
    Text out;
    out.reserve(s.size());
    for (size_t i = 0; i < s.size();) {
        const auto lead = static_cast<unsigned char>(s[i]);
        const size_t tail = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        constexpr uint32_t kMask[] = {0x7f, 0x1f, 0x0f, 0x07};
        constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
        uint32_t code = lead & kMask[tail];
        bool good = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4 && i + tail < s.size());
        for (size_t k = 1; good && k <= tail; ++k) {
            const auto next = static_cast<unsigned char>(s[i + k]);
            good = (next & 0xc0) == 0x80;
            code = (code << 6) | (next & 0x3f);
        }
        good = good && code >= kLeast[tail] && code <= 0x10ffff && (code & 0x1ff800) != 0xd800;
        out += good ? static_cast<char32_t>(code) : U'\ufffd';
        i += good ? tail + 1 : 1;
    }
    return out;
}

std::string encode(View text) {
    std::string out;
    out.reserve(text.size());
    for (const char32_t c : text) {
        if (c < 0x80) {
            out += static_cast<char>(c);
            continue;
        }
        const int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        constexpr uint32_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
        out += static_cast<char>(kLead[tail] | (c >> (6 * tail)));
        for (int k = tail - 1; k >= 0; --k) {
            out += static_cast<char>(0x80 | ((c >> (6 * k)) & 0x3f));
        }
    }
    return out;
}

bool is_space(char32_t c) {
    if (c < 0x80) {
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31);
    }
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_word(char32_t c) {
    if (c < 0x80) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    }
    return find(kAlnum, c) != nullptr;
}

bool is_token_word(char32_t c) {
    if (c < 0x80) {
        return is_word(c);
    }
    return find(kTokenOnly, c) != nullptr || (is_word(c) && find(kNoToken, c) == nullptr);
}

bool is_digit(char32_t c) {
    return c < 0x80 ? c >= '0' && c <= '9' : find(kDigit, c) != nullptr;
}

bool is_upper(char32_t c) {
    return c < 0x80 ? c >= 'A' && c <= 'Z' : find(kUpper, c) != nullptr;
}

bool is_lower(char32_t c) {
    return c < 0x80 ? c >= 'a' && c <= 'z' : find(kLower, c) != nullptr;
}

bool is_title(char32_t c) {
    return c >= 0x80 && find(kTitle, c) != nullptr;
}

char32_t to_lower(char32_t c) {
    if (c < 0x80) {
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    const Shift* shift = find(kToLower, c);
    return shift == nullptr ? c : static_cast<char32_t>(static_cast<int32_t>(c) + shift->offset);
}

char32_t to_fold(char32_t c) {
    const char32_t low = c == 0x130 ? U'i' : to_lower(c);
    if (low < 0x80) {
        return low;
    }
    for (const auto& [variant, letter] : kSame) {
        if (variant == low) {
            return letter;
        }
    }
    return low;
}

Text lower(View text) {
    Text out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == 0x130) {
            out += U"i\u0307";
        } else if (text[i] == 0x3a3 && is_final_sigma(text, i)) {
            out += U'\u03c2';
        } else {
            out += to_lower(text[i]);
        }
    }
    return out;
}

bool is_upper(View text) {
    bool cased = false;
    for (const char32_t c : text) {
        if (is_lower(c) || is_title(c)) {
            return false;
        }
        cased = cased || is_upper(c);
    }
    return cased;
}

View strip(View text) {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

View strip_left(View text, char32_t c) {
    while (!text.empty() && text.front() == c) {
        text.remove_prefix(1);
    }
    return text;
}

View strip_right(View text, char32_t c) {
    while (!text.empty() && text.back() == c) {
        text.remove_suffix(1);
    }
    return text;
}

Text without(View text, char32_t c) {
    Text out(text);
    out.erase(std::remove(out.begin(), out.end(), c), out.end());
    return out;
}

std::vector<View> split(View text) {
    std::vector<View> out;
    for (size_t i = 0; i < text.size();) {
        size_t end = i;
        while (end < text.size() && !is_space(text[end])) {
            ++end;
        }
        if (end > i) {
            out.push_back(text.substr(i, end - i));
        }
        i = end + 1;
    }
    return out;
}

std::vector<View> split(View text, View separator) {
    std::vector<View> out;
    for (size_t from = 0;;) {
        const size_t at = text.find(separator, from);
        if (at == View::npos) {
            out.push_back(text.substr(from));
            return out;
        }
        out.push_back(text.substr(from, at - from));
        from = at + separator.size();
    }
}

const char* unicode_version() {
    return kUnicodeVersion;
}

}  // namespace samara::ifeval
