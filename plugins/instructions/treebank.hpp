// treebank.hpp - NLTK's word tokenizer for one sentence: Treebank rules with NLTK's additions.
#pragma once
#include "unicode.hpp"

namespace samara::ifeval {

/// The sentence rewritten so that its tokens are what stands between white space.
Text treebank(View sentence);

}  // namespace samara::ifeval
