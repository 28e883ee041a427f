// Reference log-probabilities of the dpo pipeline: computed once per model, tokens and precision,
// cached, and written into the groups.  Between data preparation and the trainer.
#pragma once
#include "core/model_tensors.hpp"
#include "core/store/reference_store.hpp"
#include "core/train/pipeline.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// Fills Candidate::ref_logp and ref_tok_logp of all groups under `model`, which is not changed.
/// `name` is for messages; `precision` names what else the values depend on (the fp32 route).
/// Errors: Code::non_finite naming the record, Code::preempted when cancelled (nothing is stored),
/// Code::io
void attach_reference(const std::vector<Group*>& groups,
                      const std::string& name,
                      const std::string& fingerprint,
                      const std::string& precision,
                      int64_t tokens_per_batch,
                      LanguageModel& model,
                      ReferenceStore& store,
                      const RunOptions& options);

}  // namespace samara::host
