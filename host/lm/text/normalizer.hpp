// The normalizer of a tokenizer.json: Unicode NFC, by utf8proc.  Runs on the parts that raw added
// tokens leave.
#pragma once
#include <string>
#include <string_view>

namespace samara::host {

/// NFC of valid UTF-8: `text` itself where nothing can change, else a view of `buffer`.
/// [any-thread]
std::string_view to_nfc(std::string_view text, std::string& buffer);

}  // namespace samara::host
