// One batch of rollouts on disk, so that a run stopped inside its updates goes on with the
// responses it had sampled: <run>/rollouts/batch-N.h5.
#pragma once
#include "runtime/records.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// Response ids, reference log-probs and everything that was frozen, of all candidates in order.
/// `key` names the batch.  Atomic.  Throws Error(Code::io).
void write_rollouts(const std::string& path,
                    const std::string& key,
                    const std::vector<Group>& batch);

/// Fills a batch of the same prompts and numbers of candidates.  Throws Error: corrupt when the
/// file is damaged or of another batch, io.
void read_rollouts(const std::string& path, const std::string& key, std::vector<Group>& batch);

}  // namespace samara::host
