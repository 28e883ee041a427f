// Evaluation sets within a run; see trainer.hpp.
#include "core/train/answers.hpp"
#include "core/train/trainer.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <optional>

namespace samara::host {

bool Trainer::evaluate(const EvalSet& set) {
    const double start = steady_seconds();
    const c10::NoGradGuard no_grad;
    const RunInfo where = info(true);
    std::vector<const Group*> groups;
    for (const Group& group : set.groups) {
        groups.push_back(&group);
    }
    Objectives::StepPlan step_plan =
        objectives_.plan_step(groups, parameters_.front().value.scalar_type(), where);
    StepStats stats;
    int64_t tokens = 0, tree_tokens = 0, done = 0;
    Answers answers(set.by);  // kept, so that two evaluations can be compared pair by pair
    auto batches = micro_batches(groups, model_, plan_.tokens_per_batch);
    std::optional<Scored> whole;  // what a coupled loss needs: the set as one batch
    if (objectives_.coupled()) {
        whole = gather(batches);
        if (!whole) {
            return false;
        }
        batches.assign(1, groups);
    }
    for (const std::vector<const Group*>& part : batches) {
        if (cancelled()) {
            return false;
        }
        for (const Group* group : part) {
            tokens += real_tokens(*group);
        }
        const Scored scored = whole ? *whole : score(part);
        tree_tokens += scored.tree_tokens;
        objectives_.loss(part, scored, step_plan, where, stats);
        Columns columns(part, tags_, {}, at::kDouble, at::kCPU);
        Scored on_cpu;  // accuracy needs no more
        on_cpu.score = scored.score.to(at::kCPU, at::kDouble).contiguous();
        columns.attach(on_cpu);
        if (columns.relations() > 0) {
            answers.add(part,
                        on_cpu.score.const_data_ptr<double>(),
                        columns.get("gap.score").contiguous().const_data_ptr<double>());
        }
        done += static_cast<int64_t>(part.size());
        report("evaluate " + set.name, done, static_cast<int64_t>(groups.size()), stats.loss);
    }
    Row row{{{"eval", set.name},
             {"step", step_},
             {"epoch", static_cast<double>(step_) / static_cast<double>(per_epoch_)},
             {"loss", stats.loss},
             {"tokens", tokens},
             {"tree_tokens", tree_tokens}}};
    add_fields(row, stats, tags_, plan_.pipeline == "reward", beta_);
    answers.add_fields(row);
    if (!source_.evaluate(set, where, row)) {
        return false;
    }
    folder_.write("eval/" + set.name + "-step-" + std::to_string(step_) + ".jsonl",
                  answers.lines());
    folder_.metrics(row, "eval/" + set.name + "/", step_);
    folder_.timing({{{"eval", set.name},
                     {"step", step_},
                     {"seconds", steady_seconds() - start},
                     {"peak_bytes", peak_bytes()}}});
    best_.observe(set.name, step_, row, weights());
    return true;
}

bool Trainer::due(const EvalSet& set) const {
    const bool regular = set.every_steps > 0 && step_ % set.every_steps == 0;
    return step_ == total_ || (step_ == 0 ? set.on_start : regular);
}

bool Trainer::evaluate_due() {
    for (; next_eval_ < evals_.size(); ++next_eval_) {
        if (due(evals_[next_eval_]) && !evaluate(evals_[next_eval_])) {
            return false;
        }
    }
    return true;
}

}  // namespace samara::host
