// Reads and counts what was synthesised; see synthesis.hpp.
#include "core/report/synthesis.hpp"

#include "core/report/tables.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

/// Added instructions of a candidate: how many, and how many it satisfies.
struct Score {
    int64_t asked = 0, satisfied = 0;
    [[nodiscard]] bool all() const { return satisfied == asked; }
    [[nodiscard]] std::string text() const {
        return std::to_string(satisfied) + "/" + std::to_string(asked);
    }
};

Score score_of(const std::vector<Asked>& asked) {
    Score out;
    for (const Asked& one : asked) {
        out.asked += one.text.empty() ? 0 : 1;
        out.satisfied += !one.text.empty() && one.truth ? 1 : 0;
    }
    return out;
}

/// MAPL's conditions.  An empty side asks for nothing: all of it holds, and none of it.
std::string condition_of(Score better, Score worse) {
    const bool a = better.all() && !worse.all();
    const bool b = better.satisfied > 0 && worse.satisfied == 0;
    if (a || b) {
        return a && b && better.asked > 0 && worse.asked > 0 ? "a and b" : a ? "a" : "b";
    }
    return better.satisfied > worse.satisfied    ? "more"
           : better.satisfied == worse.satisfied ? "equal"
                                                 : "none";
}

bool is_placebo(const Group& group, bool prompts) {
    const std::string prefix = prompts ? "intra." : "inter.";
    return std::any_of(group.notes.begin(), group.notes.end(), [&](const auto& note) {
        return note.first.starts_with(prefix) && note.first.ends_with(".truth") &&
               note.second == "permuted";
    });
}

int64_t words_of(const Candidate& candidate) {
    int64_t n = 0;
    for (const Message& message : candidate.prompt) {
        bool inside = false;
        for (const char c : message.content) {
            const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
            n += !space && !inside ? 1 : 0;
            inside = !space;
        }
    }
    return n;
}

void increase(Json& counts, const std::string& key, int64_t n = 1) {
    Json& at = counts[key];
    at = (at.is_null() ? 0 : at.get<int64_t>()) + n;
}

void count_types(Json& types, const std::vector<Asked>& asked) {
    for (const Asked& one : asked) {
        Json& row = types[one.id];
        increase(row,
                 one.text.empty() ? "carried"
                 : one.opposite() ? one.truth ? "opposite_true" : "opposite_false"
                 : one.truth      ? "plain_true"
                                  : "plain_false");
    }
}

/// "infeasible keywords:existence 2, ..." -> counts.
void count_discarded(Json& discarded, const std::string& note) {
    for (size_t i = 0; i < note.size();) {
        const size_t end = std::min(note.find(", ", i), note.size());
        const std::string item = note.substr(i, end - i);
        const size_t space = item.rfind(' ');
        if (space != std::string::npos) {
            increase(discarded, item.substr(0, space), std::stoll(item.substr(space)));
        }
        i = end + 2;
    }
}

void count_lengths(Json& lengths, const Group& group, const Relation& relation) {
    const int64_t better = words_of(group.candidates[static_cast<size_t>(relation.i)]);
    const int64_t worse = words_of(group.candidates[static_cast<size_t>(relation.j)]);
    Json& row = lengths[relation.tag];
    increase(row, better > worse ? "longer" : better < worse ? "shorter" : "equal");
    increase(row, "words", better - worse);
}

}  // namespace

bool Asked::opposite() const {
    return negated || kwargs.find("\"less than\"") != std::string::npos;
}

std::vector<Asked> asked_of(const Candidate& candidate, const std::string& where, bool judged) {
    std::vector<Asked> out;
    if (candidate.instructions.empty() || !candidate.response) {
        return out;
    }
    try {
        for (const Json& one : Json::parse(candidate.instructions)) {
            out.push_back({one.at("id"),
                           one.at("kwargs").dump(),
                           one.value("text", ""),
                           one.value("negated", false),
                           judged && one.at("truth").get<bool>()});
        }
    } catch (const Json::exception& error) {
        throw Error(Code::plugin_fault,
                    "a candidate's instructions are not in the form of the SDK: " +
                        std::string(error.what()),
                    where,
                    "see Candidate::instructions in synthesizer.hpp");
    }
    return out;
}

std::vector<std::vector<Asked>> asked_of(const Group& group) {
    std::vector<std::vector<Asked>> out;
    for (const Candidate& candidate : group.candidates) {
        out.push_back(asked_of(candidate, "record " + group.record_id));
    }
    return out;
}

RelationReading read_relation(const Group& group,
                              const Relation& relation,
                              const std::vector<std::vector<Asked>>& asked) {
    const auto score = [&](int64_t n) { return score_of(asked[static_cast<size_t>(n)]); };
    const auto candidate = [&](int64_t n) -> const Candidate& {
        return group.candidates[static_cast<size_t>(n)];
    };
    RelationReading out;
    const Score i = score(relation.i), j = score(relation.j);
    if (relation.order == 1) {
        if (i.asked + j.asked == 0) {
            return out;
        }
        const bool prompts = candidate(relation.i).prompt != candidate(relation.j).prompt;
        out.pattern = prompts ? "prompts" : "responses";
        out.placebo = is_placebo(group, prompts);
        out.condition = condition_of(i, j);
        out.condition = out.condition == "equal" ? "none" : out.condition;
        out.truths = i.text() + " > " + j.text();
        return out;
    }
    const Score k = score(relation.k), l = score(relation.l);
    if (i.asked + k.asked == 0) {
        return out;
    }
    out.placebo = is_placebo(group, false);
    const int64_t strong = i.satisfied - j.satisfied, weak = k.satisfied - l.satisfied;
    const bool narrow = i.asked == 0;
    const Score better = narrow ? l : i, worse = narrow ? k : j;
    if (relation.flip == 0.5) {
        out.pattern = "neutral";
        out.condition = strong == weak ? "equal" : "none";
    } else {
        out.pattern = i.asked > 0 && k.asked > 0 ? "two" : narrow ? "narrow" : "widen";
        out.condition = strong > weak ? condition_of(better, worse) : "none";
    }
    out.truths = better.text() + (relation.flip == 0.5 ? " = " : " > ") + worse.text();
    return out;
}

struct SynthesisCounts::State {
    Json types = Json::object(), tags = Json::object(), truths = Json::object(),
         lengths = Json::object(), discarded = Json::object();
};

SynthesisCounts::SynthesisCounts() : state_(std::make_unique<State>()) {}
SynthesisCounts::~SynthesisCounts() = default;

void SynthesisCounts::add(const Group& group) {
    State& s = *state_;
    const auto asked = asked_of(group);
    for (const auto& of_candidate : asked) {
        count_types(s.types, of_candidate);
    }
    for (const auto& [key, value] : group.notes) {
        if (key.ends_with(".discarded")) {
            count_discarded(s.discarded, value);
        }
    }
    for (const Relation& relation : group.relations) {
        const RelationReading reading = read_relation(group, relation, asked);
        if (reading.pattern.empty()) {
            continue;
        }
        Json& tag = s.tags[relation.tag];
        increase(tag["patterns"], reading.pattern);
        increase(tag["conditions"], reading.placebo ? "placebo" : reading.condition);
        increase(s.truths[relation.tag], reading.truths);
        if (reading.pattern == "prompts") {
            count_lengths(s.lengths, group, relation);
        }
    }
}

std::string SynthesisCounts::text() const {
    const State& s = *state_;
    if (s.types.empty()) {
        return "{}";
    }
    return Json{{"types", s.types},
                {"tags", s.tags},
                {"truths", s.truths},
                {"lengths", s.lengths},
                {"discarded", s.discarded}}
        .dump();
}

}  // namespace samara::host
