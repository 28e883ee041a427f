// The construction of mapl_inter.
#include "inter.hpp"

namespace samara::mapl {

Inter::Inter(const Params& params) : settings_(params), pattern_(Pattern::widen) {
    const std::string pattern = params.string("pattern");
    pattern_ = pattern == "narrow"    ? Pattern::narrow
               : pattern == "neutral" ? Pattern::neutral
                                      : Pattern::widen;
    for (int k = 0; k <= settings_.count_high; ++k) {
        pairs_.push_back(pattern_ == Pattern::neutral
                             ? equal_pairs(k)
                             : allowed_pairs(k, settings_.rule, Condition::both));
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
        if (add(group, record, seed, drafter)) {
            sink.emit(group);
        } else {
            sink.skip(r, "every draw failed, the last for " + drafter.last_failure());
        }
    }
    if (const std::string line = drafter.tally().summary(); !line.empty()) {
        log(Level::info, line);
    }
}

bool Inter::add(Group& group, const Record& record, uint64_t seed, Drafter& drafter) const {
    const std::string purpose = "samara.mapl_inter";
    const int k = static_cast<int>(
        stream(seed, purpose, record.id()).between(settings_.count_low, settings_.count_high));
    const Messages prompt = record.prompt();
    for (int64_t attempt = 0; attempt < settings_.attempts; ++attempt) {
        Random random = stream(seed, purpose + '/' + std::to_string(attempt), record.id());
        ++drafter.tally().draws;
        const std::vector<size_t> types = drafter.pool().draw(k, random);
        const std::vector<TruthPair>& pairs = pairs_[static_cast<size_t>(k)];
        const TruthPair pair = pairs[random.below(pairs.size())];
        const bool narrow = pattern_ == Pattern::narrow;
        const Wanted wanted[] = {{*record.chosen(), narrow ? pair.worse : pair.better},
                                 {*record.rejected(), narrow ? pair.better : pair.worse}};
        std::optional<Prompt> extended = drafter.make(prompt, types, wanted, random);
        if (!extended) {
            continue;
        }
        fill(group, record, std::move(*extended));
        std::string names;
        for (const size_t type : types) {
            names += (names.empty() ? "" : " ") + drafter.pool().id(type);
        }
        group.notes.emplace_back("inter.functions", names);
        group.notes.emplace_back("inter.condition",
                                 pattern_ == Pattern::neutral ? "equal" : condition_name(pair, k));
        group.notes.emplace_back("inter.truths",
                                 "chosen " + show_mask(wanted[0].truths, k) + ", rejected " +
                                     show_mask(wanted[1].truths, k));
        return true;
    }
    return false;
}

void Inter::fill(Group& group, const Record& record, Prompt&& extended) const {
    const int64_t with_w = group.add(extended.messages, *record.chosen());
    const int64_t with_l = group.add(std::move(extended.messages), *record.rejected());
    const int64_t plain_w = group.add(record.prompt(), *record.chosen());
    const int64_t plain_l = group.add(record.prompt(), *record.rejected());
    group.candidates[0].instructions = std::move(extended.instructions[0]);
    group.candidates[1].instructions = std::move(extended.instructions[1]);
    for (Candidate& candidate : group.candidates) {
        // Equal to the record's other candidates, or the host could not merge them.
        candidate.weight = record.weight();
    }
    Relation& relation = pattern_ == Pattern::narrow
                             ? group.contrast(plain_w, plain_l, with_w, with_l, tags[0])
                             : group.contrast(with_w, with_l, plain_w, plain_l, tags[0]);
    relation.weight = record.weight() * settings_.weight;
    relation.flip = pattern_ == Pattern::neutral ? 0.5 : 0.0;
}

}  // namespace samara::mapl
