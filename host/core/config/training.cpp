// See training.hpp.
#include "core/config/training.hpp"

#include <algorithm>

namespace samara::host::config {
namespace {

// epochs or max_steps: the command line wins over the file; two from one place are a conflict.
void settle_length(Bound& train, Plan& plan, Problems& problems, const Warn& warn) {
    const auto epochs = train.given.find("epochs"), steps = train.given.find("max_steps");
    const bool both = epochs != train.given.end() && steps != train.given.end();
    bool by_steps = train.integer("max_steps") > 0;
    if (both && by_steps) {
        const bool epochs_over = epochs->second.override_number > 0;
        const bool steps_over = steps->second.override_number > 0;
        if (epochs_over == steps_over) {
            problems.add(std::max(epochs->second, steps->second),
                         "train.epochs and train.max_steps are both given",
                         "keep one of them; the other is at " +
                             problems.text(std::min(epochs->second, steps->second)));
        } else {
            by_steps = steps_over;
            warn(by_steps ? steps->second : epochs->second,
                 by_steps ? "train.max_steps replaces train.epochs"
                          : "train.epochs replaces train.max_steps");
        }
    }
    if (by_steps) {
        plan.max_steps = train.integer("max_steps");
    } else {
        plan.epochs = train.number("epochs");
    }
    // The resolved text has the one that counts.
    train.values.erase(by_steps ? "epochs" : "max_steps");
}

}  // namespace

void read_training(const Bound& schedule,
                   Bound& train,
                   const Bound& checkpoint,
                   Plan& plan,
                   Problems& problems,
                   const Warn& warn) {
    plan.learning_rate = schedule.number("learning_rate");
    plan.schedule = schedule.text("kind");
    plan.warmup_steps = schedule.integer("warmup_steps");
    settle_length(train, plan, problems, warn);
    plan.groups_per_step = train.integer("groups_per_step");
    plan.mix = train.text("mix");
    plan.tokens_per_batch = train.integer("tokens_per_batch");
    plan.max_grad_norm = train.number("max_grad_norm");
    if (plan.max_steps > 0 && plan.warmup_steps > plan.max_steps) {
        warn(schedule.where("warmup_steps"),
             "schedule.warmup_steps is above train.max_steps: the full learning rate is never "
             "reached");
    }
    plan.checkpoint_every = checkpoint.integer("every_steps");
    plan.checkpoint_keep = checkpoint.integer("keep");
}

void read_best(const Bound& best, Plan& plan, Problems& problems) {
    plan.best_metric = best.text("metric");
    plan.best_is_lowest = best.text("goal") == "min";
    plan.best_patience = best.integer("patience");
    plan.best_where = problems.text(best.where("metric"));
    if (plan.best_metric.empty()) {
        if (best.node != nullptr) {
            problems.add(best.at, "[best] has no effect without metric", "name one, or remove it");
        }
        return;
    }
    const bool watched = std::any_of(plan.evals.begin(), plan.evals.end(), [&](const auto& eval) {
        return plan.best_metric.starts_with(eval.name + "/") && eval.every_steps > 0;
    });
    if (!watched) {
        problems.add(
            best.where("metric"),
            "best.metric: '" + plan.best_metric +
                "' begins with no [[eval]] name that has every_steps above 0",
            "write SET/METRIC, e.g. \"held-out/accuracy/base\", and give the set every_steps");
    }
}

}  // namespace samara::host::config
