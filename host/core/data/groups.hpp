// Groups: what all synthesizers made of one record, as one set of candidates and relations, and its
// way to token ids. Between the synthesizers and the forest; knows no tensors.
#pragma once
#include "core/config/plan.hpp"
#include "core/model.hpp"
#include "runtime/random.hpp"
#include "runtime/records.hpp"

#include <functional>
#include <string>
#include <vector>

namespace samara::host {

/// What a step removed.  Counts add up over calls.
struct RemovalReport {
    int64_t relations = 0;
    int64_t candidates = 0;
    int64_t groups = 0;
    int64_t same_contrasts = 0;  ///< of the relations: i == k and j == l, a margin against itself
    int64_t self_preferences =
        0;  ///< of the relations: i == j at order 1, an answer against itself
};

/// One group from the groups of all synthesizers, in their order (docs/design.md, section 3, rule
/// 7). Candidates with equal (prompt, response), text and ids, are one: an empty tag or
/// instructions and a label 0 yield, auxiliary is AND, weights must be equal, two different
/// non-empty values are an error.  Relations that compare a thing with itself are dropped and
/// counted, then candidates that only they used.  Notes are joined, meta is the record's. Throws
/// Error(Code::plugin_fault) that names the record and the field.
Group merge_groups(int64_t index,
                   const Record& record,
                   std::vector<Group> per_synthesizer,
                   RemovalReport* report = nullptr);

/// Removes the relations of these tags, the candidates that only they used (in no relation that
/// stays, of no tag of their own that stays), and groups left empty.  For training groups;
/// evaluation keeps its metrics.
RemovalReport drop_tags(std::vector<Group>& groups, const std::vector<std::string>& tags);

/// Takes the candidates without a response out of the groups, each into a group of its own: prompts
/// to be answered.  Groups left empty go.
std::vector<Group> take_prompts(std::vector<Group>& groups);

/// What encode_groups met.
struct EncodeReport {
    int64_t unclean_borders = 0;  ///< candidates whose prompt/response border is no token border
    std::vector<std::string> first_unclean;    ///< at most five record ids
    int64_t too_long = 0;                      ///< candidates over max_tokens, removed
    int64_t prompt_too_long = 0;               ///< of those: the prompt alone is over
    std::vector<std::string> first_too_long;   ///< at most five record ids
    RemovalReport removed;                     ///< with them
    int64_t truncated = 0;                     ///< candidates whose prompt was cut
    int64_t truncated_tokens = 0;              ///< what they lost
    std::vector<std::string> first_truncated;  ///< at most five record ids
};

/// Fills the ids of candidates that have text; those that came tokenised stay as they are.
///
/// Limit     prompt + response > spec.max_tokens: "drop" removes the candidate, its relations,
/// candidates left without
///           relation by that, groups left with nothing to train on; "error" throws Code::data
///           naming the record; "truncate_prompt" cuts the group's prompts on their left, all by
///           the same tokens (prompt_cut.hpp), and drops those that no allowed cut makes fit
/// Control   spec.response "empty" encodes every response as empty text (Code::data for tokenised
/// rows) Errors    Code::data, Code::preempted when `cancelled` says so (polled per group)
void encode_groups(std::vector<Group>& groups,
                   const Encoder& encoder,
                   const DataSpec& spec,
                   EncodeReport& report,
                   const std::function<bool()>& cancelled = {});

}  // namespace samara::host
