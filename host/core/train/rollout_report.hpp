// A batch of rollouts once it is judged, and what it tells: metrics, lines of a file, text for
// people. Pure functions; rollouts.cpp fills the batch and writes what they give.
#pragma once
#include "core/report/metrics.hpp"
#include "core/train/rewards.hpp"

#include <string>
#include <vector>

namespace samara::host {

/// Lists are by candidate, in order.
struct RolloutBatch {
    std::vector<Group> groups;
    std::vector<bool> finished;
    std::vector<std::vector<double>> old_logp, values, kl;  ///< per token; values may be empty
    std::vector<RewardTerm> terms;
    std::vector<double> scores;  ///< terms, clip and penalty; without the divergence
};

double sum(const std::vector<double>& values);

/// Mean over the responses of their summed divergence, nats.
double divergence_of(const RolloutBatch& batch);
/// A line of metrics.jsonl, under TRL's names; sums over a response, then means over responses.
Row rollout_row(const RolloutBatch& batch, int64_t number, int64_t step, double kl_coef);
/// One JSON object per response: record, response, reward/TERM.  Bytes that are not UTF-8 are
/// replaced.
std::string responses_jsonl(const std::vector<Group>& groups, const std::vector<RewardTerm>& terms);
/// The first response to each of the first prompts with its score, as Markdown.
std::string responses_markdown(const RolloutBatch& batch);

}  // namespace samara::host
