// Declarations of the parameters that mapl_intra and mapl_inter share, and the record filter and
// random streams that both use.
#pragma once
#include "draft.hpp"

namespace samara::mapl {

inline constexpr samara_param kCount =
    param::integers("count",
                    "[1, 3]",
                    1,
                    5,
                    "instructions per prompt: a range, ends included, drawn uniformly");
inline constexpr samara_param kFunctions =
    param::strings("functions",
                   "[]",
                   "ids of the instruction types to draw from; empty: all that can be solved");
inline constexpr samara_param kExclude =
    param::strings("exclude_functions", "[]", "ids of types never drawn");
inline constexpr samara_param kRelation =
    param::choice("relation",
                  "\"paper\"",
                  "paper|dominance|count",
                  "which truth patterns beat which: all against not all or some against none "
                  "(paper), a strict superset, or a greater number");
inline constexpr samara_param kCondition = param::choice(
    "condition",
    "\"both\"",
    "both|a|b",
    "a: all of the better side's instructions hold, not all of the worse side's; b: at "
    "least one of the better side's, none of the worse side's");
inline constexpr samara_param kAttempts =
    param::integer("attempts",
                   "16",
                   1,
                   1000,
                   "draws of types and truths before giving up; the count stays");
inline constexpr samara_param kWordings =
    param::choice("wordings", "\"all\"", "all|training|held_out", "set of wordings to phrase from");
inline constexpr samara_param kNegation =
    param::flag("negation",
                "true",
                "also ask for the opposite (\"do not end with ...\"); without it a truth must come "
                "from the values alone, so types without values cannot differ between two prompts");
inline constexpr samara_param kJoin =
    param::choice("join",
                  "\"sentences\"",
                  "sentences|list",
                  "several instructions stand one after the other, or as a numbered list");
inline constexpr samara_param kTemplate =
    param::string("template",
                  "\"{prompt}\\n\\n{instructions}\"",
                  "how they join the message: a text with {prompt} and {instructions}, each once");
inline constexpr samara_param kPlace = param::choice(
    "place",
    "\"last_user\"",
    "last_user|first_user|system",
    "message that they join; system: a message of their own in front where the prompt "
    "has no system message");
inline constexpr samara_param kTruth =
    param::choice("truth",
                  "\"checked\"",
                  "checked|permuted",
                  "permuted: a placebo, the same prompts with the order of each relation drawn by "
                  "a fair coin");
inline constexpr samara_param kWeight =
    param::number("weight", "1.0", 0, kInfinity, "factor on the record's weight");

constexpr samara_param tag_param(const char* fallback, const char* doc) {
    return param::string("tag", fallback, doc);
}

/// Condition of the parameter `condition`.
inline Condition condition_of(const Params& params) {
    const std::string name = params.string("condition");
    return name == "a" ? Condition::a : name == "b" ? Condition::b : Condition::both;
}

/// Why a record gives no prompts at all, or nullptr.  A fixed sentence, counted by the host.
inline const char* unusable(const Record& record) {
    if (!record.chosen().has_value()) {
        return "tokenised row: instructions need text";
    }
    if (!record.rejected().has_value()) {
        return "unpaired row";
    }
    if (*record.chosen() == *record.rejected()) {
        return "chosen and rejected are the same";
    }
    if (last_user_message(record.prompt()) < 0) {
        return "the prompt has no user message";
    }
    return nullptr;
}

/// Notes for people and for the report: what was discarded on the way, and that it is a placebo.
inline void annotate(Group& group,
                     const std::string& key,
                     const Settings& settings,
                     const Drafter& drafter) {
    if (const std::string discarded = drafter.discarded(); !discarded.empty()) {
        group.notes.emplace_back(key + ".discarded", discarded);
    }
    if (settings.permuted) {
        group.notes.emplace_back(key + ".truth", "permuted");
    }
}

/// The stream for one purpose of one record.  Keyed by the record's id, not its index: other
/// records, their order and the range of the call change nothing.
inline Random stream(uint64_t seed, const std::string& purpose, std::string_view record_id) {
    Random name(0, record_id);
    return Random(seed, purpose, static_cast<int64_t>(name.next()));
}

}  // namespace samara::mapl
