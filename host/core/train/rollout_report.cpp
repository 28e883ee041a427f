// See rollout_report.hpp.
#include "core/train/rollout_report.hpp"

#include "core/report/bootstrap.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace samara::host {

double sum(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

double divergence_of(const RolloutBatch& batch) {
    double total = 0;
    for (const std::vector<double>& tokens : batch.kl) {
        total += sum(tokens);
    }
    return batch.kl.empty() ? 0.0 : total / static_cast<double>(batch.kl.size());
}

Row rollout_row(const RolloutBatch& batch, int64_t number, int64_t step, double kl_coef) {
    std::vector<double> entropy, length, finished;
    for (size_t n = 0; n < batch.kl.size(); ++n) {
        entropy.push_back(-sum(batch.old_logp[n]));
        length.push_back(static_cast<double>(batch.old_logp[n].size()));
        finished.push_back(batch.finished[n] ? 1.0 : 0.0);
    }
    const double divergence = divergence_of(batch), score = mean(batch.scores);
    Row row{{{"rollout", number},
             {"step", step},
             {"responses", static_cast<int64_t>(batch.kl.size())},
             {"objective/kl", divergence},
             {"objective/entropy", mean(entropy)},
             {"objective/scores", score},
             {"objective/non_score_reward", -kl_coef * divergence},
             {"objective/rlhf_reward", score - kl_coef * divergence},
             {"kl_coef", kl_coef},
             {"response_length", mean(length)},
             {"finished", mean(finished)}}};
    for (const RewardTerm& term : batch.terms) {
        row.fields.emplace_back("reward/" + term.name, mean(term.values));
    }
    return row;
}

std::string responses_jsonl(const std::vector<Group>& groups,
                            const std::vector<RewardTerm>& terms) {
    using Json = nlohmann::ordered_json;
    std::string lines;
    size_t n = 0;
    for (const Group& group : groups) {
        for (const Candidate& c : group.candidates) {
            Json line = {{"record", group.record_id}, {"response", *c.response}};
            for (const RewardTerm& term : terms) {
                line["reward/" + term.name] = term.values[n];
            }
            lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
            ++n;
        }
    }
    return lines;
}

std::string responses_markdown(const RolloutBatch& batch) {
    constexpr size_t kShown = 4;
    std::string text;
    size_t n = 0;
    for (size_t g = 0; g < std::min(kShown, batch.groups.size()); ++g) {
        const Group& group = batch.groups[g];
        std::string body = *group.candidates.front().response;  // indented: as it is
        for (size_t at = 0; (at = body.find('\n', at)) != std::string::npos; at += 5) {
            body.replace(at, 1, "\n    ");
        }
        text += "**" + group.record_id + "**, score " + std::to_string(batch.scores[n]) +
                "\n\n    " + body + "\n\n";
        n += group.candidates.size();
    }
    return text;
}

}  // namespace samara::host
