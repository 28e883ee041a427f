// Reference log-probabilities of the dpo pipeline: computed once per model, precision and group,
// cached, and written into the groups.  Between data preparation and the trainer.
#pragma once
#include "core/model_tensors.hpp"
#include "core/store/reference_store.hpp"
#include "core/train/pipeline.hpp"
#include "core/train/source.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// The model that is compared with, which is not changed.
struct Reference {
    LanguageModel& model;
    std::string precision;  ///< what its values depend on beside its weights: type and fp32 route
    bool prompts = false;   ///< the prompts' log-probabilities too
};

/// The cache key of all its values.
CacheKey key_of(const Reference& reference);

/// Fills Candidate::ref_logp, ref_tok_logp and, if asked, ref_prompt_logp of all groups.  Every
/// group is a forward of its own, so its values depend on nothing else, be they stored or not.
/// `name` is for messages.
/// Errors: Code::non_finite naming the record, Code::preempted when cancelled (what was computed is
/// stored), Code::io
void attach_reference(const std::vector<Group*>& groups,
                      const std::string& name,
                      const Reference& reference,
                      ReferenceStore& store,
                      const RunOptions& options);

/// The same for the training groups that the run reaches (a short run does not pay for the rest)
/// and for all evaluation sets, through the cache.
void attach_references(const Plan& plan,
                       const Reference& reference,
                       ReferenceStore& store,
                       std::vector<Group>& train,
                       const Kept& kept,
                       std::vector<EvalSet>& evals,
                       const RunOptions& options);

/// What decides the last bits of a logit beside weights and tokens: type, threads, fp32 route,
/// versions, CPU.
std::string precision_of(const Plan& plan, const RunOptions& options);

}  // namespace samara::host
