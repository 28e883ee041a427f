// See rewards.hpp.
#include "core/train/rewards.hpp"

#include "core/config/config.hpp"
#include "core/log/log.hpp"
#include "core/model_tensors.hpp"
#include "core/report/synthesis.hpp"
#include "core/store/files.hpp"
#include "core/train/order.hpp"
#include "runtime/error.hpp"
#include "runtime/reward.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace samara::host {

struct Rewards::Judge {
    Judge(std::string name, double weight) : name(std::move(name)), weight(weight) {}
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;
    virtual ~Judge() = default;
    [[nodiscard]] virtual std::vector<double> values(const Responses& responses) = 0;
    std::string name;
    double weight;
};

namespace {

/// A reward model's score of prompt and response.
struct ModelJudge final : Rewards::Judge {
    ModelJudge(const Plan& plan, const RewardUse& use, const Encoder& policy)
        : Judge("model", use.weight), tokens_per_batch(plan.tokens_per_batch) {
        ModelRequest request;
        request.path = verify_published(model_folder(use.model));
        request.dtype = plan.dtype;
        request.device = plan.device;
        request.chat = plan.data.chat;
        request.score_head = true;
        model = open_model(request);
        if (model->facts()["head"] == "new") {
            throw Error(Code::config,
                        "the folder holds no reward model: it has no score head",
                        request.path,
                        "train one with pipeline \"reward\", or name a sequence classifier");
        }
        encoder = open_encoder(request);
        same_ids = encoder->fingerprint() == policy.fingerprint();
        log::info("reward model " + request.path + ": it sees prompts and responses in its own " +
                  (same_ids ? "chat format, ended as its training's responses are"
                            : "tokens and chat format, which are not the policy's"));
    }
    /// Sampled ids end where sampling stopped; a reward model's last token is its chat format's.
    void encode(Group& group) const {
        for (Candidate& c : group.candidates) {
            if (!c.prompt.empty()) {
                Encoded ids = encoder->encode(c.prompt, *c.response);
                c.prompt_ids = std::move(ids.prompt_ids);
                c.response_ids = std::move(ids.response_ids);
            } else if (!same_ids) {
                throw Error(Code::config,
                            "a reward model with another tokenizer than the policy's cannot read "
                            "prompts that came as ids",
                            "record " + group.record_id,
                            "give the prompts as text");
            }
        }
    }
    [[nodiscard]] std::vector<double> values(const Responses& responses) override {
        std::vector<Group> anew;
        anew.reserve(responses.groups.size());
        std::vector<const Group*> all;
        for (const Group* group : responses.groups) {
            encode(anew.emplace_back(*group));
            all.push_back(&anew.back());
        }
        const c10::NoGradGuard no_grad;
        std::vector<double> out;
        for (const auto& part : micro_batches(all, *model, tokens_per_batch)) {
            const at::Tensor score =
                model->forward(part, {.score = true}).score.to(at::kCPU, at::kDouble).contiguous();
            out.insert(out.end(),
                       score.const_data_ptr<double>(),
                       score.const_data_ptr<double>() + score.numel());
        }
        return out;
    }
    int64_t tokens_per_batch;
    std::unique_ptr<LanguageModel> model;
    std::unique_ptr<Encoder> encoder;
    bool same_ids = false;  ///< its tokenizer and chat format are the policy's
};

/// The share of the prompt's instructions that the response follows, or whether it follows all.
struct InstructionJudge final : Rewards::Judge {
    InstructionJudge(const RewardUse& use, std::shared_ptr<InstructionSet> set)
        : Judge("instructions", use.weight), all(use.instructions == "all"), set(std::move(set)) {}
    [[nodiscard]] std::vector<double> values(const Responses& responses) override {
        std::vector<double> out;
        int64_t decided = 0;
        for (const Group* group : responses.groups) {
            for (const Candidate& c : group->candidates) {
                const auto [followed, total] = follow(c, group->record_id);
                decided += total;
                out.push_back(total == 0 ? 0.0
                              : all      ? (followed == total ? 1.0 : 0.0)
                                    : static_cast<double>(followed) / static_cast<double>(total));
            }
        }
        if (decided == 0 && !out.empty()) {
            throw Error(Code::config,
                        "[[ppo.reward]] instructions: no prompt has an instruction that the run's "
                        "libraries can check",
                        responses.groups.front()->record_id,
                        "list a library under [[instructions]], and prompts that carry "
                        "instructions (IFEval's fields, or rollout_prompts of samara.mapl_inter)");
        }
        return out;
    }
    /// Instructions followed, and those that the run's libraries can judge.
    [[nodiscard]] std::pair<int64_t, int64_t> follow(const Candidate& candidate,
                                                     const std::string& record) const {
        std::vector<Check> checks;
        for (const Asked& one : asked_of(candidate, "record " + record, false)) {
            const auto& types = set->types();
            if (std::any_of(types.begin(), types.end(), [&](const InstructionType& type) {
                    return type.id == one.id;
                })) {
                checks.push_back({one.id, one.kwargs, one.negated, -1, -1});
            }
        }
        set->check(candidate.prompt, *candidate.response, checks);
        int64_t followed = 0, total = 0;
        for (const Check& check : checks) {
            total += check.strict >= 0 ? 1 : 0;
            followed += check.strict == 1 ? 1 : 0;
        }
        return {followed, total};
    }
    bool all;
    std::shared_ptr<InstructionSet> set;
};

/// What a plugin of kind reward says.
struct PluginJudge final : Rewards::Judge {
    PluginJudge(const RewardUse& use, const Registry& registry, const HostHooks& hooks)
        : Judge(use.plugin.id, use.weight),
          instance(*registry.find(use.plugin.id), use.plugin.params, hooks) {}
    [[nodiscard]] std::vector<double> values(const Responses& responses) override {
        return instance.reward(responses.groups, responses.finished, responses.info);
    }
    RewardInstance instance;
};

}  // namespace

Rewards::Rewards(const Plan& plan,
                 const Registry& registry,
                 const Encoder& encoder,
                 std::shared_ptr<InstructionSet> instructions,
                 const HostHooks& hooks) {
    for (const RewardUse& use : plan.ppo.rewards) {
        std::unique_ptr<Judge> judge;
        if (!use.plugin.id.empty()) {
            judge = std::make_unique<PluginJudge>(use, registry, hooks);
        } else if (!use.model.empty()) {
            judge = std::make_unique<ModelJudge>(plan, use, encoder);
        } else {
            judge = std::make_unique<InstructionJudge>(use, instructions);
        }
        int64_t alike = 1;
        for (const auto& other : judges_) {
            alike += other->name.starts_with(judge->name) ? 1 : 0;
        }
        judge->name += alike > 1 ? std::to_string(alike) : "";
        judges_.push_back(std::move(judge));
    }
}

Rewards::~Rewards() = default;

std::vector<RewardTerm> Rewards::judge(const Responses& responses) const {
    std::vector<RewardTerm> terms;
    for (const auto& judge : judges_) {
        terms.push_back({judge->name, judge->weight, judge->values(responses)});
        size_t n = 0;
        for (const Group* group : responses.groups) {
            for (size_t c = 0; c < group->candidates.size(); ++c) {
                if (!std::isfinite(terms.back().values[n++])) {
                    throw Error(Code::non_finite,
                                "reward '" + judge->name + "' of response " + std::to_string(c) +
                                    " is " + std::to_string(terms.back().values[n - 1]),
                                "record " + group->record_id,
                                "look at this prompt and at the reward model");
                }
            }
        }
    }
    return terms;
}

std::vector<double> total_rewards(const std::vector<RewardTerm>& terms) {
    std::vector<double> total(terms.empty() ? 0 : terms.front().values.size());
    for (const RewardTerm& term : terms) {
        for (size_t n = 0; n < total.size(); ++n) {
            total[n] += term.weight * term.values[n];
        }
    }
    return total;
}

}  // namespace samara::host
