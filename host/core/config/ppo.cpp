// See ppo.hpp.
#include "core/config/ppo.hpp"

#include <algorithm>

namespace samara::host::config {
namespace {

/// An option that the chosen advantage does not read is an error where it was written.
void refuse_without_critic(const Bound& bound, Problems& problems) {
    for (const char* key : {"gamma", "lambda", "critic"}) {
        if (bound.given.contains(key)) {
            problems.add(bound.where(key),
                         std::string("ppo.") + key + " has no effect with ppo.advantage = \"" +
                             bound.text("advantage") + "\"",
                         "remove it, or set ppo.advantage = \"gae\"");
        }
    }
}

}  // namespace

PpoSpec read_ppo(const Bound& bound, Problems& problems) {
    PpoSpec ppo;
    ppo.prompts = bound.integer("prompts");
    ppo.samples = bound.integer("samples");
    ppo.max_new_tokens = bound.integer("max_new_tokens");
    ppo.temperature = bound.number("temperature");
    ppo.top_k = bound.integer("top_k");
    ppo.top_p = bound.number("top_p");
    ppo.epochs = bound.integer("epochs");
    ppo.minibatches = bound.integer("minibatches");
    ppo.advantage = bound.text("advantage");
    ppo.gamma = bound.number("gamma");
    ppo.lambda = bound.number("lambda");
    ppo.whiten = bound.text("whiten");
    ppo.critic = bound.text("critic");
    ppo.kl = bound.text("kl");
    ppo.kl_coef = bound.number("kl_coef");
    ppo.kl_target = bound.number("kl_target");
    ppo.kl_horizon = bound.number("kl_horizon");
    ppo.kl_stop = bound.number("kl_stop");
    ppo.reward_clip = bound.number("reward_clip");
    ppo.missing_end_penalty = bound.number("missing_end_penalty");
    if (ppo.advantage != "gae") {
        refuse_without_critic(bound, problems);
        if (ppo.samples < 2) {
            problems.add(bound.where("samples"),
                         "ppo.samples: one response has nothing to be compared with under "
                         "ppo.advantage = \"" +
                             ppo.advantage + "\"",
                         "take 2 or more, or ppo.advantage = \"gae\"");
        }
    }
    if (ppo.minibatches > ppo.prompts) {
        problems.add(bound.where("minibatches"),
                     "ppo.minibatches: more than ppo.prompts = " + std::to_string(ppo.prompts),
                     "a prompt's responses stay together");
    }
    if (bound.text("reference") == "none" && (ppo.kl_coef != 0 || ppo.kl_stop != 0)) {
        problems.add(bound.where("reference"),
                     "ppo.reference: \"none\", but ppo.kl_coef or ppo.kl_stop is above 0",
                     "set both to 0, or name a reference");
    }
    return ppo;
}

RewardUse read_reward(const Bound& bound, Problems& problems) {
    RewardUse use;
    use.model = bound.text("model");
    use.instructions = bound.text("instructions");
    use.weight = bound.number("weight");
    use.where = problems.text(bound.at);
    const bool plugin = !bound.text("plugin").empty();
    const int named =
        (plugin ? 1 : 0) + (use.model.empty() ? 0 : 1) + (use.instructions.empty() ? 0 : 1);
    if (named != 1) {
        problems.add(bound.at,
                     bound.path + ": expected one of model, instructions and plugin, got " +
                         (named == 0 ? "none" : "several"),
                     "one [[ppo.reward]] for each term");
    }
    if (!plugin && bound.given.contains("params")) {
        problems.add(bound.where("params"),
                     bound.path + ".params has no effect without plugin",
                     "name the plugin that they belong to");
    }
    return use;
}

}  // namespace samara::host::config
