// The reference pass; see reference.hpp.
#include "core/train/reference.hpp"

#include "core/log/log.hpp"
#include "core/store/hash.hpp"
#include "core/train/order.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>
#include <cstdio>

namespace samara::host {
namespace {

std::string one_decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string hash_of_tokens(const std::vector<Group*>& groups) {
    Sha256 hash;
    for (const Group* group : groups) {
        hash.update("group " + std::to_string(group->candidates.size()) + "\n");
        for (const Candidate& c : group->candidates) {
            for (const Ids* ids : {&c.prompt_ids, &c.response_ids}) {
                hash.update(std::to_string(ids->size()) + ":");
                hash.update({reinterpret_cast<const char*>(ids->data()),
                             ids->size() * sizeof(Ids::value_type)});
            }
        }
    }
    return hash.hex();
}

void append(std::vector<double>& to, const at::Tensor& values) {
    const at::Tensor flat = values.to(at::kCPU, at::kDouble).contiguous();
    const double* data = flat.const_data_ptr<double>();
    to.insert(to.end(), data, data + flat.numel());
}

ReferenceLogps compute(const std::vector<Group*>& groups,
                       const std::string& name,
                       const Reference& reference,
                       const RunOptions& options) {
    const c10::NoGradGuard no_grad;
    const auto start = std::chrono::steady_clock::now();
    ReferenceLogps out;
    const std::vector<const Group*> all(groups.begin(), groups.end());
    int64_t done = 0;
    for (const std::vector<const Group*>& part :
         micro_batches(all, reference.model, reference.tokens_per_batch)) {
        if (options.cancelled && options.cancelled()) {
            throw Error(Code::preempted,
                        "stopped while computing reference log-probabilities",
                        "",
                        "nothing was lost; run again");
        }
        const Scored scored =
            reference.model.forward(part, {.logp = true, .prompt_logp = reference.prompts});
        append(out.logp, scored.logp);
        append(out.tok_logp, scored.tok_logp);
        if (reference.prompts) {
            append(out.prompt_logp, scored.prompt_logp);
        }
        done += static_cast<int64_t>(part.size());
        if (options.progress) {
            ProgressState state{};
            state.phase = "reference " + name;
            state.done = done;
            state.todo = static_cast<int64_t>(all.size());
            state.tokens_per_second = state.seconds_left = -1;
            options.progress(state);
        }
    }
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return out;
}

void fill(const std::vector<Group*>& groups, const ReferenceLogps& values) {
    size_t n = 0, t = 0;
    for (Group* group : groups) {
        for (Candidate& c : group->candidates) {
            c.ref_prompt_logp = values.prompt_logp.empty() ? 0 : values.prompt_logp[n];
            c.ref_logp = values.logp[n++];
            const auto begin = values.tok_logp.begin() + static_cast<int64_t>(t);
            t += c.response_ids.size();
            c.ref_tok_logp.assign(begin, values.tok_logp.begin() + static_cast<int64_t>(t));
            if (!std::isfinite(c.ref_logp + c.ref_prompt_logp)) {
                throw Error(Code::non_finite,
                            "the reference model gives a response of record '" + group->record_id +
                                "' the log-probability " + std::to_string(c.ref_logp) +
                                " after a prompt of " + std::to_string(c.ref_prompt_logp),
                            "",
                            "look at this record, or choose another [dpo] reference");
            }
        }
    }
}

}  // namespace

void attach_reference(const std::vector<Group*>& groups,
                      const std::string& name,
                      const Reference& reference,
                      ReferenceStore& store,
                      const RunOptions& options) {
    size_t n = 0, t = 0;
    for (const Group* group : groups) {
        n += group->candidates.size();
        for (const Candidate& c : group->candidates) {
            t += c.response_ids.size();
        }
    }
    const CacheKey key{{{"reference", "2"},
                        {"model", reference.fingerprint},
                        {"tokens", hash_of_tokens(groups)},
                        {"precision", reference.precision},
                        {"scope", reference.prompts ? "prompt and response" : "response"}}};
    if (const auto found = store.read(key, n, t, reference.prompts ? n : 0)) {
        fill(groups, *found);
        log::info(name + ": reference log-probs reused from the cache (" +
                  one_decimal(found->seconds) + " s saved, key " + key.digest().substr(0, 12) +
                  ")");
        return;
    }
    const ReferenceLogps values = compute(groups, name, reference, options);
    fill(groups, values);  // first: values that are not finite are never stored
    store.write(key, values);
    log::info(name + ": reference log-probs computed in " + one_decimal(values.seconds) +
              " s and cached (key " + key.digest().substr(0, 12) + ")");
}

}  // namespace samara::host
