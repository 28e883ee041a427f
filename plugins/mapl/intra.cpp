// The construction of mapl_intra.
#include "intra.hpp"

#include <algorithm>

namespace samara::mapl {
namespace {

/// With an empty side: patterns of the side that has instructions.  Nothing asked holds vacuously,
/// as a better prompt (a), and is followed in no point, as a worse one (b).
std::vector<TruthPair> beside_nothing(int k, bool chosen) {
    std::vector<TruthPair> out;
    for (Mask mask = 0; mask <= full_mask(k); ++mask) {
        if (chosen && mask != full_mask(k)) {
            out.push_back({full_mask(k), mask});
        } else if (!chosen && mask != 0) {
            out.push_back({mask, 0});
        }
    }
    return out;
}

}  // namespace

struct Intra::End {
    const char* name;  // "chosen" or "rejected"
    std::string_view response;
    size_t index;  // 0 chosen, 1 rejected
};

Intra::Intra(const Params& params)
    : settings_(params),
      condition_(condition_of(params)),
      chosen_(params.string("ends") != "rejected"),
      rejected_(params.string("ends") != "chosen"),
      empty_side_(params.flag("empty_side")) {
    if (empty_side_ && (condition_ != Condition::both || settings_.rule != Rule::paper)) {
        fail("empty_side fixes which truths are better: leave condition and relation out");
    }
    for (int k = 0; k <= settings_.count_high; ++k) {
        for (const bool chosen : {true, false}) {
            pairs_[chosen ? 0 : 1].push_back(empty_side_
                                                 ? beside_nothing(k, chosen)
                                                 : allowed_pairs(k, settings_.rule, condition_));
        }
    }
    const std::string tag = params.string("tag");
    const bool split = params.flag("split_ends");
    tag_names_ = {split ? tag + "_chosen" : tag, split ? tag + "_rejected" : tag};
    for (size_t n = 0; n < (split ? 2U : 1U); ++n) {
        tag_list_.push_back(tag_names_[n].c_str());
    }
}

void Intra::synthesize(const Dataset& data,
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
        for (const End& end :
             {End{"chosen", *record.chosen(), 0}, End{"rejected", *record.rejected(), 1}}) {
            const bool wanted = end.index == 0 ? chosen_ : rejected_;
            if (const std::string reason =
                    wanted ? add(group, record, end, seed, drafter) : std::string();
                !reason.empty()) {
                sink.skip(r, std::string(end.name) + " end: " + reason);
            }
        }
        if (!group.relations.empty()) {
            sink.emit(group);
        }
    }
    if (const std::string line = drafter.tally().summary(); !line.empty()) {
        log(Level::info, line);
    }
}

bool Intra::draft(const Messages& prompt,
                  const Carried& carried,
                  const End& end,
                  std::span<const size_t> types,
                  TruthPair truths,
                  Random& random,
                  Drafter& drafter,
                  std::optional<Prompt> (&out)[2]) const {
    const Mask masks[] = {truths.better, truths.worse};
    const size_t plain = empty_side_ ? end.index : 2;  // which of the two stays as it is
    for (size_t n = 0; n < 2; ++n) {
        const Wanted wanted{end.response, masks[n]};
        out[n] = n == plain
                     ? Prompt{prompt, {drafter.own_instructions(carried, prompt, end.response)}}
                     : drafter.make(prompt, carried, types, {&wanted, 1}, random);
        if (!out[n]) {
            return false;
        }
    }
    return true;
}

std::string Intra::add(Group& group,
                       const Record& record,
                       const End& end,
                       uint64_t seed,
                       Drafter& drafter) const {
    const std::string purpose = std::string("samara.mapl_intra/") + end.name;
    const int k = static_cast<int>(
        stream(seed, purpose, record.id()).between(settings_.count_low, settings_.count_high));
    const Messages prompt = record.prompt();
    const Carried carried = drafter.begin(record, k);
    if (carried.problem != nullptr) {
        return carried.problem;
    }
    for (int64_t attempt = 0; attempt < settings_.attempts; ++attempt) {
        Random random = stream(seed, purpose + '/' + std::to_string(attempt), record.id());
        ++drafter.tally().draws;
        const std::vector<size_t> types = drafter.pool().draw(k, random, carried.barred);
        const std::vector<TruthPair>& pairs = pairs_[end.index][static_cast<size_t>(k)];
        const TruthPair pair = pairs[random.below(pairs.size())];
        std::optional<Prompt> prompts[2];
        if (!draft(prompt, carried, end, types, pair, random, drafter, prompts)) {
            continue;
        }
        std::string names;
        for (const size_t type : types) {
            names += (names.empty() ? "" : " ") + drafter.pool().id(type);
        }
        for (std::optional<Prompt>& x : prompts) {
            const int64_t at = group.add(std::move(x->messages), end.response);
            Candidate& candidate = group.candidates[static_cast<size_t>(at)];
            // Equal to the record's other candidates, or the host could not merge them.
            candidate.weight = record.weight();
            candidate.instructions = std::move(x->instructions[0]);
        }
        const int64_t n = static_cast<int64_t>(group.candidates.size());
        const bool turned =
            settings_.permuted && stream(seed, purpose + "/placebo", record.id()).below(2) == 1;
        const char* tag = tag_list_[std::min(end.index, tag_list_.size() - 1)];
        group.prefer(turned ? n - 1 : n - 2, turned ? n - 2 : n - 1, tag).weight =
            record.weight() * settings_.weight;
        const std::string key = std::string("intra.") + end.name;
        annotate(group, key, settings_, drafter);
        group.notes.emplace_back(key + ".functions", names);
        group.notes.emplace_back(
            key + ".condition",
            empty_side_ ? (end.index == 0 ? "a" : "b") : condition_name(pair, k));
        const auto side = [&](Mask mask, size_t n) {
            return empty_side_ && n == end.index ? std::string("-") : show_mask(mask, k);
        };
        group.notes.emplace_back(key + ".truths",
                                 side(pair.better, 0) + " > " + side(pair.worse, 1));
        return "";
    }
    return "every draw failed, the last for " + drafter.last_failure();
}

}  // namespace samara::mapl
