// The cache of reference log-probabilities: one HDF5 file per key, complete or absent, because its
// rename is the only step of publishing.  Shared by every run and arm with the same model, tokens
// and precision.
#pragma once
#include "core/store/store.hpp"

#include <optional>
#include <string>
#include <vector>

namespace samara::host {

/// Log-probabilities, nats, of all candidates of a list of groups in order.
struct ReferenceLogps {
    std::vector<double> logp;         ///< [N] summed over the response
    std::vector<double> tok_logp;     ///< [T] of every response token, candidate after candidate
    std::vector<double> prompt_logp;  ///< [N] of the prompt's tokens but its first; or empty
    double seconds = 0;               ///< what computing them took
};

/// [any-thread]; any number of processes may use one folder.
class ReferenceStore {
public:
    using Warn = std::function<void(const std::string&)>;
    explicit ReferenceStore(std::string folder, Warn warn = {});
    /// The stored values, verified (schema, checksum, sizes), or nothing; a damaged file is kept as
    /// KEY.h5.bad, said, and computed again.
    /// p: N or 0, whether the prompts are asked for.
    [[nodiscard]] std::optional<ReferenceLogps> read(const CacheKey& key,
                                                     size_t n,
                                                     size_t t,
                                                     size_t p);
    /// Publishes atomically.  Throws Error(Code::io).
    void write(const CacheKey& key, const ReferenceLogps& values);

private:
    [[nodiscard]] std::string path(const CacheKey& key) const;
    std::string folder_;
    Warn warn_;
};

}  // namespace samara::host
