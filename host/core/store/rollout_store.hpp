// One batch of rollouts on disk, so that a run stopped inside its updates goes on with the
// responses it had sampled: <run>/rollouts/batch-N.h5.
#pragma once
#include "runtime/error.hpp"
#include "runtime/records.hpp"

#include <optional>
#include <string>
#include <vector>

namespace samara::host {

/// Response ids, reference log-probs and everything that was frozen, of all candidates in order.
/// `key` names the batch.  Atomic.  Throws Error(Code::io).
void write_rollouts(const std::string& path,
                    const std::string& key,
                    const std::vector<Group>& batch);

/// Reads a file with every check; its name, batch-N.h5, tells the key.  What is wrong with it:
/// corrupt or io.
std::optional<Problem> verify_rollouts(const std::string& path);

/// Fills a batch of the same prompts and numbers of candidates.  Throws Error: corrupt when the
/// file is damaged or of another batch, io.
void read_rollouts(const std::string& path, const std::string& key, std::vector<Group>& batch);

}  // namespace samara::host
