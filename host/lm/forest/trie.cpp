// Growing a group's token trie: longest match among the children, a split at a prompt's end always,
// elsewhere only where enough tokens are shared.
#include "lm/forest/trie.hpp"

#include <algorithm>

namespace samara::host {

Trie::Trie() : branches_(1) {}

Trie::End Trie::insert(std::span<const int64_t> prompt, std::span<const int64_t> response) {
    const End border = extend(0, prompt, true);
    branches_[border.branch].border = true;
    return extend(border.branch, response, false);
}

Trie::Match Trie::best_child(int64_t branch, std::span<const int64_t> ids) const {
    Match best;
    for (const int64_t child : branches_[branch].children) {
        const auto& own = branches_[child].ids;
        const auto n = std::min(own.size(), ids.size());
        const auto end = std::mismatch(own.begin(), own.begin() + n, ids.begin()).first;
        const int64_t shared = end - own.begin();
        if (shared > best.shared)
            best = {child, shared};
    }
    return best;
}

/// Walks `ids` down from the end of `branch`, adding what is missing.  With `border` the end
/// becomes a node border.
Trie::End Trie::extend(int64_t branch, std::span<const int64_t> ids, bool border) {
    while (!ids.empty()) {
        const auto [child, shared] = best_child(branch, ids);
        const auto left = static_cast<int64_t>(ids.size());
        if (child >= 0 && shared == branches_[child].size()) {  // the whole node is on the path
            branch = child;
        } else if (child >= 0 && shared == left) {  // the sequence ends inside the node
            if (!border)
                return {child, branches_[child].start + shared};
            branch = split(child, shared);
        } else if (child >= 0 && shared >= kMinShared) {
            branch = split(child, shared);
        } else {
            Branch& above = branches_[branch];
            if (branch != 0 && above.children.empty() &&
                !above.border) {  // goes on where one ended
                above.ids.insert(above.ids.end(), ids.begin(), ids.end());
                break;
            }
            Branch fresh{branch, above.start + above.size(), {ids.begin(), ids.end()}, {}, false};
            branches_.push_back(std::move(fresh));
            branches_[branch].children.push_back(static_cast<int64_t>(branches_.size()) - 1);
            branch = static_cast<int64_t>(branches_.size()) - 1;
            break;
        }
        ids = ids.subspan(shared);
    }
    return {branch, branches_[branch].start + branches_[branch].size()};
}

/// Cuts `branch` after `keep` tokens and returns the new upper part; `branch` stays the lower part,
/// so that ends recorded earlier stay below or inside it.
int64_t Trie::split(int64_t branch, int64_t keep) {
    const auto upper = static_cast<int64_t>(branches_.size());
    Branch& low = branches_[branch];
    Branch top{low.parent, low.start, {low.ids.begin(), low.ids.begin() + keep}, {branch}, false};
    auto& siblings = branches_[low.parent].children;
    *std::find(siblings.begin(), siblings.end(), branch) = upper;
    low.ids.erase(low.ids.begin(), low.ids.begin() + keep);
    low.start += keep;
    low.parent = upper;
    branches_.push_back(std::move(top));
    return upper;
}

}  // namespace samara::host
