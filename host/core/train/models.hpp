// The models of a run: the one that is trained and, where the pipeline has them, the reference that
// it is compared with and a critic that is trained beside it.
#pragma once
#include "core/config/plan.hpp"
#include "core/model_tensors.hpp"

#include <memory>
#include <vector>

namespace samara::host {

struct Models {
    std::unique_ptr<LanguageModel> policy;
    std::unique_ptr<LanguageModel> critic;  ///< pipeline ppo with advantage "gae"
    /// A model of its own that stays as it is; null where there is none, or where the policy itself
    /// serves before its first step (dpo with reference "initial").
    std::unique_ptr<LanguageModel> other;
    std::vector<Parameter> parameters;  ///< of policy and critic ("critic." before its names)

    [[nodiscard]] LanguageModel& reference() const { return other ? *other : *policy; }
};

/// The request for the model that is trained.
ModelRequest policy_request(const Plan& plan);

/// Asked before any work.  Throws Error(Code::memory) if this machine or this LibTorch lacks the
/// plan's device.
void check_device(const Plan& plan);

/// Opens what the plan needs.  Throws Error: config when the reference has another tokenizer, and
/// as open_model.
Models open_models(const Plan& plan);

}  // namespace samara::host
