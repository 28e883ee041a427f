// The forest: the token tries of several groups laid flat, so that every shared token is stored and
// computed once and nothing is padded (docs/design.md, section 3).  Indices only: no tensors, no
// model.  It sits between the encoder's token ids and the model's forward.
#pragma once
#include "runtime/records.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace samara::host {

/// A run of tokens [begin, end) of the flat forest; a token sees its ancestors' nodes and its own
/// node causally.
struct Node {
    int64_t parent =
        -1;  ///< index of the parent node, always smaller than the node's own; -1: a root
    int64_t begin = 0, end = 0;
};

/// Everything a forward needs to know of its candidates.  N candidates in the order of the groups,
/// T response tokens of all candidates one after the other, F tree tokens, U distinct tree tokens
/// that are predicted (those of responses), M distinct predecessors.
struct Forest {
    std::vector<int64_t> ids;  ///< [F]
    std::vector<int64_t>
        positions;  ///< [F] depth in tokens: a branch continues its parent's positions
    std::vector<Node>
        nodes;  ///< depth first, so a node's descendants are contiguous; never empty nodes
    std::vector<int64_t> last;    ///< [N] flat index of the candidate's last token
    std::vector<int64_t> length;  ///< [N] response tokens
    std::vector<int64_t>
        rows;  ///< [M] flat indices whose hidden state predicts a response token, ascending
    std::vector<int64_t> target_ids;     ///< [U] token predicted
    std::vector<int64_t> target_rows;    ///< [U] index into rows, ascending
    std::vector<int64_t> tok_target;     ///< [T] index into target_ids
    std::vector<int64_t> tok_candidate;  ///< [T] index of the candidate
    std::vector<int64_t> prompt_target,
        prompt_candidate;  ///< the same two of all prompt tokens but each prompt's first; only if
                           ///< asked for
    int64_t without_prompt =
        -1;  ///< first candidate with an empty prompt, else -1; its first token has no
             ///< predecessor: then rows, target_* and tok_* are empty and only scores exist
};

/// The forest of the groups' candidates.  The end of a prompt is always a node border; two
/// sequences that part elsewhere share their tokens only where at least 8 would be shared.  Equal
/// candidates share all.
/// `prompts`: the prompts' tokens are predicted as well; U and M then count them too.
/// Errors    data: a candidate without response tokens
/// Threads   [any-thread]
Forest build_forest(std::span<const Group* const> groups, bool prompts = false);

/// Tree tokens of one group: the F of its forest.
int64_t tree_tokens(const Group& group);

}  // namespace samara::host
