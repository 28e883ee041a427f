// Reward plugins through the ABI: what they see of a batch, a published penalty's numbers, what is
// refused.
#include "runtime/reward.hpp"
#include "support.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A group whose candidates answer with these texts; a text of n bytes has n tokens.
Group answered(const std::string& id, const std::vector<std::string>& texts) {
    Group group;
    group.record_id = id;
    for (const std::string& text : texts) {
        Candidate& c = group.candidates.emplace_back();
        c.prompt = {{"", "question of " + id}};
        c.prompt_ids = {1};
        c.response = text;
        c.response_ids.assign(text.size(), 7);
    }
    return group;
}

RewardInstance make(const std::string& file, const std::string& id, const Given& given = {}) {
    const Plugin& p = plugin(file, id);
    return RewardInstance(p, bind(p, given));
}

}  // namespace

TEST_CASE("a response close to the limit is penalised as published", "[runtime][reward]") {
    auto overlong = make(
        own("samara_rewards"), "samara.overlong", {{"limit", int64_t{10}}, {"buffer", int64_t{4}}});
    const Group group = answered("a",
                                 {std::string(1, 'x'),
                                  std::string(6, 'x'),
                                  std::string(7, 'x'),
                                  std::string(10, 'x'),
                                  std::string(30, 'x')});
    const std::vector<const Group*> groups{&group};
    // arXiv 2503.14476 eq. 13 with L_max 10 and L_cache 4
    CHECK(overlong.reward(groups, std::vector<bool>(5, true)) ==
          std::vector<double>{0, 0, -0.25, -1, -1});
}

TEST_CASE("a buffer longer than the limit is refused", "[runtime][reward]") {
    const auto error = thrown([] {
        make(own("samara_rewards"),
             "samara.overlong",
             {{"limit", int64_t{3}}, {"buffer", int64_t{4}}});
    });
    REQUIRE(error);
    CHECK_THAT(error->what(), ContainsSubstring("buffer is longer than limit"));
}

TEST_CASE("a reward reads the fields of its response's row", "[runtime][reward]") {
    auto answer = make(library("hello_reward"), "example.hello_reward");
    Group first = answered("a", {"it is blue", "it is red"}), second = answered("b", {"blue"});
    first.meta = {{"answer", "\"blue\""}};
    const std::vector<const Group*> groups{&first, &second};
    CHECK(answer.reward(groups, {true, true, false}) == std::vector<double>{1, 0, 0});
}

TEST_CASE("a reward that is no number names its record", "[runtime][reward]") {
    auto evil = make(library("evil_others"), "test.evil_reward", {{"what", std::string("nan")}});
    const Group group = answered("row:17", {"x"});
    const std::vector<const Group*> groups{&group};
    const auto error = thrown([&] { static_cast<void>(evil.reward(groups, {true})); });
    REQUIRE(error);
    CHECK(error->code() == Code::non_finite);
    CHECK_THAT(error->what(), ContainsSubstring("row:17"));
}
