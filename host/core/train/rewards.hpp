// What rollouts are worth: the weighted terms of [[ppo.reward]], each a reward model's score or
// what the prompt's verifiable instructions say.  Used by rollouts.cpp.
#pragma once
#include "core/config/plan.hpp"
#include "core/model.hpp"
#include "runtime/instances.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace samara::host {

/// One value per candidate, in the order of the groups.
struct RewardTerm {
    std::string name;  ///< "instructions", "model", or with a number where several are alike
    double weight = 1;
    std::vector<double> values;
};

/// [one thread at a time]
class Rewards {
public:
    /// Opens the reward models.  A model with another tokenizer sees the text tokenised anew, which
    /// is said in the log.
    Rewards(const Plan& plan, const Encoder& encoder, std::shared_ptr<InstructionSet> instructions);
    ~Rewards();

    /// Candidates need prompt, response text and ids.  A prompt without instructions that can be
    /// decided counts as followed by 0 of 0: value 0.
    /// Throws Error: non_finite naming the record; config when a term asks for instructions and no
    /// prompt has any.
    [[nodiscard]] std::vector<RewardTerm> judge(std::span<const Group* const> groups) const;

    struct Judge;  ///< one term

private:
    std::vector<std::unique_ptr<Judge>> judges_;
};

/// sum of weight * value over the terms, per candidate.
std::vector<double> total_rewards(const std::vector<RewardTerm>& terms);

}  // namespace samara::host
