// Reference log-probabilities of the dpo pipeline: computed once per model, tokens and precision,
// cached, and written into the groups.  Between data preparation and the trainer.
#pragma once
#include "core/model_tensors.hpp"
#include "core/store/reference_store.hpp"
#include "core/train/pipeline.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// The model that is compared with, which is not changed, and what its values depend on.
struct Reference {
    LanguageModel& model;
    std::string fingerprint, precision;  ///< of its weights; type and fp32 route
    int64_t tokens_per_batch = 0;
    bool prompts = false;  ///< the prompts' log-probabilities too
};

/// Fills Candidate::ref_logp, ref_tok_logp and, if asked, ref_prompt_logp of all groups.
/// `name` is for messages.
/// Errors: Code::non_finite naming the record, Code::preempted when cancelled (nothing is stored),
/// Code::io
void attach_reference(const std::vector<Group*>& groups,
                      const std::string& name,
                      const Reference& reference,
                      ReferenceStore& store,
                      const RunOptions& options);

}  // namespace samara::host
