// The conformance run of rewards: equal numbers for equal responses, whatever stands beside them.
// See conformance.hpp.
#include "runtime/conformance_detail.hpp"
#include "runtime/reward.hpp"

namespace samara::host {
namespace {

/// Four prompts with three responses each: empty, short and long; one cut short, some with
/// instructions and other fields.
std::vector<Group> sample_rollouts() {
    std::vector<Group> groups;
    for (int64_t g = 0; g < 4; ++g) {
        Group& group = groups.emplace_back();
        group.record = g;
        group.record_id = "row:" + std::to_string(g);
        if (g % 2 == 0) {
            group.meta.emplace_back("answer", "\"word " + std::to_string(g) + "\"");
        }
        for (int64_t c = 0; c < 3; ++c) {
            Candidate& candidate = group.candidates.emplace_back();
            candidate.prompt = {{"", "Say word " + std::to_string(g) + " and stop."}};
            candidate.prompt_ids = {1, 2 + g};
            std::string response;
            for (int64_t w = 0; w < c * 7; ++w) {
                response += "word " + std::to_string(w) + (w % 3 == 0 ? ".\n" : " ");
            }
            candidate.response = response;
            candidate.response_ids.assign(static_cast<size_t>(c * 14 + 1), 3 + c);
            if (g == 1) {
                candidate.instructions =
                    R"([{"id":"a:b","kwargs":{},"negated":false,"text":"","truth":true}])";
            }
        }
    }
    return groups;
}

}  // namespace

void check_reward(Checks& checks, const Plugin& plugin, const BoundParams& params) {
    const std::vector<Group> groups = sample_rollouts();
    const auto run = [&](RewardInstance& instance, size_t first, size_t last) {
        std::vector<const Group*> part;
        std::vector<bool> finished;
        for (size_t g = first; g < last; ++g) {
            part.push_back(&groups[g]);
            for (size_t c = 0; c < groups[g].candidates.size(); ++c) {
                finished.push_back(c != 2);
            }
        }
        return instance.reward(part, finished);
    };
    checks.run("determinism", [&] {
        RewardInstance a(plugin, params), b(plugin, params);
        const std::vector<double> first = run(a, 0, groups.size());
        require(first == run(a, 0, groups.size()), "two calls for the same responses differ");
        require(first == run(b, 0, groups.size()), "two instances differ");
        return std::to_string(first.size()) + " responses";
    });
    checks.run("batch independence", [&] {
        RewardInstance a(plugin, params), b(plugin, params);
        const std::vector<double> whole = run(a, 0, groups.size());
        std::vector<double> parts;
        for (size_t g = 0; g < groups.size(); ++g) {
            const std::vector<double> part = run(b, g, g + 1);
            parts.insert(parts.end(), part.begin(), part.end());
        }
        require(whole == parts, "a response's reward depends on the batch");
        return std::string();
    });
    checks.run("empty batch", [&] {
        RewardInstance a(plugin, params);
        require(run(a, 0, 0).empty(), "rewards for no responses");
        return std::string();
    });
}

}  // namespace samara::host
