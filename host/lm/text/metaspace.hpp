// Metaspace: spaces written as a visible character, with one put before a text.  Its fields are the
// same in a pre-tokenizer and in a decoder.
#pragma once
#include "lm/text/json_field.hpp"

#include <string>

namespace samara::host {

enum class PrependScheme {
    always,  ///< before every part of a text
    first,   ///< before the part at the very start of the text
    never
};

struct MetaspaceFields {
    std::string replacement;  ///< one character
    PrependScheme scheme = PrependScheme::always;
    bool split = true;  ///< before every replacement
};

/// {"replacement": "▁", "prepend_scheme": ..., "split": ...}, or the older "add_prefix_space".
/// Errors: config, naming the field.
MetaspaceFields metaspace_fields(const JsonField& field);

/// A string of one character.  Errors: config.
std::string one_character(const JsonField& field);

}  // namespace samara::host
