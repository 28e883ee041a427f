// Everything that lies in the cache folder, for `samara cache verify` and `samara cache prune`.
// Models (models/) are not caches and are never touched.
#pragma once
#include "runtime/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace samara::host {

/// What is checked and removed as one: a group cache, a shard of reference log-probabilities, or a
/// damaged file that was set aside.
struct CacheItem {
    enum class Kind { groups, reference, set_aside };
    Kind kind = Kind::groups;
    std::vector<std::string> files;  ///< the first names it; it goes first
    std::string use;                 ///< what CacheUse marks; empty: nobody uses it
    uint64_t bytes = 0;
    int64_t last_use = 0;  ///< seconds since the epoch
};

/// Least recently used first.  A folder that is absent holds nothing.
std::vector<CacheItem> inventory(const std::string& cache_folder);

/// Reads the item as a run would, with every check.  What is wrong with it: corrupt or io.
std::optional<Problem> verify(const CacheItem& item);

/// What prune() removes; at least one is set.
struct PruneRules {
    std::optional<int64_t> unused_seconds;  ///< not used for longer than this
    std::optional<uint64_t> most_bytes;     ///< the least recently used, until no more are left
    bool damaged = false;                   ///< what verify() refuses, and what was set aside
};

struct Pruned {
    CacheItem item;
    std::string why;
    bool in_use = false;  ///< then it is kept
};

/// Removes by the rules, never what somebody uses; with `dry_run` it only tells.  `now`: seconds
/// since the epoch.  Throws Error(Code::io) when a file cannot be removed.
std::vector<Pruned> prune(const std::string& cache_folder,
                          const PruneRules& rules,
                          int64_t now,
                          bool dry_run);

}  // namespace samara::host
