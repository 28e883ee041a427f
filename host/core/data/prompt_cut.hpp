// Where the prompts of a group may be cut on their left ([data] too_long = "truncate_prompt").
// Private to the data room; encode.cpp decides whose prompts are cut.
#pragma once
#include "core/model.hpp"
#include "runtime/records.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace samara::host {

/// One cut for all prompts of a group: each loses its tokens [begin, end).
///
/// Kept      what stands before the first user's text (a beginning token, system texts, the marks
///           of that turn); all that tells the group's prompts apart, such as the instructions
///           appended to them, and one token before it, at least
/// Goes on   inside the text of a turn of the same role, so that what is left is a conversation of
///           the model's format.  Prompts that came as ids have no turns: they lose their first ids
class PromptCut {
public:
    /// `group` has its ids.  Encodes a prompt once for each of its users' turns.
    PromptCut(const Encoder& encoder, const Group& group);
    [[nodiscard]] int64_t begin() const { return spans_.front().begin; }
    /// The end of the shortest cut of `tokens` or more; nothing where no such cut is allowed.
    [[nodiscard]] std::optional<int64_t> end_of(int64_t tokens) const;

private:
    struct Span {
        int64_t begin = 0, end = 0;  ///< of one text in the prompt's ids
    };
    std::vector<Span> spans_;  ///< ascending, at least one
    int64_t shared_ = 0;       ///< leading ids that all prompts of the group have in common
};

}  // namespace samara::host
