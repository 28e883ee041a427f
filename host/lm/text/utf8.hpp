// UTF-8: validity with a position, replacement of broken bytes, and the two character classes that
// added tokens need. No normalisation and no regular expressions here (normalizer.hpp, regex.hpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace samara::host {

/// One decoded character; length 0: the bytes at this place are not UTF-8.
struct Utf8Char {
    uint32_t code = 0;
    size_t length = 0;
};

/// The character that starts at `at`.  Overlong forms, surrogates and codes above U+10FFFF are not
/// UTF-8.
Utf8Char utf8_at(std::string_view text, size_t at);

/// Byte offset of the first byte that is not part of valid UTF-8; nothing if the text is valid.
std::optional<size_t> first_invalid_utf8(std::string_view text);

/// Each maximal broken sequence becomes one U+FFFD (Unicode 3.9, "substitution of maximal
/// subparts").
std::string replace_invalid_utf8(std::string_view bytes);

void append_utf8(std::string& out, uint32_t code);

/// Word characters of Unicode TR18: alphabetic, marks, decimal digits, connectors, joiners.
bool starts_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

/// Length in bytes of the run of Unicode white space at the start or the end of valid UTF-8.
size_t space_at_start(std::string_view text);
size_t space_at_end(std::string_view text);

}  // namespace samara::host
