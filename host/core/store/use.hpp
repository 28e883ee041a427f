// Who uses a cache: a shared lock on PATH.lock beside it, held as long as its user lives.  Reading
// and publishing need no lock (store.hpp); only removing asks for the lock, alone.  The lock file's
// time is the last use.
#pragma once
#include <optional>
#include <string>
#include <utility>

namespace samara::host {

class CacheUse {
public:
    /// Marks the cache `path` (.../groups/KEY, .../reference/KEY) as used until the object goes.
    /// Its folder must exist.  In a folder that one may only read nothing is marked.
    explicit CacheUse(const std::string& path);
    ~CacheUse();
    CacheUse(CacheUse&& other) noexcept : lock_(std::exchange(other.lock_, -1)) {}
    CacheUse& operator=(CacheUse&&) = delete;
    CacheUse(const CacheUse&) = delete;
    CacheUse& operator=(const CacheUse&) = delete;

    /// The cache for oneself, or nothing when somebody uses it or the lock cannot be had.  Users
    /// that come later wait.
    static std::optional<CacheUse> alone(const std::string& path);

private:
    explicit CacheUse(int lock) : lock_(lock) {}
    int lock_ = -1;
};

/// PATH.lock.
[[nodiscard]] std::string lock_of(const std::string& path);

}  // namespace samara::host
