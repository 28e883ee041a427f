// See prompt_cut.hpp.
#include "core/data/prompt_cut.hpp"

#include <algorithm>

namespace samara::host {
namespace {

int64_t common_prefix(const Ids& a, const Ids& b) {
    return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

int64_t common_suffix(const Ids& a, const Ids& b) {
    return std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first - a.rbegin();
}

}  // namespace

PromptCut::PromptCut(const Encoder& encoder, const Group& group) {
    const Candidate& first = group.candidates.front();
    const Ids& ids = first.prompt_ids;
    const auto size = static_cast<int64_t>(ids.size());
    shared_ = size;
    for (const Candidate& candidate : group.candidates) {
        shared_ = std::min(shared_, common_prefix(ids, candidate.prompt_ids));
    }
    const auto& messages = first.prompt;
    const auto user = std::find_if(
        messages.begin(), messages.end(), [](const Message& m) { return m.role != "system"; });
    for (size_t m = 0; user != messages.end() && m < messages.size(); ++m) {
        if (messages[m].role != user->role || messages[m].content.empty()) {
            continue;
        }
        // The text stands where the ids differ from those of the same prompt without it.
        std::vector<Message> without = messages;
        without[m].content.clear();
        const Ids rest = encoder.encode(without, "").prompt_ids;
        const int64_t begin = common_prefix(ids, rest);
        const int64_t after = std::min(common_suffix(ids, rest), size - begin);
        spans_.push_back({begin, size - after});
    }
    if (messages.empty()) {
        spans_.push_back({0, size});
    } else if (spans_.empty()) {
        spans_.push_back({size, size});  // no text to cut
    }
}

std::optional<int64_t> PromptCut::end_of(int64_t tokens) const {
    const int64_t least = begin() + tokens;
    for (const Span& span : spans_) {
        const int64_t end = std::max(least, span.begin);
        if (end < span.end) {
            return end < shared_ ? std::optional(end) : std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace samara::host
