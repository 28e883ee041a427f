// pattern.cpp - fixed-length patterns, behind pattern.hpp.
#include "pattern.hpp"

#include <samara/core.hpp>

namespace samara::ifeval {
namespace {

bool is_border(View text, size_t at) {
    const bool before = at > 0 && is_word(text[at - 1]);
    const bool after = at < text.size() && is_word(text[at]);
    return before != after;
}

}  // namespace

Pattern::Pattern(View source, bool ignore_case, const char* what) : ignore_case_(ignore_case) {
    constexpr View kSpecial = U"\\^$|?*+()[{";
    for (size_t i = 0; i < source.size(); ++i) {
        const char32_t c = source[i];
        if (c == '.') {
            items_.push_back({c, true});
            continue;
        }
        char32_t literal = c;
        if (kSpecial.find(c) != View::npos) {
            const bool escaped = c == '\\' && i + 1 < source.size() && source[i + 1] < 0x80 &&
                                 !is_word(source[i + 1]);
            if (!escaped) {
                fail("argument '" + std::string(what) + "': \"" + encode(source) +
                     "\" is read as a regular expression, and of those only letters, '.' and " +
                     "escaped punctuation are supported; write a backslash before '" +
                     encode(source.substr(i, 1)) + "' to mean the character");
            }
            literal = source[++i];
        }
        items_.push_back({ignore_case ? to_fold(literal) : literal, false});
    }
}

bool Pattern::matches(View text, size_t at) const {
    if (at + items_.size() > text.size()) {
        return false;
    }
    for (size_t i = 0; i < items_.size(); ++i) {
        const char32_t c = text[at + i];
        if (items_[i].any ? c == '\n' : (ignore_case_ ? to_fold(c) : c) != items_[i].c) {
            return false;
        }
    }
    return true;
}

size_t Pattern::find(View text, size_t from) const {
    for (size_t at = from; at + items_.size() <= text.size(); ++at) {
        if (matches(text, at)) {
            return at;
        }
    }
    return View::npos;
}

int64_t Pattern::count(View text) const {
    int64_t n = 0;
    for (size_t at = find(text); at != View::npos; ++n) {
        at = find(text, at + (items_.empty() ? 1 : items_.size()));
    }
    return n;
}

bool Pattern::found_as_word(View text) const {
    for (size_t at = find(text); at != View::npos; at = find(text, at + 1)) {
        if (is_border(text, at) && is_border(text, at + items_.size())) {
            return true;
        }
    }
    return false;
}

}  // namespace samara::ifeval
