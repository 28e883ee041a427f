// Checks of a document's bytes that come before parsing; see document.hpp.
#include "core/config/document.hpp"

#include <algorithm>
#include <string_view>

namespace samara::host::config {

std::optional<size_t> find_invalid_utf8(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto byte = [&](size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const unsigned first = byte(i);
        const size_t length = first < 0x80                    ? 1
                              : first >= 0xc2 && first < 0xe0 ? 2
                              : (first & 0xf0) == 0xe0        ? 3
                              : first >= 0xf0 && first < 0xf5 ? 4
                                                              : 0;
        bool good = length > 0;
        for (size_t k = 1; good && k < length; ++k) {
            good = (byte(i + k) & 0xc0) == 0x80;
        }
        // Overlong forms, surrogates, beyond U+10FFFF.
        const unsigned second = byte(i + 1);
        good = good && !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f) &&
               !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second > 0x8f);
        if (!good) {
            return i;
        }
        i += length;
    }
    return std::nullopt;
}

// Dotted keys nest without limit in toml++ (a.a.a.a = 1), and trees that deep overflow the stack
// when they die. Returns the offset at which a key passes the limit.
std::optional<size_t> find_deep_key(std::string_view text) {
    int dots = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '#') {
            i = std::min(text.find('\n', i), text.size()) - 1;
        } else if (c == '"' || c == '\'') {
            const bool block = text.substr(i, 3) == std::string(3, c);
            const std::string close(block ? 3 : 1, c);
            for (i += close.size(); i < text.size() && text.substr(i, close.size()) != close; ++i) {
                if (!block && text[i] == '\n') {
                    break;  // unterminated; the parser will say so
                }
                i += c == '"' && text[i] == '\\' ? 1 : 0;
            }
            i += close.size() - 1;
        } else if (c == '.') {
            if (++dots >= kMaxDepth) {
                return i;
            }
        } else if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) {
            dots = 0;
        }
    }
    return std::nullopt;
}

}  // namespace samara::host::config
