// See utf8.hpp.  Categories come from utf8proc's tables.
#include "lm/text/utf8.hpp"

#include <algorithm>
#include <utf8proc.h>

namespace samara::host {

namespace {

struct LeadByte {
    size_t length;
    uint8_t low, high;  // allowed range of the second byte: Unicode table 3-7
};

LeadByte lead(uint8_t byte) {
    if (byte < 0x80)
        return {1, 0, 0};
    if (byte >= 0xC2 && byte <= 0xDF)
        return {2, 0x80, 0xBF};
    if (byte == 0xE0)
        return {3, 0xA0, 0xBF};
    if (byte == 0xED)
        return {3, 0x80, 0x9F};
    if (byte >= 0xE1 && byte <= 0xEF)
        return {3, 0x80, 0xBF};
    if (byte == 0xF0)
        return {4, 0x90, 0xBF};
    if (byte >= 0xF1 && byte <= 0xF3)
        return {4, 0x80, 0xBF};
    if (byte == 0xF4)
        return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

// How many bytes from `at` could begin a character: the whole of it, or a truncated one (at least
// 1).
size_t maximal_part(std::string_view text, size_t at, const LeadByte& first) {
    size_t length = 1;
    while (length < first.length && at + length < text.size()) {
        const auto byte = static_cast<uint8_t>(text[at + length]);
        const uint8_t low = length == 1 ? first.low : 0x80;
        const uint8_t high = length == 1 ? first.high : 0xBF;
        if (byte < low || byte > high) {
            break;
        }
        ++length;
    }
    return length;
}

bool is_word(uint32_t code) {
    if (code < 0x80) {
        return code == '_' || (code >= '0' && code <= '9') ||
               ((code | 32U) >= 'a' && (code | 32U) <= 'z');
    }
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_PC:
            return true;
        default:
            break;
    }
    // Join_Control, then the symbols (So) that have Other_Alphabetic: circled and squared letters.
    return code == 0x200C || code == 0x200D || (code >= 0x24B6 && code <= 0x24E9) ||
           (code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
           (code >= 0x1F170 && code <= 0x1F189);
}

bool is_space(uint32_t code) {  // White_Space, PropList.txt; stable since Unicode 6.3
    return (code >= 9 && code <= 13) || code == 0x20 || code == 0x85 || code == 0xA0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

size_t last_start(std::string_view text) {
    size_t at = text.size() - 1;
    while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0U) == 0x80U) {
        --at;
    }
    return at;
}

}  // namespace

Utf8Char utf8_at(std::string_view text, size_t at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    const LeadByte first = lead(byte);
    if (first.length == 0 || maximal_part(text, at, first) != first.length) {
        return {};
    }
    if (first.length == 1) {
        return {byte, 1};
    }
    uint32_t code = byte & (0xFFU >> (first.length + 1));
    for (size_t i = 1; i < first.length; ++i) {
        code = (code << 6U) | (static_cast<uint8_t>(text[at + i]) & 0x3FU);
    }
    return {code, first.length};
}

std::optional<size_t> first_invalid_utf8(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        if (static_cast<uint8_t>(text[at]) < 0x80) {
            ++at;
            continue;
        }
        const size_t length = utf8_at(text, at).length;
        if (length == 0) {
            return at;
        }
        at += length;
    }
    return std::nullopt;
}

std::string replace_invalid_utf8(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    for (size_t at = 0; at < bytes.size();) {
        const LeadByte first = lead(static_cast<uint8_t>(bytes[at]));
        const size_t length = maximal_part(bytes, at, first);
        if (first.length != 0 && length == first.length) {
            out.append(bytes.substr(at, length));
        } else {
            out.append("\xEF\xBF\xBD");
        }
        at += length;
    }
    return out;
}

void append_utf8(std::string& out, uint32_t code) {
    const auto byte = [&out](uint32_t value) { out.push_back(static_cast<char>(value)); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0U | (code >> 6U));
        byte(0x80U | (code & 0x3FU));
    } else if (code < 0x10000) {
        byte(0xE0U | (code >> 12U));
        byte(0x80U | ((code >> 6U) & 0x3FU));
        byte(0x80U | (code & 0x3FU));
    } else {
        byte(0xF0U | (code >> 18U));
        byte(0x80U | ((code >> 12U) & 0x3FU));
        byte(0x80U | ((code >> 6U) & 0x3FU));
        byte(0x80U | (code & 0x3FU));
    }
}

bool starts_with_word(std::string_view text) {
    return !text.empty() && is_word(utf8_at(text, 0).code);
}

bool ends_with_word(std::string_view text) {
    return !text.empty() && is_word(utf8_at(text, last_start(text)).code);
}

size_t space_at_start(std::string_view text) {
    size_t at = 0;
    while (at < text.size()) {
        const Utf8Char next = utf8_at(text, at);
        if (!is_space(next.code)) {
            break;
        }
        at += next.length;
    }
    return at;
}

size_t space_at_end(std::string_view text) {
    size_t end = text.size();
    while (end > 0) {
        const size_t at = last_start(text.substr(0, end));
        if (!is_space(utf8_at(text, at).code)) {
            break;
        }
        end = at;
    }
    return text.size() - end;
}

}  // namespace samara::host
