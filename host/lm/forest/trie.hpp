// The token trie of one group while it grows; forest.cpp lays it flat.  Internal to forest/.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace samara::host {

/// Tokens shared by two sequences that part inside a node are shared from this many on: below it a
/// split costs more (two small attention pieces) than it saves.  docs/design.md, section 3.
inline constexpr int64_t kMinShared = 8;

class Trie {
public:
    struct Branch {
        int64_t parent = -1;
        int64_t start = 0;  ///< depth of the first token
        std::vector<int64_t> ids;
        std::vector<int64_t> children;  ///< in order of arrival
        bool border = false;            ///< a prompt ends with the last token
        [[nodiscard]] int64_t size() const { return static_cast<int64_t>(ids.size()); }
    };
    /// Where a candidate ends: at token `depth - 1`, which lies in `branch` or, after later splits,
    /// above it.
    struct End {
        int64_t branch = -1;
        int64_t depth = 0;
    };

    Trie();
    End insert(std::span<const int64_t> prompt, std::span<const int64_t> response);
    /// Branch 0 is the empty root; the parts of a split keep the lower part's index.
    [[nodiscard]] const std::vector<Branch>& branches() const { return branches_; }

private:
    struct Match {
        int64_t child = -1;
        int64_t shared = 0;
    };
    [[nodiscard]] Match best_child(int64_t branch, std::span<const int64_t> ids) const;
    End extend(int64_t branch, std::span<const int64_t> ids, bool border);
    int64_t split(int64_t branch, int64_t keep);
    std::vector<Branch> branches_;
};

}  // namespace samara::host
