// See prune.hpp.
#include "core/data/prune.hpp"

#include <algorithm>
#include <array>

namespace samara::host {
namespace {

// The candidates of a relation; k and l are -1 at order 1.
std::array<int64_t, 4> ends(const Relation& r) {
    return {r.i, r.j, r.k, r.l};
}

void mark(const Relation& relation, std::vector<bool>& used) {
    for (const int64_t end : ends(relation)) {
        if (end >= 0) {
            used[static_cast<size_t>(end)] = true;
        }
    }
}

}  // namespace

bool prune(Group& group,
           Cut cut,
           const std::function<bool(const Candidate&, bool)>& useless_alone,
           RemovalReport& report) {
    const size_t count = group.candidates.size();
    std::vector<bool> before(count, false), after(count, false);
    std::vector<Relation> relations;
    for (size_t r = 0; r < group.relations.size(); ++r) {
        const Relation& relation = group.relations[r];
        mark(relation, before);
        const auto all = ends(relation);
        const bool gone = cut.relations[r] || std::any_of(all.begin(), all.end(), [&](int64_t end) {
                              return end >= 0 && cut.candidates[static_cast<size_t>(end)];
                          });
        if (gone) {
            ++report.relations;
        } else {
            mark(relation, after);
            relations.push_back(relation);
        }
    }
    std::vector<int64_t> moved(count, -1);
    std::vector<Candidate> candidates;
    bool usable = false;
    for (size_t c = 0; c < count; ++c) {
        Candidate& candidate = group.candidates[c];
        if (cut.candidates[c] || (!after[c] && useless_alone(candidate, before[c]))) {
            ++report.candidates;
            continue;
        }
        moved[c] = static_cast<int64_t>(candidates.size());
        usable = usable || after[c] || !candidate.auxiliary;
        candidates.push_back(std::move(candidate));
    }
    for (Relation& relation : relations) {
        for (int64_t* end : {&relation.i, &relation.j, &relation.k, &relation.l}) {
            *end = *end < 0 ? -1 : moved[static_cast<size_t>(*end)];
        }
    }
    group.candidates = std::move(candidates);
    group.relations = std::move(relations);
    return usable;
}

void keep_if(std::vector<Group>& groups, const std::function<bool(Group&)>& keep) {
    size_t kept = 0;
    for (size_t n = 0; n < groups.size(); ++n) {
        if (!keep(groups[n])) {
            continue;
        }
        if (kept != n) {
            groups[kept] = std::move(groups[n]);
        }
        ++kept;
    }
    groups.resize(kept);
}

}  // namespace samara::host
