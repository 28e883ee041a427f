// The reference pass; see reference.hpp.
#include "core/train/reference.hpp"

#include "core/log/log.hpp"
#include "core/store/hash.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <set>

namespace samara::host {
namespace {

std::string one_decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string hash_of_tokens(const Group& group) {
    Sha256 hash;
    for (const Candidate& c : group.candidates) {
        for (const Ids* ids : {&c.prompt_ids, &c.response_ids}) {
            hash.update(std::to_string(ids->size()) + ":");
            hash.update({reinterpret_cast<const char*>(ids->data()),
                         ids->size() * sizeof(Ids::value_type)});
        }
    }
    return hash.hex();
}

std::vector<double> numbers(const at::Tensor& values) {
    const at::Tensor flat = values.to(at::kCPU, at::kDouble).contiguous();
    return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// Values that are not finite are refused before they are stored.
void check(const Group& group, const GroupLogps& values) {
    for (size_t n = 0; n < values.logp.size(); ++n) {
        const double prompt = values.prompt_logp.empty() ? 0 : values.prompt_logp[n];
        if (!std::isfinite(values.logp[n] + prompt)) {
            throw Error(Code::non_finite,
                        "the reference model gives a response of record '" + group.record_id +
                            "' the log-probability " + std::to_string(values.logp[n]) +
                            " after a prompt of " + std::to_string(prompt),
                        "",
                        "look at this record, or choose another [dpo] reference");
        }
    }
}

GroupLogps compute(const Group& group, const Reference& reference) {
    const auto start = std::chrono::steady_clock::now();
    const Group* alone[] = {&group};
    const Scored scored =
        reference.model.forward(alone, {.logp = true, .prompt_logp = reference.prompts});
    GroupLogps out{numbers(scored.logp), numbers(scored.tok_logp), {}, 0};
    if (reference.prompts) {
        out.prompt_logp = numbers(scored.prompt_logp);
    }
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    check(group, out);
    return out;
}

void fill(Group& group, const GroupLogps& values) {
    size_t n = 0;
    auto token = values.tok_logp.begin();
    for (Candidate& c : group.candidates) {
        c.ref_prompt_logp = values.prompt_logp.empty() ? 0 : values.prompt_logp[n];
        c.ref_logp = values.logp[n++];
        const auto end = token + static_cast<int64_t>(c.response_ids.size());
        c.ref_tok_logp.assign(token, end);
        token = end;
    }
}

void report(const RunOptions& options, const std::string& name, size_t done, size_t todo) {
    if (options.progress) {
        ProgressState state{};
        state.phase = "reference " + name;
        state.done = static_cast<int64_t>(done);
        state.todo = static_cast<int64_t>(todo);
        state.tokens_per_second = state.seconds_left = -1;
        options.progress(state);
    }
}

}  // namespace

CacheKey key_of(const Reference& reference) {
    return {{{"reference", "4"},
             {"model", reference.model.fingerprint()},
             {"precision", reference.precision},
             {"scope", reference.prompts ? "prompt and response" : "response"}}};
}

void attach_reference(const std::vector<Group*>& groups,
                      const std::string& name,
                      const Reference& reference,
                      ReferenceStore& store,
                      const RunOptions& options) {
    const c10::NoGradGuard no_grad;
    const LogpsOfGroups stored = store.read();
    LogpsOfGroups fresh;
    double saved = 0, spent = 0;
    size_t done = 0;
    for (Group* group : groups) {
        const std::string hash = hash_of_tokens(*group);
        if (const auto found = stored.find(hash); found != stored.end()) {
            fill(*group, found->second);
            saved += found->second.seconds;
        } else {
            if (options.cancelled && options.cancelled()) {
                if (!fresh.empty()) {
                    store.write(fresh);
                }
                throw Error(Code::preempted,
                            "stopped while computing reference log-probabilities",
                            "",
                            "nothing was lost; run again");
            }
            const auto [computed, is_new] = fresh.try_emplace(hash);
            if (is_new) {
                computed->second = compute(*group, reference);
                spent += computed->second.seconds;
            }
            fill(*group, computed->second);
        }
        report(options, name, ++done, groups.size());
    }
    if (!fresh.empty()) {
        store.write(fresh);
        log::info(name + ": reference log-probs of " + std::to_string(fresh.size()) +
                  " groups computed in " + one_decimal(spent) + " s and cached");
    }
    if (saved > 0) {
        log::info(name + ": reference log-probs of " +
                  std::to_string(groups.size() - fresh.size()) + " groups reused from the cache (" +
                  one_decimal(saved) + " s saved)");
    }
}

std::string precision_of(const Plan& plan, const RunOptions& options) {
    std::string precision = plan.dtype + (plan.device == "cpu" ? "" : " on " + plan.device) +
                            ", threads " + std::to_string(at::get_num_threads());
    for (const char* name : {"fp32_route", "libtorch", "samara", "cpu"}) {
        if (const auto found = options.environment.find(name); found != options.environment.end()) {
            precision += std::string(", ") + name + " " + found->second;
        }
    }
    return precision;
}

void attach_references(const Plan& plan,
                       const Reference& reference,
                       ReferenceStore& store,
                       std::vector<Group>& train,
                       const Kept& kept,
                       std::vector<EvalSet>& evals,
                       const RunOptions& options) {
    std::set<size_t> reached;
    const size_t n = train.size();
    const int64_t steps = n == 0 ? 0 : total_steps(plan, n);
    const bool all = steps >= steps_per_epoch(plan, n);
    for (int64_t step = 0; step < steps && !all; ++step) {
        const std::vector<size_t> positions = positions_of_step(plan, kept, step);
        reached.insert(positions.begin(), positions.end());
    }
    std::vector<Group*> groups;
    for (size_t g = 0; g < n; ++g) {
        if (all || reached.contains(g)) {
            groups.push_back(&train[g]);
        }
    }
    attach_reference(groups, "training data", reference, store, options);
    for (EvalSet& set : evals) {
        groups.clear();
        for (Group& group : set.groups) {
            groups.push_back(&group);
        }
        attach_reference(groups, "evaluation set '" + set.name + "'", reference, store, options);
    }
}

}  // namespace samara::host
