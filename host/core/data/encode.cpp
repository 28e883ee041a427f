// Token ids for groups, and what is too long; declared in groups.hpp.
#include "core/data/groups.hpp"
#include "core/data/prune.hpp"
#include "runtime/error.hpp"

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
        Cut cut(group);
        bool any = false;
        for (size_t c = 0; c < group.candidates.size(); ++c) {
            fill(group.candidates[c], group);
            cut.candidates[c] = too_long(group.candidates[c], group);
            any = any || cut.candidates[c];
        }
        if (!any) {
            return true;
        }
        const bool usable = prune(
            group, cut, [](const Candidate&, bool had) { return had; }, report_.removed);
        if (!usable) {
            ++report_.removed.groups;
            report_.removed.candidates += static_cast<int64_t>(group.candidates.size());
        }
        return usable;
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

    bool too_long(const Candidate& candidate, const Group& group) {
        const auto prompt = static_cast<int64_t>(candidate.prompt_ids.size());
        const int64_t total = prompt + static_cast<int64_t>(candidate.response_ids.size());
        if (total <= spec_.max_tokens) {
            return false;
        }
        if (spec_.too_long == "error") {
            throw Error(Code::data,
                        "a candidate has " + std::to_string(total) + " tokens (" +
                            std::to_string(prompt) + " of them in the prompt), max_tokens is " +
                            std::to_string(spec_.max_tokens),
                        name_of(group),
                        "raise max_tokens, or set too_long = \"drop\"");
        }
        ++report_.too_long;
        report_.prompt_too_long += prompt > spec_.max_tokens ? 1 : 0;
        note(report_.first_too_long, group);
        return true;
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
