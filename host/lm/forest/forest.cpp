// Lays the tries of groups flat and derives the index lists of scores and log-probabilities.
#include "lm/forest/forest.hpp"

#include "lm/forest/trie.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace samara::host {
namespace {

struct Grown {
    Trie trie;
    std::vector<Trie::End> ends;  // one per candidate
};

Grown grow(const Group& group) {
    Grown grown;
    for (size_t c = 0; c < group.candidates.size(); ++c) {
        const Candidate& candidate = group.candidates[c];
        if (candidate.response_ids.empty())
            throw Error(
                Code::data,
                "candidate " + std::to_string(c) + " has a response of no tokens",
                "record " + group.record_id,
                "a score is read at the last response token; give a response, or drop the row");
        grown.ends.push_back(grown.trie.insert(candidate.prompt_ids, candidate.response_ids));
    }
    return grown;
}

/// Appends the trie's branches depth first; returns the flat node of each branch (-1: the empty
/// root).
std::vector<int64_t> lay(const Trie& trie, Forest& forest) {
    const auto& branches = trie.branches();
    std::vector<int64_t> node_of(branches.size(), -1);
    std::vector<int64_t> open{0};
    while (!open.empty()) {
        const int64_t b = open.back();
        open.pop_back();
        const auto& branch = branches[b];
        open.insert(open.end(), branch.children.rbegin(), branch.children.rend());
        if (b == 0)
            continue;
        const auto begin = static_cast<int64_t>(forest.ids.size());
        node_of[b] = static_cast<int64_t>(forest.nodes.size());
        forest.nodes.push_back({node_of[branch.parent], begin, begin + branch.size()});
        for (int64_t t = 0; t < branch.size(); ++t) {
            forest.ids.push_back(branch.ids[t]);
            forest.positions.push_back(branch.start + t);
        }
    }
    return node_of;
}

/// Flat index of every token of a candidate, from its first to its last.
std::vector<int64_t> path_of(const Grown& grown,
                             const Trie::End& end,
                             const std::vector<int64_t>& node_of,
                             const Forest& forest) {
    std::vector<int64_t> path(end.depth);
    int64_t depth = end.depth;
    for (int64_t b = end.branch; b > 0; b = grown.trie.branches()[b].parent) {
        const auto& branch = grown.trie.branches()[b];
        for (; depth > branch.start; --depth)
            path[depth - 1] = forest.nodes[node_of[b]].begin + (depth - 1 - branch.start);
    }
    return path;
}

/// predecessor_of [F]: flat index of the token before, -1 at a root's first.
std::vector<int64_t> predecessors(const Forest& forest) {
    std::vector<int64_t> before(forest.ids.size());
    for (const Node& node : forest.nodes) {
        before[node.begin] = node.parent < 0 ? -1 : forest.nodes[node.parent].end - 1;
        for (int64_t t = node.begin + 1; t < node.end; ++t)
            before[t] = t - 1;
    }
    return before;
}

/// Fills rows and target_*; `responses` holds the flat indices of the T response tokens, `prompts`
/// those of the prompts' predicted tokens.
void index_targets(Forest& forest,
                   const std::vector<int64_t>& responses,
                   const std::vector<int64_t>& prompts) {
    const auto before = predecessors(forest);
    std::vector<int64_t> wanted = responses;  // distinct, by predecessor and then by place
    wanted.insert(wanted.end(), prompts.begin(), prompts.end());
    const auto order = [&](int64_t a, int64_t b) {
        return std::pair(before[a], a) < std::pair(before[b], b);
    };
    std::sort(wanted.begin(), wanted.end(), order);
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    std::vector<int64_t> target_of(forest.ids.size(), -1);
    for (const int64_t token : wanted) {
        if (forest.rows.empty() || forest.rows.back() != before[token])
            forest.rows.push_back(before[token]);
        target_of[token] = static_cast<int64_t>(forest.target_ids.size());
        forest.target_ids.push_back(forest.ids[token]);
        forest.target_rows.push_back(static_cast<int64_t>(forest.rows.size()) - 1);
    }
    for (const int64_t token : responses)
        forest.tok_target.push_back(target_of[token]);
    for (const int64_t token : prompts)
        forest.prompt_target.push_back(target_of[token]);
}

}  // namespace

Forest build_forest(std::span<const Group* const> groups, bool prompts) {
    Forest forest;
    std::vector<int64_t> responses, asked;
    for (const Group* group : groups) {
        const Grown grown = grow(*group);
        const auto node_of = lay(grown.trie, forest);
        for (size_t c = 0; c < grown.ends.size(); ++c) {
            const auto path = path_of(grown, grown.ends[c], node_of, forest);
            const auto length = static_cast<int64_t>(group->candidates[c].response_ids.size());
            const auto candidate = static_cast<int64_t>(forest.last.size());
            if (group->candidates[c].prompt_ids.empty() && forest.without_prompt < 0)
                forest.without_prompt = candidate;
            forest.last.push_back(path.back());
            forest.length.push_back(length);
            responses.insert(responses.end(), path.end() - length, path.end());
            forest.tok_candidate.insert(forest.tok_candidate.end(), length, candidate);
            for (auto token = path.begin() + 1; prompts && token < path.end() - length; ++token) {
                asked.push_back(*token);
                forest.prompt_candidate.push_back(candidate);
            }
        }
    }
    if (forest.without_prompt >= 0) {
        forest.tok_candidate.clear();
        forest.prompt_candidate.clear();
    } else {
        index_targets(forest, responses, asked);
    }
    return forest;
}

int64_t tree_tokens(const Group& group) {
    int64_t total = 0;
    const Grown grown = grow(group);
    for (const auto& branch : grown.trie.branches())
        total += branch.size();
    return total;
}

}  // namespace samara::host
