// A model folder in Hugging Face layout: weights in, weights and tokenizer files out.
#pragma once
#include "lm/model/weights.hpp"

#include <string>

namespace samara::host {

/// Fills `weights` from `folder`/model.safetensors or its shards, converting to their type.  Names
/// may carry the prefix of any wrapper ("model.", none, "transformer."); a tensor that nobody reads
/// is refused, for it would change results.
/// Returns   false where a score head is wanted and the folder holds none: score is left as it is
/// Errors    config (no weights, pickled weights), corrupt, io
bool load_weights(const std::string& folder, Weights& weights);

/// Draws the score head from `seed`: normal(0, initializer_range) as a sum of 16 uniforms per
/// value, in whole-number arithmetic from a counter, hence the same bits on every machine and for
/// every number of threads.
void draw_score_head(Weights& weights, uint64_t seed);

/// Writes config.json, model.safetensors and copies of the tokenizer's files from `source` into
/// `folder`, which exists.  A reward model is written as ...ForSequenceClassification with one
/// label and with a pad token that never ends a response, in the tokenizer's files too:
/// transformers finds the end of a sequence by that token. Errors   io
void save_folder(const Weights& weights, const std::string& source, const std::string& folder);

}  // namespace samara::host
