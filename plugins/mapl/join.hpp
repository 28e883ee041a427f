// How instructions join a prompt: as sentences or as a numbered list, woven into a user message or
// the system message by a template.  Texts only; which instructions is draft.hpp's.
#pragma once
#include <samara/records.hpp>

#include <span>
#include <string>

namespace samara::mapl {

/// Parameters `join`, `template` and `place`.
class Joining {
public:
    explicit Joining(const Params& params);
    /// `prompt` with `texts` joined to it; needs a user message.  Plain text becomes a user message
    /// when a system message is put in front of it.
    Messages apply(const Messages& prompt, std::span<const std::string> texts) const;

private:
    std::string weave(const std::string& content, const std::string& instructions) const;
    bool list_;
    std::string template_, place_;
};

/// Index of the last (or first) message that a user wrote (role "user", or "" for plain text), or
/// -1.
int64_t last_user_message(const Messages& messages);
int64_t first_user_message(const Messages& messages);

}  // namespace samara::mapl
