// The construction of mapl_inter.
#include "inter.hpp"

namespace samara::mapl {

Inter::Inter(const Params& params)
    : settings_(params),
      pattern_(Pattern::widen),
      two_(params.string("prompts") == "two"),
      responses_(params.string("compare") == "responses"),
      margin_(params.number("margin")),
      tag_(params.string("tag")),
      tag_name_(tag_.c_str()) {
    const std::string pattern = params.string("pattern");
    pattern_ = pattern == "narrow"    ? Pattern::narrow
               : pattern == "neutral" ? Pattern::neutral
                                      : Pattern::widen;
    const Condition condition = condition_of(params);
    if (pattern_ == Pattern::neutral) {
        if (settings_.rule != Rule::paper || condition != Condition::both || margin_ != 0) {
            fail(
                "pattern \"neutral\" asks for equal truths: leave relation, condition and margin "
                "out");
        }
        if (responses_) {
            fail(
                "compare \"responses\" has no meaning with pattern \"neutral\": equal truths say "
                "nothing of the responses");
        }
    }
    if (two_ && pattern_ != Pattern::widen) {
        fail("prompts \"two\" has a prompt for each response already: leave pattern out");
    }
    for (int k = 0; k <= settings_.count_high; ++k) {
        pairs_.push_back(pattern_ == Pattern::neutral
                             ? equal_pairs(k)
                             : allowed_pairs(k, settings_.rule, condition));
    }
}

void Inter::synthesize(const Dataset& data,
                       int64_t first,
                       int64_t last,
                       uint64_t seed,
                       Sink& sink) const {
    Drafter drafter(data, settings_);
    for (int64_t r = first; r < last; ++r) {
        if (r % 16 == 0) {
            stop_if_cancelled();
        }
        const Record record = data[r];
        if (const char* reason = unusable(record)) {
            sink.skip(r, reason);
            continue;
        }
        Group group(r);
        const std::string reason = add(group, record, seed, drafter);
        if (reason.empty()) {
            sink.emit(group);
        } else {
            sink.skip(r, reason);
        }
    }
    if (const std::string line = drafter.tally().summary(); !line.empty()) {
        log(Level::info, line);
    }
}

std::optional<Inter::Side> Inter::draft(const Record& record,
                                        const Carried& carried,
                                        std::span<const size_t> types,
                                        bool chosen_better,
                                        Random& random,
                                        Drafter& drafter) const {
    const std::vector<TruthPair>& pairs = pairs_[types.size()];
    const TruthPair pair = pairs[random.below(pairs.size())];
    const Wanted wanted[] = {{*record.chosen(), chosen_better ? pair.better : pair.worse},
                             {*record.rejected(), chosen_better ? pair.worse : pair.better}};
    std::optional<Prompt> prompt = drafter.make(record.prompt(), carried, types, wanted, random);
    return prompt ? std::optional(Side{std::move(*prompt), pair, chosen_better}) : std::nullopt;
}

std::string Inter::add(Group& group, const Record& record, uint64_t seed, Drafter& drafter) const {
    const std::string purpose = "samara.mapl_inter";
    const int k = static_cast<int>(
        stream(seed, purpose, record.id()).between(settings_.count_low, settings_.count_high));
    const Carried carried = drafter.begin(record, k);
    if (carried.problem != nullptr) {
        return carried.problem;
    }
    for (int64_t attempt = 0; attempt < settings_.attempts; ++attempt) {
        Random random = stream(seed, purpose + '/' + std::to_string(attempt), record.id());
        ++drafter.tally().draws;
        const std::vector<size_t> types = drafter.pool().draw(k, random, carried.barred);
        std::vector<Side> sides;
        for (size_t n = 0; n < (two_ ? 2U : 1U); ++n) {
            const bool chosen_better = two_ ? n == 0 : pattern_ != Pattern::narrow;
            if (auto side = draft(record, carried, types, chosen_better, random, drafter)) {
                sides.push_back(std::move(*side));
            }
        }
        if (sides.size() < (two_ ? 2U : 1U)) {
            continue;
        }
        std::string names;
        for (const size_t type : types) {
            names += (names.empty() ? "" : " ") + drafter.pool().id(type);
        }
        group.notes.emplace_back("inter.functions", names);
        for (const Side& side : sides) {
            const std::string key = &side == sides.data() ? "inter" : "inter.second";
            const Mask of_w = side.chosen_better ? side.truths.better : side.truths.worse;
            const Mask of_l = side.chosen_better ? side.truths.worse : side.truths.better;
            group.notes.emplace_back(
                key + ".condition",
                pattern_ == Pattern::neutral ? "equal" : condition_name(side.truths, k));
            group.notes.emplace_back(
                key + ".truths",
                "chosen " + show_mask(of_w, k) + ", rejected " + show_mask(of_l, k));
        }
        annotate(group, "inter", settings_, drafter);
        fill(group, record, carried, std::move(sides), seed, drafter);
        return "";
    }
    return "every draw failed, the last for " + drafter.last_failure();
}

void Inter::fill(Group& group,
                 const Record& record,
                 const Carried& carried,
                 std::vector<Side>&& sides,
                 uint64_t seed,
                 const Drafter& drafter) const {
    std::vector<int64_t> with_w, with_l;
    for (Side& side : sides) {
        with_w.push_back(group.add(side.prompt.messages, *record.chosen()));
        with_l.push_back(group.add(std::move(side.prompt.messages), *record.rejected()));
        group.candidates[static_cast<size_t>(with_w.back())].instructions =
            std::move(side.prompt.instructions[0]);
        group.candidates[static_cast<size_t>(with_l.back())].instructions =
            std::move(side.prompt.instructions[1]);
    }
    if (!two_ && !responses_) {
        with_w.push_back(group.add(record.prompt(), *record.chosen()));
        with_l.push_back(group.add(record.prompt(), *record.rejected()));
        for (const int64_t n : {with_w.back(), with_l.back()}) {
            Candidate& own = group.candidates[static_cast<size_t>(n)];
            own.instructions = drafter.own_instructions(carried, own.prompt, *own.response);
        }
    }
    for (Candidate& candidate : group.candidates) {
        // Equal to the record's other candidates, or the host could not merge them.
        candidate.weight = record.weight();
    }
    relate(group, record, seed, sides, with_w, with_l);
}

void Inter::relate(Group& group,
                   const Record& record,
                   uint64_t seed,
                   std::span<const Side> sides,
                   std::span<const int64_t> with_w,
                   std::span<const int64_t> with_l) const {
    Random coin = stream(seed, "samara.mapl_inter/placebo", record.id());
    const auto finish = [&](Relation& relation, int differences) {
        if (settings_.permuted && coin.below(2) == 1) {
            if (relation.order == 1) {
                std::swap(relation.i, relation.j);
            } else {
                std::swap(relation.i, relation.k);
                std::swap(relation.j, relation.l);
            }
        }
        relation.weight = record.weight() * settings_.weight;
        relation.margin = margin_ * differences;
        relation.flip = pattern_ == Pattern::neutral ? 0.5 : 0.0;
    };
    const auto differences = [&](size_t n) {
        return std::popcount(sides[n].truths.better ^ sides[n].truths.worse);
    };
    if (responses_) {
        for (size_t n = 0; n < sides.size(); ++n) {
            finish(sides[n].chosen_better ? group.prefer(with_w[n], with_l[n], tag_name_)
                                          : group.prefer(with_l[n], with_w[n], tag_name_),
                   differences(n));
        }
        return;
    }
    const bool narrow = pattern_ == Pattern::narrow;
    const size_t strong = narrow ? 1 : 0, weak = narrow ? 0 : 1;
    finish(group.contrast(with_w[strong], with_l[strong], with_w[weak], with_l[weak], tag_name_),
           differences(0) + (two_ ? differences(1) : 0));
}

}  // namespace samara::mapl
