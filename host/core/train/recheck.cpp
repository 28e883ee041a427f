// Judges a synthesis anew; see recheck.hpp.
#include "core/train/recheck.hpp"

#include <algorithm>

namespace samara::host {
namespace {

bool stands_in(const std::vector<Message>& prompt, const std::string& text) {
    return std::any_of(prompt.begin(), prompt.end(), [&](const Message& message) {
        return message.content.find(text) != std::string::npos;
    });
}

void find(Recheck& out, const Group& group, const std::string& what) {
    if (out.first.size() < 10) {
        out.first.push_back("record " + group.record_id + ": " + what);
    }
}

/// The candidate's instructions with fresh verdicts in place of the stored truths.
void judge(Recheck& out,
           const Group& group,
           const Candidate& candidate,
           std::vector<Asked>& asked,
           const InstructionSet& instructions) {
    std::vector<Check> checks;
    for (const Asked& one : asked) {
        checks.push_back({one.id, one.kwargs, one.negated, -1, -1});
    }
    if (checks.empty()) {
        return;
    }
    instructions.check(candidate.prompt, *candidate.response, checks);
    for (size_t n = 0; n < asked.size(); ++n) {
        const bool truth = checks[n].strict == 1;
        ++out.truths;
        if (checks[n].strict < 0 || truth != asked[n].truth) {
            ++out.wrong_truths;
            find(out,
                 group,
                 asked[n].id + " " + asked[n].kwargs + " has truth " +
                     std::to_string(checks[n].strict) + ", stored " +
                     (asked[n].truth ? "true" : "false"));
        }
        if (!asked[n].text.empty() && !stands_in(candidate.prompt, asked[n].text)) {
            ++out.missing_texts;
            find(out, group, "no message says \"" + asked[n].text + "\"");
        }
        asked[n].truth = truth;
    }
}

}  // namespace

void recheck(const Group& group,
             const InstructionSet& instructions,
             const std::set<std::string>& strict_tags,
             Recheck& out) {
    auto asked = asked_of(group);
    for (size_t c = 0; c < asked.size(); ++c) {
        judge(out, group, group.candidates[c], asked[c], instructions);
    }
    for (const Relation& relation : group.relations) {
        const RelationReading reading = read_relation(group, relation, asked);
        if (reading.pattern.empty()) {
            continue;
        }
        if (reading.placebo) {
            ++out.placebos;
            continue;
        }
        ++out.relations;
        const bool loose = reading.condition == "more" && strict_tags.contains(relation.tag);
        if (!reading.holds() || loose) {
            ++out.contradicted;
            find(out,
                 group,
                 relation.tag + " says " + reading.truths + (loose ? ", neither (a) nor (b)" : ""));
        }
    }
}

}  // namespace samara::host
