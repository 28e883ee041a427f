// See models.hpp.
#include "core/train/models.hpp"

#include "core/config/config.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <ATen/Context.h>

namespace samara::host {
namespace {

/// The same ids must mean the same text.
void check_tokenizer(const ModelRequest& policy, const ModelRequest& other, const char* what) {
    if (open_encoder(policy)->fingerprint() != open_encoder(other)->fingerprint()) {
        throw Error(Code::config,
                    std::string("the ") + what +
                        " has another tokenizer or chat format than the model that is trained",
                    other.path,
                    "its values would be of other texts; take a folder with the tokenizer files of "
                    "[model] path");
    }
}

std::unique_ptr<LanguageModel> open_other(const Plan& plan, ModelRequest request) {
    const bool kept = plan.pipeline == "ppo";  // the policy moves away from what it was
    if (plan.pipeline == "reward" || plan.reference == "none" ||
        (plan.reference == "initial" && !kept)) {
        return nullptr;
    }
    if (plan.reference != "initial") {
        const ModelRequest policy = request;
        request.path = verify_published(model_folder(plan.reference));
        check_tokenizer(policy, request, "reference");
    }
    return open_model(request);
}

std::unique_ptr<LanguageModel> open_critic(const Plan& plan, ModelRequest request) {
    if (plan.pipeline != "ppo" || plan.ppo.advantage != "gae") {
        return nullptr;
    }
    if (!plan.ppo.critic.empty()) {
        const ModelRequest policy = request;
        request.path = verify_published(model_folder(plan.ppo.critic));
        check_tokenizer(policy, request, "critic");
    }
    request.score_head = true;
    return open_model(request);
}

}  // namespace

void check_device(const Plan& plan) {
    if (plan.device == "cuda" && !at::hasCUDA()) {
        throw Error(Code::memory,
                    "run.device: 'cuda' is not available: LibTorch is without CUDA, or no card is "
                    "there",
                    plan.file,
                    "set run.device = \"cpu\", or build against a LibTorch with CUDA");
    }
}

ModelRequest policy_request(const Plan& plan) {
    return {model_folder(plan.model_path),
            plan.dtype,
            plan.device,
            plan.pipeline == "reward",
            plan.seed,
            plan.data.chat};
}

Models open_models(const Plan& plan) {
    const ModelRequest request = policy_request(plan);
    Models models;
    models.policy = open_model(request);
    models.other = open_other(plan, request);
    models.critic = open_critic(plan, request);
    models.parameters = models.policy->parameters();
    if (models.critic) {
        for (Parameter parameter : models.critic->parameters()) {
            parameter.name = "critic." + parameter.name;
            models.parameters.push_back(std::move(parameter));
        }
    }
    return models;
}

}  // namespace samara::host
