// Taking relations and candidates out of a group with the indices kept right.  Private to the data
// room.
#pragma once
#include "core/data/groups.hpp"

#include <functional>
#include <vector>

namespace samara::host {

/// What to take out; both sized as the group's lists.
struct Cut {
    explicit Cut(const Group& group)
        : candidates(group.candidates.size(), false), relations(group.relations.size(), false) {}
    std::vector<bool> candidates, relations;
};

/// Removes what `cut` names, relations that touch a removed candidate, and then those candidates in
/// no relation for which `useless_alone(candidate, had a relation before)` holds.  Counts into
/// `report`, but not the group. Returns whether the group has anything left that a loss can use: a
/// candidate that is not auxiliary.
bool prune(Group& group,
           Cut cut,
           const std::function<bool(const Candidate&, bool)>& useless_alone,
           RemovalReport& report);

/// Keeps, in order, the groups for which `keep` says so; `keep` may change the group and sees each
/// one once.
void keep_if(std::vector<Group>& groups, const std::function<bool(Group&)>& keep);

}  // namespace samara::host
