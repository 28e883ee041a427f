// The training loop; see trainer.hpp.  Evaluation is evaluate.cpp.
#include "core/train/trainer.hpp"

#include "core/data/groups.hpp"
#include "core/log/log.hpp"
#include "core/train/memory.hpp"
#include "core/train/order.hpp"
#include "core/train/replay.hpp"
#include "core/train/schedule.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

namespace samara::host {
namespace {

std::string ids_of(const std::vector<const Group*>& groups) {
    std::string text;
    for (const Group* group : groups) {
        text += (text.empty() ? "" : ", ") + group->record_id;
    }
    return text;
}

}  // namespace

int64_t real_tokens(const Group& group) {
    int64_t n = 0;
    for (const Candidate& c : group.candidates) {
        n += static_cast<int64_t>(c.prompt_ids.size() + c.response_ids.size());
    }
    return n;
}

Trainer::Trainer(const Plan& plan,
                 const RunOptions& options,
                 RunFolder& folder,
                 const Trained& trained,
                 Objectives& objectives,
                 StepSource& source,
                 const std::vector<EvalSet>& evals,
                 std::vector<std::string> tags,
                 std::string reference)
    : plan_(plan),
      options_(options),
      folder_(folder),
      model_(trained.model),
      critic_(trained.critic),
      parameters_(trained.parameters),
      optimizer_(trained.optimizer),
      objectives_(objectives),
      source_(source),
      evals_(evals),
      tags_(std::move(tags)),
      reference_(std::move(reference)),
      best_(plan, folder.path()) {
    per_epoch_ = source_.steps_per_epoch();
    // By TRL's names a reward is beta * score; beta is the first objective's.
    for (const auto& [key, value] : plan_.objectives.front().params.values()) {
        if (key == "beta" && std::holds_alternative<double>(value)) {
            beta_ = std::get<double>(value);
        }
    }
    total_ = source_.total_steps();
}

RunInfo Trainer::info(bool evaluating) const {
    RunInfo info;
    info.seed = plan_.seed;
    info.step = step_;
    info.total_steps = total_;
    info.evaluating = evaluating;
    info.epoch = static_cast<double>(step_) / static_cast<double>(per_epoch_);
    info.pipeline = plan_.pipeline;
    info.device = plan_.device;
    info.tags = tags_;
    return info;
}

// What the objectives call score: the head's, or the implicit reward logp - ref_logp.
Scored Trainer::score(const std::vector<const Group*>& groups) {
    in_work_ = groups;
    Scored scored = model_.forward(groups, objectives_.wanted(plan_.pipeline));
    if (plan_.pipeline == "reward") {
        return scored;
    }
    scored.score = scored.logp;
    if (critic_ != nullptr) {
        scored.tok_value = critic_->forward(groups, {.values = true}).tok_value;
    }
    if (plan_.reference != "none") {
        std::vector<double> reference;
        for (const Group* group : groups) {
            for (const Candidate& candidate : group->candidates) {
                reference.push_back(candidate.ref_logp);
            }
        }
        scored.score = scored.logp - at::tensor(reference, at::kDouble)
                                         .to(scored.logp.scalar_type())
                                         .to(scored.logp.device());
    }
    return scored;
}

// The columns of all micro-batches as one, without a graph; nothing when cancelled.
std::optional<Scored> Trainer::gather(const std::vector<std::vector<const Group*>>& batches) {
    const c10::NoGradGuard no_grad;
    std::vector<Scored> parts;
    for (const std::vector<const Group*>& part : batches) {
        if (cancelled()) {
            return std::nullopt;
        }
        parts.push_back(score(part));
    }
    return join(parts);
}

void Trainer::report(const std::string& phase, int64_t done, int64_t todo, double loss) {
    if (!options_.progress) {
        return;
    }
    ProgressState state{phase, step_, total_, done, todo, loss, -1, -1, resident_bytes()};
    if (timed_steps_ > 0) {
        state.tokens_per_second = tokens_ / seconds_;
        state.seconds_left =
            all_seconds_ / static_cast<double>(timed_steps_) * static_cast<double>(total_ - step_);
    }
    options_.progress(state);
}

bool Trainer::train_step() {
    const double asked = steady_seconds();
    const RunInfo where = info(false);
    in_work_.clear();
    const auto found = source_.groups(where);
    if (!found) {
        return false;
    }
    const double start = steady_seconds();  // sampling and judging have lines of their own
    const std::vector<const Group*>& groups = *found;
    Objectives::StepPlan step_plan =
        objectives_.plan_step(groups, parameters_.front().value.scalar_type(), where);
    StepStats stats;
    int64_t tokens = 0, tree_tokens = 0, done = 0;
    const std::string objectives_before = objectives_.save();  // a dropped step leaves no trace
    const auto batches = micro_batches(groups, model_, plan_.tokens_per_batch);
    std::optional<Replay> replay;  // a step of one micro-batch needs no second forward
    if (objectives_.coupled() && batches.size() > 1) {
        std::optional<Scored> whole = gather(batches);
        if (!whole) {
            return false;
        }
        replay.emplace(std::move(*whole));
        const at::Tensor loss =
            objectives_.loss(groups, replay->columns(), step_plan, where, stats);
        if (loss.defined() && loss.requires_grad()) {
            torch::autograd::backward({loss}, {});
        }
    }
    for (const std::vector<const Group*>& part : batches) {
        if (cancelled()) {
            optimizer_.zero_grad();
            objectives_.load(objectives_before);
            return false;
        }
        for (const Group* group : part) {
            tokens += real_tokens(*group);
        }
        const Scored scored = score(part);
        tree_tokens += scored.tree_tokens;
        if (replay) {
            replay->backward(scored);
        } else {
            const at::Tensor loss = objectives_.loss(part, scored, step_plan, where, stats);
            if (loss.defined() && loss.requires_grad()) {
                torch::autograd::backward({loss}, {});
            }
        }
        done += static_cast<int64_t>(part.size());
        report("train", done, static_cast<int64_t>(groups.size()), stats.loss);
    }
    const double norm = optimizer_.clip(plan_.max_grad_norm);
    if (!std::isfinite(stats.loss) || !std::isfinite(norm)) {
        throw Error(Code::non_finite,
                    "step " + std::to_string(step_ + 1) + ": loss " + std::to_string(stats.loss) +
                        ", gradient norm " + std::to_string(norm) + "; stopped before the update",
                    "records " + ids_of(groups),
                    "look at these records, or lower [schedule] learning_rate");
    }
    const double rate =
        plan_.learning_rate * schedule_factor(plan_.schedule, step_, total_, plan_.warmup_steps);
    optimizer_.step(step_ + 1, total_, rate, where);
    ++step_;
    next_eval_ = 0;
    Row row{{{"step", step_},
             {"epoch", static_cast<double>(step_) / static_cast<double>(per_epoch_)},
             {"loss", stats.loss},
             {"grad_norm", norm},
             {"learning_rate", rate},
             {"tokens", tokens},
             {"tree_tokens", tree_tokens}}};
    add_fields(row, stats, tags_, plan_.pipeline == "reward", beta_);
    folder_.metrics(row, "train/", step_);
    const double seconds = steady_seconds() - start;
    seconds_ += seconds;
    all_seconds_ += steady_seconds() - asked;
    tokens_ += static_cast<double>(tokens);
    ++timed_steps_;
    folder_.timing({{{"step", step_},
                     {"seconds", seconds},
                     {"tokens_per_second", static_cast<double>(tokens) / seconds},
                     {"peak_bytes", peak_bytes()}}});
    report("train",
           static_cast<int64_t>(groups.size()),
           static_cast<int64_t>(groups.size()),
           stats.loss);
    return true;
}

std::vector<NamedTensor> Trainer::weights() const {
    std::vector<NamedTensor> tensors;
    for (const Parameter& parameter : parameters_) {
        tensors.push_back({"model." + parameter.name, parameter.value.detach()});
    }
    return tensors;
}

// A set without every_steps is not evaluated where a run ends early, nor at the best step.
std::optional<int64_t> Trainer::settle() {
    const int64_t end = step_;
    if (best_.step()) {
        std::vector<NamedTensor> tensors = weights();
        best_.restore(tensors);
        step_ = *best_.step();  // evaluations are of the step of their weights
    }
    const int64_t left = step_;
    bool whole = true;
    for (; whole && next_eval_ < 2 * evals_.size(); next_eval_ += whole ? 1 : 0) {
        const EvalSet& set = evals_[next_eval_ - evals_.size()];
        whole = due(set) || evaluate(set);
    }
    step_ = end;
    if (!whole) {
        save();
        return std::nullopt;
    }
    return left;
}

void Trainer::save() {
    report("save", 0, 1, std::nan(""));
    folder_.flush();
    std::vector<NamedTensor> tensors = weights();
    for (NamedTensor& slot : optimizer_.state()) {
        tensors.push_back({"optimizer." + slot.name, slot.value});
    }
    const nlohmann::json state = {{"step", step_},
                                  {"next_eval", next_eval_},
                                  {"metrics_bytes", folder_.metrics_bytes()},
                                  {"objectives", objectives_.save()},
                                  {"reference", reference_},
                                  {"best", best_.save()},
                                  {"source", source_.save()},
                                  {"optimizer_plugin", to_hex(optimizer_.save_plugin())}};
    save_checkpoint(folder_.path(), step_, state, tensors, plan_.checkpoint_keep);
}

void Trainer::resume() {
    const auto found = newest_checkpoint(folder_.path());
    if (!found) {
        folder_.open_logs(0, 0);
        return;
    }
    std::vector<NamedTensor> tensors = weights();
    for (NamedTensor& slot : optimizer_.state()) {
        tensors.push_back({"optimizer." + slot.name, slot.value});
    }
    if (found->state.value("reference", "") != reference_) {
        throw Error(Code::corrupt,
                    "the run was started against another reference model, or on another number of "
                    "threads, fp32 route or build",
                    found->folder,
                    "restore the reference's folder and those settings, or start the run anew");
    }
    load_tensors(*found, tensors);
    const std::string blob = from_hex(found->state.at("optimizer_plugin"));
    if (!blob.empty()) {
        optimizer_.load_plugin(blob);
    }
    objectives_.load(found->state.at("objectives"));
    step_ = found->state.at("step");
    best_.load(found->state.at("best"));
    source_.load(found->state.at("source"), step_);
    next_eval_ = found->state.at("next_eval");
    folder_.open_logs(found->state.at("metrics_bytes"), step_);
    log::info("resumed at step " + std::to_string(step_) + " of " + std::to_string(total_) +
              " from " + found->folder);
}

std::string Trainer::why_stop() const {
    return best_.exhausted() ? "no better " + plan_.best_metric + " in " +
                                   std::to_string(plan_.best_patience) + " evaluations"
                             : source_.stop_reason();
}

std::optional<int64_t> Trainer::run() {
    try {
        return loop() ? settle() : std::nullopt;
    } catch (const std::exception& error) {
        const std::string what = out_of_memory(error);
        if (what.empty()) {
            throw;
        }
        int64_t tokens = 0, longest = 0;
        for (const Group* group : in_work_) {
            tokens += model_.tree_tokens(*group);
            for (const Candidate& c : group->candidates) {
                longest = std::max(
                    longest, static_cast<int64_t>(c.prompt_ids.size() + c.response_ids.size()));
            }
        }
        std::string where = "after step " + std::to_string(step_);
        if (!in_work_.empty()) {  // else it was none: rollouts, a save
            where += ", a micro-batch of " + std::to_string(in_work_.size()) + " groups with " +
                     std::to_string(tokens) + " tokens, the longest candidate " +
                     std::to_string(longest);
        }
        throw Error(Code::memory, what, where, kMemoryHelp);
    }
}

bool Trainer::loop() {
    int64_t saved = step_;
    while (true) {
        if (!evaluate_due()) {
            break;
        }
        const bool due = plan_.checkpoint_every > 0 && step_ % plan_.checkpoint_every == 0;
        if (due && step_ > 0 && step_ != saved) {
            save();
            saved = step_;
        }
        if (step_ == total_) {
            return true;
        }
        if (const std::string reason = why_stop(); !reason.empty()) {
            log::warning("ended at step " + std::to_string(step_) + " of " +
                         std::to_string(total_) + ": " + reason);
            return true;
        }
        if (cancelled() || (!train_step() && why_stop().empty())) {
            break;
        }
    }
    save();  // stopped: the state as of the last whole step or evaluation
    return false;
}

}  // namespace samara::host
