// reward.hpp - a class becomes a reward plugin: it judges the responses that a policy sampled
// (pipeline ppo).  examples/hello_reward.cpp is a whole one.
//
//   struct Brief {  // a reward between -1 and 0: what a response has beyond 100 bytes
//       void reward(const samara::Rollouts& rollouts, std::span<double> out) const {
//           for (size_t n = 0; n < rollouts.size(); ++n) {
//               const auto beyond = static_cast<double>(rollouts[n].response().size()) / 100 - 1;
//               out[n] = -std::clamp(beyond, 0.0, 1.0);
//           }
//       }
//   };
//
// Order    once per batch of rollouts, and once per evaluation of a set with prompts.  The pipeline
//          multiplies by the configuration's weight and adds the terms up; clipping, the divergence
//          and advantages are its work.
#pragma once
#include "records.hpp"

namespace samara {

/// One sampled response with its prompt.  Borrowed for the call.
class Rollout {
public:
    Rollout(const samara_rollouts& all, size_t n)
        : candidate_(all.candidates[n]), record_(all.record[n]), finished_(all.finished[n] != 0) {}
    /// Index into the batch's data set; the samples of one prompt have the same.
    int64_t record() const { return record_; }
    /// As the policy saw it; empty for rows that came tokenised.
    Messages prompt() const { return copy(candidate_.prompt, candidate_.n_prompt); }
    /// The text of the sampled tokens, without the one that ended it.
    std::string_view response() const { return view(candidate_.response); }
    /// The sampled tokens in the policy's vocabulary, with the one that ended it.
    std::span<const int64_t> response_ids() const {
        return {candidate_.response_ids.ptr, static_cast<size_t>(candidate_.response_ids.len)};
    }
    /// What the prompt asks for, as Candidate::instructions (synthesizer.hpp); may be empty.
    std::string_view instructions() const { return view(candidate_.instructions); }
    /// It ended by itself; false: it was cut at the length limit.
    bool finished() const { return finished_; }

private:
    const samara_candidate& candidate_;
    int64_t record_;
    bool finished_;
};

/// A batch of responses.  Borrowed for the call.
class Rollouts {
public:
    explicit Rollouts(const samara_rollouts& rollouts) : rollouts_(rollouts) {}
    size_t size() const { return static_cast<size_t>(rollouts_.n); }
    Rollout operator[](size_t n) const { return {rollouts_, n}; }
    /// The prompts of this batch as records, by Rollout::record(): id, prompt and the row's other
    /// fields (Record::meta, a reference answer for instance), no responses.
    Dataset dataset() const { return Dataset(*rollouts_.dataset); }

private:
    const samara_rollouts& rollouts_;
};

/// What class T has.
///
/// Reward   `void reward(const Rollouts&, std::span<double> out)`: out[n] for every response, higher
///          is better, finite.  It depends on the response and its record alone, not on the batch:
///          a run that was stopped and continued must see the same numbers.
/// State    what Stateful (core.hpp) saves is not kept for this kind: have none.
/// Random   none.
/// Threads  one call at a time on one object; parallel_for over plain memory.
/// Errors   fail() ends the run; a number that is not finite ends it too (exit code 7), naming the
///          record.
template <class T>
struct RewardAdapter {
    static int64_t reward(void* self, samara_call* call, const samara_rollouts* rollouts,
                          double* rewards) {
        return enter<T>(self, call, [&](T& object) {
            const Rollouts view(*rollouts);
            object.reward(view, std::span<double>(rewards, view.size()));
        });
    }
    static constexpr samara_reward table = {sizeof(samara_reward), create<T>,          destroy<T>,
                                            save_function<T>(),    load_function<T>(), reward};
};

/// The descriptor of reward T, for SAMARA_PLUGINS.
template <class T>
constexpr samara_plugin reward(const About& about) {
    return describe_plugin<T>(about, "reward/1", &RewardAdapter<T>::table);
}

}  // namespace samara
