// Code points that the `tokenizers` library and this machine's tables see differently, because
// their Unicode versions differ.  unicode_test.cpp holds the lists to every code point; texts
// without them must have equal ids.
//
//   class (letter, number, other)  library 0.23.3: Unicode 16, its Digits step 17     PCRE2 10.42:
//   Unicode 14 NFC                            library 0.23.3: Unicode 9 utf8proc 2.8: Unicode 15
#pragma once
#include "lm/text/utf8.hpp"

#include <cstdint>
#include <string>

namespace samara::test {

struct Range {
    int64_t first, last;  // both included
};

/// Letters and numbers that came with Unicode 15, 15.1 and 16: 9,392 code points.
constexpr Range kNewClasses[] = {
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
    {0x10D40, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240},
    {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5},
    {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x116D0, 0x116E3},
    {0x11BC0, 0x11BE0}, {0x11BF0, 0x11BF9}, {0x11F02, 0x11F02}, {0x11F04, 0x11F10},
    {0x11F12, 0x11F33}, {0x11F50, 0x11F59}, {0x1342F, 0x1342F}, {0x13441, 0x13446},
    {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16130, 0x16139}, {0x16D40, 0x16D6C},
    {0x16D70, 0x16D79}, {0x18CFF, 0x18CFF}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155},
    {0x1CCF0, 0x1CCF9}, {0x1D2C0, 0x1D2D3}, {0x1DF25, 0x1DF2A}, {0x1E030, 0x1E06D},
    {0x1E4D0, 0x1E4EB}, {0x1E4F0, 0x1E4F9}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5FA},
    {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF}};

/// Numbers of Unicode 17, which only a Digits step sees: 13 code points.
constexpr Range kNewDigits[] = {{0x11DE0, 0x11DE9}, {0x16FF4, 0x16FF6}};

/// Marks that came with Unicode 10 to 15, or changed: the library's NFC neither orders nor skips
/// them.
constexpr Range kNewMarks[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},
    {0xC3C, 0xC3C},     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},
    {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
    {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
    {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F},
    {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}};

template <class Ranges>
bool in_ranges(const Ranges& ranges, int64_t code) {
    for (const Range& range : ranges) {
        if (code >= range.first && code <= range.last) {
            return true;
        }
    }
    return false;
}

/// True if `text` has a code point of any list.
inline bool has_known_difference(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
        const auto next = samara::host::utf8_at(text, at);
        if (in_ranges(kNewClasses, next.code) || in_ranges(kNewDigits, next.code) ||
            in_ranges(kNewMarks, next.code)) {
            return true;
        }
        at += next.length;
    }
    return false;
}

}  // namespace samara::test
