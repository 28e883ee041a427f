// A running reward function: judges sampled responses (pipeline ppo).
#pragma once
#include "runtime/instances.hpp"

namespace samara::host {

class RewardInstance {
public:
    RewardInstance(const Plugin& plugin, const BoundParams& params, HostHooks hooks = {});
    ~RewardInstance();
    RewardInstance(RewardInstance&&) noexcept;

    /// One number per response, of all candidates in order; every candidate has a response.
    /// `finished[n]`: it ended by itself.  A NaN or infinity is Error(Code::non_finite) naming the
    /// record.
    [[nodiscard]] std::vector<double> reward(std::span<const Group* const> groups,
                                             const std::vector<bool>& finished,
                                             const RunInfo& info = {});

private:
    std::unique_ptr<Instance> instance_;
};

}  // namespace samara::host
