// The cache of reference log-probabilities, group by group: every run and arm with the same model
// and precision shares what it has in common with earlier ones, whatever its order, length or
// objective.  cache/reference/MODEL/SHARD.h5 holds the groups that one pass computed; a shard is
// complete or absent, because its rename is the only step of publishing.
#pragma once
#include "core/store/store.hpp"

#include <map>
#include <string>
#include <vector>

namespace samara::host {

/// Log-probabilities, nats, of one group's candidates in order.
struct GroupLogps {
    std::vector<double> logp;         ///< [N] summed over the response
    std::vector<double> tok_logp;     ///< [T] of every response token, candidate after candidate
    std::vector<double> prompt_logp;  ///< [N] of the prompt's tokens but its first; or empty
    double seconds = 0;               ///< what computing them took
};

/// By a hash of the group's token ids: 64 hex digits.
using LogpsOfGroups = std::map<std::string, GroupLogps>;

/// Any number of processes may use one folder.  What was read or written is in use (use.hpp) as
/// long as this object lives.  [one thread at a time]
class ReferenceStore {
public:
    using Warn = std::function<void(const std::string&)>;
    /// `key`: model, precision and scope of the values.
    ReferenceStore(const std::string& folder, const CacheKey& key, Warn warn = {});
    /// Every stored group, verified (schema, checksum, sizes); a damaged shard is kept as
    /// SHARD.h5.bad, said, and left out.  Throws Error(Code::io).
    [[nodiscard]] LogpsOfGroups read();
    /// Publishes a shard atomically.  Throws Error(Code::io).
    void write(const LogpsOfGroups& values);

private:
    std::string folder_, key_;
    Warn warn_;
    std::optional<CacheUse> use_;
};

/// Reads a shard with every check; its folder has its key's name.  Throws Error: corrupt, io.
void verify_reference(const std::string& file);

}  // namespace samara::host
