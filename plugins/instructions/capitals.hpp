// capitals.hpp - words in capital letters, counted on the tokens of NLTK's word tokenizer.
#pragma once
#include "unicode.hpp"

#include <cstdint>

namespace samara::ifeval {

/// Tokens of nltk.word_tokenize (sentences, then Treebank rules) with a cased character and no
/// lower-case one: "HELLO-WORLD" 1, "I" 1, "IT'S" 2, "3D" 1.
int64_t count_capital_words(View text);

}  // namespace samara::ifeval
