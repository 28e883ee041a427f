// sentences.hpp - where sentences end, by the rules of Punkt (Kiss and Strunk 2006, as NLTK runs
// them) with an abbreviation list of our own instead of a trained model.  Counting and the
// capital-word rule use it.
#pragma once
#include "unicode.hpp"

namespace samara::ifeval {

/// The sentences of `text`, closing quotes and brackets joined to the sentence they close.  Views
/// into `text`.  Blank text has none.
std::vector<View> sentences(View text);

}  // namespace samara::ifeval
