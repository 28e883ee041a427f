// hello_reward.cpp - a whole reward: 1 if the response contains what the row's field "answer" says.
//
//   c++ -std=c++20 -shared -fPIC -I sdk/include hello_reward.cpp -o hello_reward.so
//   samara plugins check hello_reward.so
//
// then [plugins] load = ["hello_reward.so"] and [[ppo.reward]] plugin = "example.hello_reward" in a
// run's file.
#include <samara/json.hpp>
#include <samara/reward.hpp>

namespace {

struct Answer {
    void reward(const samara::Rollouts& rollouts, std::span<double> out) const {
        const samara::Dataset rows = rollouts.dataset();
        for (size_t n = 0; n < rollouts.size(); ++n) {
            const samara::Record row = rows[rollouts[n].record()];
            const auto field = row.meta("answer");  // JSON text
            const samara::Json answer = field ? samara::Json::parse(*field) : samara::Json();
            out[n] = answer.string() != nullptr &&
                             rollouts[n].response().find(*answer.string()) != std::string::npos
                         ? 1.0
                         : 0.0;
        }
    }
};

constexpr samara_plugin kPlugin =
    samara::reward<Answer>({.id = "example.hello_reward",
                            .doc = "1 if the response contains the row's field answer, else 0.",
                            .formula = "[answer in y]"});

}  // namespace

SAMARA_PLUGINS(&kPlugin)
