// Token ids for groups, and what is too long; declared in groups.hpp.
#include "core/data/groups.hpp"
#include "core/data/prompt_cut.hpp"
#include "core/data/prune.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <optional>

namespace samara::host {
namespace {

constexpr size_t kShownIds = 5;

void note(std::vector<std::string>& shown, const Group& group) {
    if (shown.size() < kShownIds && (shown.empty() || shown.back() != group.record_id)) {
        shown.push_back(group.record_id);
    }
}

std::string name_of(const Group& group) {
    return "record '" + group.record_id + "'";
}

class Encoding {
public:
    Encoding(const Encoder& encoder, const DataSpec& spec, EncodeReport& report)
        : encoder_(encoder), spec_(spec), report_(report) {}

    // Returns whether the group stays.
    bool encode(Group& group) {
        for (Candidate& candidate : group.candidates) {
            fill(candidate, group);
        }
        std::optional<PromptCut> prompts;
        if (!drop_too_long(group, prompts)) {
            ++report_.removed.groups;
            report_.removed.candidates += static_cast<int64_t>(group.candidates.size());
            return false;
        }
        if (prompts) {
            shorten(group, *prompts);
        }
        return true;
    }

private:
    void fill(Candidate& candidate, const Group& group) {
        const bool tokenised = !candidate.response && !candidate.response_ids.empty();
        if (spec_.response == "empty" && tokenised) {
            throw Error(Code::data,
                        "response = \"empty\" needs text, this row came tokenised",
                        name_of(group));
        }
        if (tokenised || (!candidate.response && !candidate.prompt_ids.empty())) {
            return;
        }
        const bool prompt_only = !candidate.response;
        if (spec_.response == "empty" && !prompt_only) {
            candidate.response = "";
        }
        Encoded encoded = encoder_.encode(candidate.prompt, candidate.response.value_or(""));
        candidate.prompt_ids = std::move(encoded.prompt_ids);
        candidate.response_ids.clear();
        if (prompt_only) {  // to be rolled out: the ids that a policy answers
            if (candidate.prompt_ids.empty()) {
                throw Error(Code::data,
                            "a prompt to be answered has no tokens",
                            name_of(group),
                            "give it a text, or use a chat format");
            }
            return;
        }
        candidate.response_ids = std::move(encoded.response_ids);
        if (candidate.response_ids.empty()) {
            throw Error(
                Code::data, "a response has no tokens, so nothing can be scored", name_of(group));
        }
        if (!encoded.border_clean) {
            ++report_.unclean_borders;
            note(report_.first_unclean, group);
        }
    }

    // Removes what is too long and stays so; `prompts` is made when some prompt is to be cut.
    // Returns whether anything is left to train on.
    bool drop_too_long(Group& group, std::optional<PromptCut>& prompts) {
        Cut cut(group);
        bool any = false;
        for (size_t c = 0; c < group.candidates.size(); ++c) {
            const Candidate& candidate = group.candidates[c];
            const int64_t excess = excess_of(candidate, group);
            if (excess <= 0) {
                continue;
            }
            if (spec_.too_long == "truncate_prompt") {
                if (!prompts) {
                    prompts.emplace(encoder_, group);
                }
                if (prompts->end_of(excess)) {
                    continue;
                }
            }
            const bool prompt_alone = excess > static_cast<int64_t>(candidate.response_ids.size());
            ++report_.too_long;
            report_.prompt_too_long += prompt_alone ? 1 : 0;
            note(report_.first_too_long, group);
            cut.candidates[c] = any = true;
        }
        return !any ||
               prune(
                   group, cut, [](const Candidate&, bool had) { return had; }, report_.removed);
    }

    // One cut for all, also for those that fit: what a relation compares has seen the same text.
    void shorten(Group& group, const PromptCut& prompts) {
        int64_t end = 0;
        for (const Candidate& candidate : group.candidates) {
            if (const int64_t excess = excess_of(candidate, group); excess > 0) {
                end = std::max(end, *prompts.end_of(excess));
            }
        }
        if (end == 0) {
            return;
        }
        for (Candidate& candidate : group.candidates) {
            const auto ids = candidate.prompt_ids.begin();
            candidate.prompt_ids.erase(ids + prompts.begin(), ids + end);
            ++report_.truncated;
            report_.truncated_tokens += end - prompts.begin();
        }
        note(report_.first_truncated, group);
    }

    // Tokens over the limit; refuses them if that is asked for.
    [[nodiscard]] int64_t excess_of(const Candidate& candidate, const Group& group) const {
        const auto prompt = static_cast<int64_t>(candidate.prompt_ids.size());
        const int64_t total = prompt + static_cast<int64_t>(candidate.response_ids.size());
        if (total > spec_.max_tokens && spec_.too_long == "error") {
            throw Error(Code::data,
                        "a candidate has " + std::to_string(total) + " tokens (" +
                            std::to_string(prompt) + " of them in the prompt), max_tokens is " +
                            std::to_string(spec_.max_tokens),
                        name_of(group),
                        "raise max_tokens, or set too_long = \"drop\" or \"truncate_prompt\"");
        }
        return total - spec_.max_tokens;
    }

    const Encoder& encoder_;
    const DataSpec& spec_;
    EncodeReport& report_;
};

}  // namespace

void encode_groups(std::vector<Group>& groups,
                   const Encoder& encoder,
                   const DataSpec& spec,
                   EncodeReport& report,
                   const std::function<bool()>& cancelled) {
    Encoding encoding(encoder, spec, report);
    keep_if(groups, [&](Group& group) {
        if (cancelled && cancelled()) {
            throw Error(Code::preempted, "stopped while tokenising", name_of(group), "run again");
        }
        return encoding.encode(group);
    });
}

}  // namespace samara::host
