// The construction of mapl_intra.
#include "intra.hpp"

namespace samara::mapl {
namespace {

constexpr const char* kOneTag[] = {"intra"};
constexpr const char* kTwoTags[] = {"intra_chosen", "intra_rejected"};

Condition condition_of(const std::string& name) {
    return name == "a" ? Condition::a : name == "b" ? Condition::b : Condition::both;
}

}  // namespace

struct Intra::End {
    const char* name;  // "chosen" or "rejected"
    std::string_view response;
    const char* tag;
};

Intra::Intra(const Params& params)
    : settings_(params),
      condition_(condition_of(params.string("condition"))),
      chosen_(params.string("ends") != "rejected"),
      rejected_(params.string("ends") != "chosen"),
      split_(params.flag("split_ends")) {
    for (int k = 0; k <= settings_.count_high; ++k) {
        pairs_.push_back(allowed_pairs(k, settings_.rule, condition_));
    }
}

std::span<const char* const> Intra::tags() const {
    return split_ ? std::span<const char* const>(kTwoTags) : std::span<const char* const>(kOneTag);
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
             {End{"chosen", *record.chosen(), split_ ? kTwoTags[0] : kOneTag[0]},
              End{"rejected", *record.rejected(), split_ ? kTwoTags[1] : kOneTag[0]}}) {
            const bool wanted = end.name == std::string_view("chosen") ? chosen_ : rejected_;
            if (wanted && !add(group, record, end, seed, drafter)) {
                sink.skip(r,
                          std::string(end.name) + " end: every draw failed, the last for " +
                              drafter.last_failure());
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

bool Intra::add(Group& group,
                const Record& record,
                const End& end,
                uint64_t seed,
                Drafter& drafter) const {
    const std::string purpose = std::string("samara.mapl_intra/") + end.name;
    const int k = static_cast<int>(
        stream(seed, purpose, record.id()).between(settings_.count_low, settings_.count_high));
    const Messages prompt = record.prompt();
    for (int64_t attempt = 0; attempt < settings_.attempts; ++attempt) {
        Random random = stream(seed, purpose + '/' + std::to_string(attempt), record.id());
        ++drafter.tally().draws;
        const std::vector<size_t> types = drafter.pool().draw(k, random);
        const std::vector<TruthPair>& pairs = pairs_[static_cast<size_t>(k)];
        const TruthPair pair = pairs[random.below(pairs.size())];
        const Wanted better{end.response, pair.better};
        const Wanted worse{end.response, pair.worse};
        std::optional<Prompt> x_w = drafter.make(prompt, types, {&better, 1}, random);
        std::optional<Prompt> x_l =
            x_w ? drafter.make(prompt, types, {&worse, 1}, random) : std::nullopt;
        if (!x_l) {
            continue;
        }
        std::string names;
        for (const size_t type : types) {
            names += (names.empty() ? "" : " ") + drafter.pool().id(type);
        }
        for (std::optional<Prompt>* x : {&x_w, &x_l}) {
            const int64_t at = group.add(std::move((*x)->messages), end.response);
            Candidate& candidate = group.candidates[static_cast<size_t>(at)];
            // Equal to the record's other candidates, or the host could not merge them.
            candidate.weight = record.weight();
            candidate.instructions = std::move((*x)->instructions[0]);
        }
        const int64_t n = static_cast<int64_t>(group.candidates.size());
        group.prefer(n - 2, n - 1, end.tag).weight = record.weight() * settings_.weight;
        const std::string key = std::string("intra.") + end.name;
        group.notes.emplace_back(key + ".functions", names);
        group.notes.emplace_back(key + ".condition", condition_name(pair, k));
        group.notes.emplace_back(key + ".truths",
                                 show_mask(pair.better, k) + " > " + show_mask(pair.worse, k));
        return true;
    }
    return false;
}

}  // namespace samara::mapl
