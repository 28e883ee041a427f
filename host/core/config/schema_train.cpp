// The keys of training: references, rollouts, rates, steps, what is kept; see schema.hpp.
#include "core/config/schema_keys.hpp"

namespace samara::host::config {

Section dpo_section() {
    return {"dpo",
            false,
            {text("reference",
                  "\"initial\"",
                  "whose log-probs are subtracted: `initial`, the model as it is before the first "
                  "step; `none`, nobody's (SimPO, ORPO, SFT); or a folder like `model.path`. "
                  "Computed once and cached")},
            "Only with `pipeline = \"dpo\"`."};
}

Section ppo_section() {
    return {
        "ppo",
        false,
        {text("reference",
              "\"initial\"",
              "whose log-probs the divergence is measured against: `initial`, `none` or a folder, "
              "as "
              "`dpo.reference`"),
         count("prompts", "8", "prompts of a batch of rollouts", 1),
         count("samples", "4", "responses to each prompt", 1),
         count("max_new_tokens", "64", "length limit of a response", 1),
         {"temperature",
          Type::number,
          "1.0",
          "of sampling; log-probs are those of 1",
          0,
          100,
          true},
         count("top_k", "0", "sample from the k most probable tokens; 0: from all"),
         {"top_p",
          Type::number,
          "1.0",
          "sample from the most probable tokens that reach this share",
          0,
          1,
          true},
         count("epochs", "1", "passes over a batch of rollouts", 1),
         count("minibatches",
               "1",
               "optimizer steps of a pass: the batch's prompts are divided among them",
               1),
         choice("advantage",
                "\"group\"",
                "group|group_mean|leave_one_out|gae",
                "group: reward minus the prompt's mean, over its deviation (GRPO); group_mean: "
                "without the division (Dr. GRPO); leave_one_out: minus the mean of the others "
                "(RLOO); gae: by a critic"),
         number("gamma", "1.0", "gae: discount"),
         number("lambda", "0.95", "gae: 0 trusts the critic, 1 the rewards"),
         choice(
             "whiten",
             "\"none\"",
             "none|advantages",
             "advantages: to mean 0 and variance 1 over all tokens of the batch (usual with gae)"),
         text("critic",
              "\"\"",
              "gae: a folder to start the critic from, a reward model or a language model; empty: "
              "the policy's"),
         choice(
             "kl",
             "\"k1\"",
             "k1|k3",
             "estimate of the divergence from the reference, subtracted from each token's reward"),
         number("kl_coef", "0.05", "its factor; 0: none"),
         number(
             "kl_target",
             "0.0",
             "adapt kl_coef so that a response diverges by this many nats (Ziegler et al. 2019); "
             "0: fixed"),
         {"kl_horizon", Type::number, "10000.0", "responses over which it adapts", 0, 1e12, true},
         number("kl_stop", "0.0", "end the run when a response diverges by more nats; 0: never"),
         number("reward_clip",
                "0.0",
                "rewards are cut to this magnitude before the divergence; 0: not"),
         number("missing_end_penalty",
                "0.0",
                "subtracted from the reward of a response that reaches max_new_tokens")},
        "Only with `pipeline = \"ppo\"`: prompts are candidates without a response "
        "(`rollout_prompts` of the synthesizers)."};
}

Section reward_section() {
    return {"ppo.reward",
            true,
            {text("model", "\"\"", "a reward model's folder: its score of prompt and response"),
             choice("instructions",
                    "\"\"",
                    "|fraction|all",
                    "the share of the prompt's verifiable instructions that the response follows, "
                    "or 1 if it follows all and 0 otherwise"),
             text("plugin", "\"\"", "id of a reward"),
             {"params", Type::params, "{}", "its parameters: `samara plugins describe ID`"},
             {"weight", Type::number, "1.0", "factor in the sum; may be negative"}},
            "A term of a response's reward; at least one. Each names a model, instructions or a "
            "plugin."};
}

Section schedule_section() {
    return {"schedule",
            false,
            {number("learning_rate", "1e-5", "the highest rate"),
             choice("kind",
                    "\"cosine\"",
                    "constant|linear|cosine",
                    "constant, or from the highest rate down to 0 at the last step"),
             count("warmup_steps", "0", "steps over which the rate rises from 0")},
            "The learning rate."};
}

Section train_section() {
    return {
        "train",
        false,
        {{"epochs",
          Type::number,
          "1.0",
          "passes over the groups; not together with `max_steps`",
          0,
          1e6,
          true},
         count("max_steps", "0", "optimizer steps; 0: by `epochs`"),
         count("groups_per_step",
               "4",
               "groups of an optimizer step; the last step of an epoch may be smaller",
               1),
         choice("mix",
                "\"by_tag\"",
                "by_tag|union",
                "by_tag: each tag's loss is averaged, then weighted; union: one average over all "
                "relations"),
         count("tokens_per_batch",
               "4096",
               "tokens of a micro-batch (shared ones once); bounds memory, never changes results",
               1),
         number(
             "max_grad_norm", "1.0", "gradients above this norm are scaled down to it; 0: never")},
        "Steps."};
}

Section best_section() {
    return {"best",
            false,
            {text("metric",
                  "\"\"",
                  "what decides which weights are saved: `SET/METRIC` as evaluations are called in "
                  "metrics.jsonl, e.g. `held-out/accuracy/base`; empty: the last step's"),
             choice("goal", "\"max\"", "max|min", "whether more or less of it is better"),
             count("patience",
                   "0",
                   "evaluations without a better value before the run ends early; 0: never")},
            "Early stop and the best weights. The set needs `every_steps`."};
}

Section checkpoint_section() {
    return {
        "checkpoint",
        false,
        {count(
             "every_steps", "0", "steps between checkpoints; 0: only when a signal stops the run"),
         count("keep", "2", "checkpoints kept", 2)},
        "What `--resume` continues from."};
}

}  // namespace samara::host::config
