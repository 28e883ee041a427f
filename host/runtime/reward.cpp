// Running reward functions: responses as views, numbers checked.  See reward.hpp.
#include "runtime/reward.hpp"

#include "runtime/dataset_view.hpp"
#include "runtime/instance.hpp"

#include <cmath>

namespace samara::host {
namespace {

/// A batch's prompts as records, and its responses as the ABI's candidates.
struct RolloutView {
    explicit RolloutView(std::span<const Group* const> groups) {
        for (const Group* group : groups) {
            const Candidate& first = group->candidates.front();
            Record& record = records.emplace_back();
            record.id = group->record_id;
            record.prompt = first.prompt;
            record.prompt_ids = first.prompt.empty() ? first.prompt_ids : Ids{};
            record.meta = group->meta;
            for (const Candidate& c : group->candidates) {
                record_of.push_back(static_cast<int64_t>(records.size()) - 1);
                prompts.push_back(views(c.prompt));
                candidates.push_back({prompts.back().data(),
                                      static_cast<int64_t>(prompts.back().size()),
                                      text(*c.response),
                                      ids(c.prompt_ids),
                                      ids(c.response_ids),
                                      c.label,
                                      c.auxiliary ? 1 : 0,
                                      c.weight,
                                      text(c.tag),
                                      text(c.instructions)});
            }
        }
    }
    std::vector<Record> records;
    std::vector<int64_t> record_of;
    std::vector<std::vector<samara_message>> prompts;  ///< what candidates point to
    std::vector<samara_candidate> candidates;
};

}  // namespace

RewardInstance::RewardInstance(const Plugin& plugin, const BoundParams& params, HostHooks hooks)
    : instance_(std::make_unique<Instance>(plugin, "reward/1", params, std::move(hooks))) {
    if (instance_->table<samara_reward>().reward == nullptr) {
        instance_->fault("create", "it has no reward function", Code::plugin);
    }
}

RewardInstance::~RewardInstance() = default;
RewardInstance::RewardInstance(RewardInstance&&) noexcept = default;

std::vector<double> RewardInstance::reward(std::span<const Group* const> groups,
                                           const std::vector<bool>& finished,
                                           const RunInfo& info) {
    const RolloutView view(groups);
    const RecordSpan records(view.records);
    const DatasetView dataset(records);
    const std::vector<int64_t> ended(finished.begin(), finished.end());
    const samara_rollouts rollouts = {sizeof(samara_rollouts),
                                      dataset.abi(),
                                      static_cast<int64_t>(view.candidates.size()),
                                      view.record_of.data(),
                                      view.candidates.data(),
                                      ended.data()};
    // What the plugin does not write is no number.
    std::vector<double> out(view.candidates.size(), std::nan(""));
    const Frame frame(*instance_, &info);
    instance_->run("reward", [&] {
        return instance_->table<samara_reward>().reward(
            instance_->self(), &instance_->call(), &rollouts, out.data());
    });
    for (size_t n = 0; n < out.size(); ++n) {
        if (!std::isfinite(out[n])) {
            instance_->fault("reward",
                             "response " + std::to_string(n) + " (record '" +
                                 view.records[static_cast<size_t>(view.record_of[n])].id +
                                 "') has the reward " + std::to_string(out[n]),
                             Code::non_finite);
        }
    }
    return out;
}

}  // namespace samara::host
