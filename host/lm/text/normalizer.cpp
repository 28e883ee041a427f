// See normalizer.hpp.
#include "lm/text/normalizer.hpp"

#include "runtime/error.hpp"

#include <cstdint>
#include <cstdlib>
#include <utf8proc.h>

namespace samara::host {

std::string_view to_nfc(std::string_view text, std::string& buffer) {
    bool quick = true;  // text below U+0300 is composed already (UAX 15, quick check)
    for (const char byte : text) {
        quick = quick && static_cast<uint8_t>(byte) < 0xCC;  // lead byte of U+0300
    }
    if (quick) {
        return text;
    }
    utf8proc_uint8_t* composed = nullptr;
    const auto length =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                     static_cast<utf8proc_ssize_t>(text.size()),
                     &composed,
                     static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (length < 0) {
        throw Error(Code::internal, std::string("normalising a text: ") + utf8proc_errmsg(length));
    }
    buffer.assign(reinterpret_cast<const char*>(composed), static_cast<size_t>(length));
    std::free(composed);  // NOLINT: utf8proc_map allocates with malloc
    return buffer;
}

}  // namespace samara::host
