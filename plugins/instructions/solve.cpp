// solve.cpp - chooses the pair, lets propose.cpp draw, sets the polarity and checks, behind
// solve.hpp.
#include "solve.hpp"

#include "propose.hpp"

#include <algorithm>

namespace samara::ifeval {
namespace {

// A response that an instruction is asked about.
struct Asked {
    std::string_view utf8;
    Text text;
    int64_t value;
    bool truth;
};

// Which response the instruction is drawn against, for one asked response.
class Partners {
public:
    Partners(Corpus& corpus, const Dataset& data, Kind kind)
        : corpus_(corpus), data_(data), kind_(kind), measure_(corpus.measure(data, kind)) {}

    bool balanced() const { return measure_.balanced; }

    /// A member of the measure; kNone: `asked` takes no part, whatever the seed.  `single`: the
    /// truth of a lone demand must stay a fair coin, so responses that have no partner are left
    /// out.
    uint32_t draw(const Asked& asked, bool single, Random& random) const {
        const uint64_t salt = random.next();
        if (needs_no_text(kind_)) {
            const uint32_t member = member_for(asked, salt);
            const uint32_t partner =
                member == Corpus::kNone ? Corpus::kNone
                                        : measure_.partner(random.below(Corpus::kPairings), member);
            return partner == Corpus::kNone && !single ? any(asked, random) : partner;
        }
        const uint32_t index = corpus_.find(asked.utf8, salt);
        if (index == Corpus::kNone) {
            return any(asked, random);
        }
        // Words against the row's other response half of the time: both speak about the same thing,
        // so that the topic of the words tells nothing either.
        const uint32_t sibling = corpus_.sibling(index);
        if (sibling != Corpus::kNone && random.below(2) == 0) {
            return sibling;
        }
        const uint32_t partner = measure_.partner(random.below(Corpus::kPairings), index);
        return partner == Corpus::kNone && !single ? any(asked, random) : partner;
    }

    int64_t value(uint32_t member) const {
        return needs_no_text(kind_) ? measure_.values[member] : 0;
    }
    /// For types that need texts, all of whose responses are members.
    Text text(uint32_t member) const { return corpus_.text(data_, member); }

private:
    // Where not all are measured, another one may have to take the place of `asked`: the same for
    // every seed, since a response that takes part in one draw and not in the next would be picked
    // by whoever draws again.
    uint32_t member_for(const Asked& asked, uint64_t salt) const {
        const uint64_t hash = content_hash(asked.utf8);
        const uint32_t index = corpus_.find(asked.utf8, corpus_.all_measured() ? salt : hash);
        const uint32_t member =
            index == Corpus::kNone ? Corpus::kNone : corpus_.member(kind_, index);
        return member == Corpus::kNone ? measure_.stand_in(asked.value, hash) : member;
    }
    uint32_t any(const Asked& asked, Random& random) const {
        for (int i = 0; i < 256; ++i) {
            const auto member = static_cast<uint32_t>(random.below(measure_.members));
            if (!needs_no_text(kind_) || value(member) != asked.value) {
                return member;
            }
        }
        return Corpus::kNone;
    }
    Corpus& corpus_;
    const Dataset& data_;
    Kind kind_;
    const Corpus::Measure& measure_;
};

// Polarity for the first response's truth, then the check of all.
std::optional<Solution> settle(Kind kind,
                               Arguments arguments,
                               const std::vector<Asked>& asked,
                               const Asked& first) {
    Instruction instruction(kind, arguments);
    bool negated = instruction.follows(first.text) != first.truth;
    if (keys_of(kind).relation != nullptr && negated) {
        arguments.at_least = false;
        instruction = Instruction(kind, arguments);
        negated = false;
    }
    for (const Asked& a : asked) {
        if (instruction.judge_strict(a.text, negated) != a.truth) {
            return std::nullopt;
        }
    }
    return Solution{instruction.kwargs(), negated};
}

}  // namespace

std::optional<Solution> solve(Corpus& corpus,
                              const Dataset& data,
                              Kind kind,
                              std::span<const Demand> demands,
                              uint64_t seed) {
    std::vector<Asked> asked;
    for (const Demand& demand : demands) {
        Text text = decode(demand.response);
        const int64_t value = measure_text(kind, text);
        if (strip(text).empty()) {
            return std::nullopt;
        }
        asked.push_back({demand.response, std::move(text), value, demand.truth});
    }
    if (asked.empty() || !all_types()[static_cast<size_t>(kind)].can_solve) {
        return std::nullopt;
    }
    Random random(seed, all_types()[static_cast<size_t>(kind)].id);
    const auto other = std::find_if(
        asked.begin(), asked.end(), [&](const Asked& a) { return a.truth != asked[0].truth; });
    const int tries = asked.size() == 1 ? 4 : 48;
    if (other != asked.end()) {
        for (int i = 0; i < tries; ++i) {
            const auto drawn =
                propose(kind, {asked[0].text, asked[0].value}, {other->text, other->value}, random);
            const auto found =
                drawn ? settle(kind, *drawn, asked, asked[0]) : std::optional<Solution>();
            if (found) {
                return found;
            }
        }
        return std::nullopt;
    }
    const Partners partners(corpus, data, kind);
    if (!partners.balanced()) {
        return std::nullopt;
    }
    uint32_t partner = Corpus::kNone;
    Text text;
    for (int i = 0; i < tries; ++i) {
        // A lone demand keeps its partner: going on to another after a failure would emit a pair
        // more often when the response asked about is the one that fails more often elsewhere.
        if (i == 0 || asked.size() > 1) {
            partner = partners.draw(asked[0], asked.size() == 1, random);
            if (partner == Corpus::kNone) {
                return std::nullopt;
            }
            text = needs_no_text(kind) ? Text() : partners.text(partner);
        }
        const auto drawn =
            propose(kind, {asked[0].text, asked[0].value}, {text, partners.value(partner)}, random);
        const auto found =
            drawn ? settle(kind, *drawn, asked, asked[0]) : std::optional<Solution>();
        if (found) {
            return found;
        }
    }
    return std::nullopt;
}

}  // namespace samara::ifeval
