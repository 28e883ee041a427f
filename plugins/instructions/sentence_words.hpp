// sentence_words.hpp - the words that decide where sentences end.  Written for this project; they
// stand in for the model that Punkt would train.  Used by sentences.cpp alone.
#pragma once
#include "unicode.hpp"

namespace samara::ifeval {

/// Words (lower case, without the final period) whose period usually does not end a sentence.
bool is_abbreviation(View word);
/// Everyday words that, capitalised after an abbreviation or an ellipsis, begin a sentence.  Words
/// that titles and names often contain ("A", "You", "First") are left out on purpose.
bool is_opener(View word);
/// The everyday words that is_opener leaves out: no names, so they end an initial ("plan B. We").
bool is_common(View word);

}  // namespace samara::ifeval
