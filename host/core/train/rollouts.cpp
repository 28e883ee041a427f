// A batch of rollouts, stage by stage: prompts -> responses -> log-probs and values -> rewards ->
// advantages -> groups; see rollouts.hpp.
#include "core/train/rollouts.hpp"

#include "core/report/bootstrap.hpp"
#include "core/report/tables.hpp"
#include "core/store/rollout_store.hpp"
#include "core/train/advantages.hpp"
#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

namespace samara::host {
namespace {

std::vector<const Group*> pointers(const std::vector<Group>& groups) {
    std::vector<const Group*> out;
    for (const Group& group : groups) {
        out.push_back(&group);
    }
    return out;
}

/// Token values of all candidates, split by candidate.
void split(const at::Tensor& values,
           std::span<const Group* const> groups,
           std::vector<std::vector<double>>& out) {
    const at::Tensor flat = values.to(at::kCPU, at::kDouble).contiguous();
    const double* data = flat.const_data_ptr<double>();
    for (const Group* group : groups) {
        for (const Candidate& c : group->candidates) {
            out.emplace_back(data, data + c.response_ids.size());
            data += c.response_ids.size();
        }
    }
}

}  // namespace

RolloutSource::RolloutSource(const RolloutParts& parts)
    : parts_(parts), kl_coef_(parts.plan.ppo.kl_coef) {}

int64_t RolloutSource::steps_per_batch() const {
    return parts_.plan.ppo.epochs * parts_.plan.ppo.minibatches;
}

int64_t RolloutSource::steps_per_epoch() const {
    const auto prompts = static_cast<int64_t>(parts_.prompts.size());
    const int64_t batches = (prompts + parts_.plan.ppo.prompts - 1) / parts_.plan.ppo.prompts;
    return batches * steps_per_batch();
}

int64_t RolloutSource::total_steps() const {
    const double by_epochs = parts_.plan.epochs * static_cast<double>(steps_per_epoch());
    return parts_.plan.max_steps > 0 ? parts_.plan.max_steps
                                     : static_cast<int64_t>(std::ceil(by_epochs - 1e-9));
}

std::string RolloutSource::file_of(int64_t batch) const {
    char name[48];
    std::snprintf(name, sizeof name, "rollouts/batch-%06ld", static_cast<long>(batch));
    return name;
}

void RolloutSource::progress(const std::string& phase, int64_t done, int64_t todo) const {
    if (parts_.options.progress) {
        ProgressState state{};
        state.phase = phase;
        state.done = done;
        state.todo = todo;
        state.tokens_per_second = state.seconds_left = -1;
        parts_.options.progress(state);
    }
}

/// The batch's prompts, each with its empty samples.
std::vector<Group> RolloutSource::skeleton(int64_t batch) const {
    const Plan& plan = parts_.plan;
    std::vector<Group> out;
    for (const size_t p : positions_of_batch(parts_.prompts.size(),
                                             plan.ppo.prompts,
                                             plan.data.order == "file",
                                             plan.seed,
                                             batch)) {
        const Group& prompt = parts_.prompts[p];
        Group& group = out.emplace_back();
        group.record = prompt.record;
        group.record_id = prompt.record_id;
        group.meta = prompt.meta;
        group.candidates.assign(static_cast<size_t>(plan.ppo.samples), prompt.candidates.front());
    }
    return out;
}

bool RolloutSource::respond(std::vector<Group>& groups,
                            bool greedy,
                            std::vector<bool>& finished) const {
    const PpoSpec& ppo = parts_.plan.ppo;
    Sampling sampling;
    sampling.samples = static_cast<int64_t>(groups.front().candidates.size());
    sampling.max_new_tokens = ppo.max_new_tokens;
    sampling.temperature = greedy ? 0 : ppo.temperature;
    sampling.top_k = greedy ? 0 : ppo.top_k;
    sampling.top_p = greedy ? 1 : ppo.top_p;
    sampling.stop_ids = parts_.encoder.end_ids();
    sampling.seed = derive_seed(parts_.plan.seed, "rollouts", 0);
    std::vector<Prompt> prompts;
    for (const Group& group : groups) {
        // Where it came from and in which batch: no two samples of a run share a stream.
        prompts.push_back({group.candidates.front().prompt_ids,
                           static_cast<uint64_t>(group.record),
                           group.record_id});
    }
    const auto todo = static_cast<int64_t>(groups.size()) * sampling.samples;
    GenerateHooks hooks;
    hooks.cancelled = parts_.options.cancelled;
    hooks.done = [&](size_t index, const Sampled&) {
        progress(greedy ? "respond" : "rollout", static_cast<int64_t>(index) + 1, todo);
    };
    Generated generated;
    try {
        generated = parts_.models.policy->generate(prompts, sampling, hooks);
    } catch (const Error& error) {
        if (error.code() == Code::preempted) {
            return false;
        }
        throw;
    }
    size_t n = 0;
    for (Group& group : groups) {
        for (Candidate& c : group.candidates) {
            Sampled& sample = generated.samples[n++];
            const size_t text = sample.ids.size() - (sample.stopped ? 1 : 0);
            c.response = parts_.encoder.decode(std::span(sample.ids).first(text));
            c.response_ids = std::move(sample.ids);
            finished.push_back(sample.stopped);
        }
    }
    return true;
}

/// Log-probs by the same forward that trains, so that the first ratio is 1; the reference's and the
/// critic's values beside them.
void RolloutSource::measure(std::vector<Group>& groups,
                            std::vector<std::vector<double>>& old_logp,
                            std::vector<std::vector<double>>& values) const {
    const c10::NoGradGuard no_grad;
    const Models& models = parts_.models;
    std::vector<std::vector<double>> reference;
    for (const auto& part :
         micro_batches(pointers(groups), *models.policy, parts_.plan.tokens_per_batch)) {
        split(models.policy->forward(part, {.logp = true}).tok_logp, part, old_logp);
        if (parts_.plan.reference != "none") {
            split(models.reference().forward(part, {.logp = true}).tok_logp, part, reference);
        }
        if (models.critic) {
            split(models.critic->forward(part, {.values = true}).tok_value, part, values);
        }
    }
    size_t n = 0;
    for (Group& group : groups) {
        for (size_t c = 0; c < group.candidates.size(); ++c, ++n) {
            Candidate& candidate = group.candidates[c];
            if (!reference.empty()) {
                candidate.ref_tok_logp = reference[n];
                candidate.ref_logp = sum(reference[n]);
            }
            const double value = values.empty() ? 0.0 : sum(values[n]);
            if (!std::isfinite(sum(old_logp[n]) + candidate.ref_logp + value)) {
                throw Error(Code::non_finite,
                            "response " + std::to_string(c) + " has the log-probability " +
                                std::to_string(sum(old_logp[n])) + ", under the reference " +
                                std::to_string(candidate.ref_logp) + ", value " +
                                std::to_string(value) + "; stopped before the update",
                            "record " + group.record_id,
                            "lower [schedule] learning_rate");
            }
        }
    }
}

/// Rewards to advantages, and the frozen columns.  The divergence lands on each token, the score on
/// the response's last one.
void RolloutSource::advantages(RolloutBatch& judged) const {
    const PpoSpec& ppo = parts_.plan.ppo;
    std::vector<std::shared_ptr<Rollout>> rollouts;
    std::vector<double> totals;  // what a whole response earns
    size_t n = 0;
    for (Group& group : judged.groups) {
        for (Candidate& candidate : group.candidates) {
            auto rollout = std::make_shared<Rollout>();
            rollout->old_logp = judged.old_logp[n];
            std::vector<double> rewards;
            for (const double kl : judged.kl[n]) {
                rewards.push_back(-kl_coef_ * kl);
            }
            rewards.back() += judged.scores[n];
            rollout->reward = sum(rewards);
            totals.push_back(rollout->reward);
            if (!judged.values.empty()) {
                rollout->old_value = judged.values[n];
                rollout->advantage = gae(rewards, rollout->old_value, ppo.gamma, ppo.lambda);
                for (size_t t = 0; t < rewards.size(); ++t) {
                    rollout->returns.push_back(rollout->advantage[t] + rollout->old_value[t]);
                }
            }
            rollouts.push_back(rollout);
            candidate.rollout = rollout;
            ++n;
        }
        if (judged.values.empty()) {
            const size_t k = group.candidates.size();
            const auto own = std::span(totals).subspan(n - k, k);
            const std::vector<double> all = ppo.advantage == "leave_one_out"
                                                ? leave_one_out(own)
                                                : group_relative(own, ppo.advantage == "group");
            for (size_t c = 0; c < k; ++c) {
                Rollout& rollout = *rollouts[n - k + c];
                rollout.advantage.assign(rollout.old_logp.size(), all[c]);
            }
        }
    }
    if (ppo.whiten == "advantages") {
        std::vector<double> all;
        for (const auto& rollout : rollouts) {
            all.insert(all.end(), rollout->advantage.begin(), rollout->advantage.end());
        }
        whiten(all, true);
        auto next = all.begin();
        for (const auto& rollout : rollouts) {
            const auto end = next + static_cast<int64_t>(rollout->advantage.size());
            std::copy(next, end, rollout->advantage.begin());
            next = end;
        }
    }
}

bool RolloutSource::sample(int64_t batch, const RunInfo& info) {
    const PpoSpec& ppo = parts_.plan.ppo;
    RolloutBatch judged;
    judged.groups = skeleton(batch);
    const auto streams = static_cast<int64_t>(parts_.prompts.size());
    for (size_t g = 0; g < judged.groups.size(); ++g) {
        judged.groups[g].record = batch * streams + static_cast<int64_t>(g);
    }
    const double start = steady_seconds();
    if (!respond(judged.groups, false, judged.finished)) {
        return false;
    }
    const double sampled = steady_seconds();
    measure(judged.groups, judged.old_logp, judged.values);
    const double measured = steady_seconds();
    if (parts_.options.cancelled && parts_.options.cancelled()) {
        return false;
    }
    judged.terms = parts_.rewards.judge({pointers(judged.groups), judged.finished, info});
    judged.scores = total_rewards(judged.terms);
    const double end = steady_seconds();
    double tokens = 0;
    for (const std::vector<double>& logp : judged.old_logp) {
        tokens += static_cast<double>(logp.size());
    }
    parts_.folder.timing({{{"rollout", batch},
                           {"seconds", end - start},
                           {"sampling_seconds", sampled - start},
                           {"log_probs_seconds", measured - sampled},
                           {"rewards_seconds", end - measured},
                           {"sampled_tokens_per_second", tokens / (sampled - start)},
                           {"peak_bytes", peak_bytes()}}});
    size_t n = 0;
    for (const Group& group : judged.groups) {
        for (const Candidate& c : group.candidates) {
            double& score = judged.scores[n];
            score =
                ppo.reward_clip > 0 ? std::clamp(score, -ppo.reward_clip, ppo.reward_clip) : score;
            score -= judged.finished[n] ? 0.0 : ppo.missing_end_penalty;
            std::vector<double>& kl = judged.kl.emplace_back();
            for (size_t t = 0; t < judged.old_logp[n].size(); ++t) {
                const double a = judged.old_logp[n][t],
                             b = c.ref_tok_logp.empty() ? a : c.ref_tok_logp[t];
                kl.push_back(ppo.kl == "k3" ? kl_k3(a, b) : kl_k1(a, b));
            }
            ++n;
        }
    }
    advantages(judged);
    report(judged, batch, info);
    batch_ = std::move(judged.groups);
    current_ = batch;
    return true;
}

void RolloutSource::report(const RolloutBatch& rolled, int64_t batch, const RunInfo& info) {
    const PpoSpec& ppo = parts_.plan.ppo;
    RunFolder& folder = parts_.folder;
    const std::string file = folder.path() + "/" + file_of(batch);
    write_rollouts(file + ".h5", std::to_string(batch), rolled.groups);
    folder.write(file_of(batch) + ".jsonl", responses_jsonl(rolled.groups, rolled.terms));
    folder.text("rollout/samples", responses_markdown(rolled), info.step);
    folder.metrics(rollout_row(rolled, batch, info.step, kl_coef_), "rollout/", info.step);
    const double divergence = divergence_of(rolled);
    if (ppo.kl_stop > 0 && divergence > ppo.kl_stop) {
        stop_reason_ = "a response diverges from the reference by " + std::to_string(divergence) +
                       " nats, more than ppo.kl_stop = " + std::to_string(ppo.kl_stop);
    }
    if (ppo.kl_target > 0) {  // arXiv 1909.08593, section 2.2
        const double error = std::clamp(divergence / ppo.kl_target - 1, -0.2, 0.2);
        kl_coef_ *= 1 + error * static_cast<double>(rolled.kl.size()) / ppo.kl_horizon;
    }
}

std::optional<std::vector<const Group*>> RolloutSource::groups(const RunInfo& info) {
    const PpoSpec& ppo = parts_.plan.ppo;
    const int64_t batch = info.step / steps_per_batch(), within = info.step % steps_per_batch();
    if (batch != current_ && !sample(batch, info)) {
        return std::nullopt;
    }
    if (!stop_reason_.empty()) {
        return std::nullopt;  // nothing is learned from a batch that went too far
    }
    // Another order in every pass; a prompt's samples stay together.
    const int64_t pass = within / ppo.minibatches, part = within % ppo.minibatches;
    const auto n = static_cast<int64_t>(batch_.size());
    const std::vector<int64_t> order =
        permutation(n, derive_seed(parts_.plan.seed, "minibatches", 0), batch * ppo.epochs + pass);
    std::vector<const Group*> out;
    for (int64_t i = part * n / ppo.minibatches; i < (part + 1) * n / ppo.minibatches; ++i) {
        out.push_back(&batch_[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    }
    if (!parts_.preferences.empty()) {
        for (const size_t g : positions_of_step(parts_.plan, parts_.kept, info.step)) {
            out.push_back(&parts_.preferences[g]);
        }
    }
    return out;
}

bool RolloutSource::evaluate(const EvalSet& set, const RunInfo& info, Row& row) {
    if (set.prompts.empty()) {
        return true;
    }
    std::vector<Group> groups = set.prompts;
    std::vector<bool> finished;
    if (!respond(groups, true, finished)) {
        return false;
    }
    const std::vector<RewardTerm> terms = parts_.rewards.judge({pointers(groups), finished, info});
    std::vector<double> length;
    for (const Group& group : groups) {
        length.push_back(static_cast<double>(group.candidates.front().response_ids.size()));
    }
    row.fields.emplace_back("prompts", static_cast<int64_t>(groups.size()));
    row.fields.emplace_back("reward", mean(total_rewards(terms)));
    for (const RewardTerm& term : terms) {
        row.fields.emplace_back("reward/" + term.name, mean(term.values));
    }
    row.fields.emplace_back("response_length", mean(length));
    parts_.folder.write(
        "eval/" + set.name + "-responses-step-" + std::to_string(info.step) + ".jsonl",
        responses_jsonl(groups, terms));
    return true;
}

nlohmann::json RolloutSource::save() const {
    return {{"kl_coef", kl_coef_}, {"batch", current_}, {"stop_reason", stop_reason_}};
}

void RolloutSource::load(const nlohmann::json& state, int64_t step) {
    kl_coef_ = state.at("kl_coef");
    stop_reason_ =
        state.value("stop_reason", "");  // a batch that went too far teaches nothing later
    const int64_t batch = state.at("batch");
    if (batch != step / steps_per_batch()) {
        return;  // the next step samples a batch of its own
    }
    batch_ = skeleton(batch);
    read_rollouts(
        parts_.folder.path() + "/" + file_of(batch) + ".h5", std::to_string(batch), batch_);
    current_ = batch;
}

}  // namespace samara::host
