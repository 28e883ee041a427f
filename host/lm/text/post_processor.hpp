// The post_processor of a tokenizer.json: special tokens around a text.
#pragma once
#include "lm/text/json_field.hpp"

#include <vector>

namespace samara::host {

struct PostProcessor {
    std::vector<int64_t> before, after;  ///< ids around a single text
};

/// ByteLevel (which only moves offsets), TemplateProcessing and Sequence.  Errors: config, naming
/// the field.
PostProcessor read_post_processor(const JsonField& field);

}  // namespace samara::host
