// What rollouts are worth: the weighted terms of [[ppo.reward]], each a reward model's score, what
// the prompt's verifiable instructions say, or a plugin's number.  Used by rollouts.cpp.
#pragma once
#include "core/config/plan.hpp"
#include "core/model.hpp"
#include "runtime/instances.hpp"
#include "runtime/registry.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace samara::host {

/// What is judged: candidates with prompt, response text and ids.
struct Responses {
    std::span<const Group* const> groups;
    const std::vector<bool>& finished;  ///< per candidate: ended by itself, not at the limit
    const RunInfo& info;
};

/// One value per candidate, in the order of the groups.
struct RewardTerm {
    std::string
        name;  ///< "instructions", "model", a plugin's id; with a number where several are alike
    double weight = 1;
    std::vector<double> values;
};

/// [one thread at a time]
class Rewards {
public:
    /// Opens the reward models and creates the plugins.  A model sees the texts in its own tokens
    /// and chat format, as in its training: a sampled response may end in other tokens.
    Rewards(const Plan& plan,
            const Registry& registry,
            const Encoder& encoder,
            std::shared_ptr<InstructionSet> instructions,
            const HostHooks& hooks);
    ~Rewards();

    /// A prompt without instructions that can be
    /// decided counts as followed by 0 of 0: value 0.
    /// Throws Error: non_finite naming the record; config when a term asks for instructions and no
    /// prompt has any.
    [[nodiscard]] std::vector<RewardTerm> judge(const Responses& responses) const;

    struct Judge;  ///< one term

private:
    std::vector<std::unique_ptr<Judge>> judges_;
};

/// sum of weight * value over the terms, per candidate.
std::vector<double> total_rewards(const std::vector<RewardTerm>& terms);

}  // namespace samara::host
