// The conformance run passes what is sound, and each of its checks fails on a plugin that is broken
// in that way.
#include "runtime/conformance.hpp"
#include "support.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string failures(const std::vector<CheckResult>& results) {
    std::string out;
    for (const CheckResult& result : results) {
        if (!result.passed) {
            out += result.name + ": " + result.detail + "\n";
        }
    }
    return out;
}

/// The plugin with another default for parameter `what`.
struct Spoiled {
    samara_plugin descriptor;
    std::vector<samara_param> params;
    std::string fallback;
    Plugin plugin;
    Spoiled(const Plugin& original, const std::string& what)
        : descriptor(*original.descriptor), fallback("\"" + what + "\"") {
        params.assign(descriptor.params, descriptor.params + descriptor.n_params);
        params[0].fallback = fallback.c_str();
        descriptor.params = params.data();
        plugin = {&descriptor, original.library};
    }
};

std::string spoiled(const std::string& file, const std::string& id, const std::string& what) {
    const Spoiled broken(plugin(library(file), id), what);
    return failures(check_plugin(broken.plugin));
}

}  // namespace

TEST_CASE("sound plugins of every kind conform", "[runtime][conformance]") {
    for (const auto& [file, id] : std::vector<std::pair<std::string, std::string>>{
             {own("samara_preference"), "samara.bradley_terry"},
             {own("samara_optimizers"), "samara.adamw"},
             {own("samara_pairs"), "samara.pairs"},
             {own("samara_mapl"), "samara.mapl"},
             {own("samara_mapl"), "samara.mapl_intra"},
             {own("samara_mapl"), "samara.mapl_inter"},
             {own("samara_instructions"), "samara.ifeval"},
             {library("hello"), "example.hello_objective"},
             {library("hello_optimizer"), "example.hello_optimizer"},
             {library("evil_synthesizer"), "test.evil_synthesizer"},
             {library("evil_others"), "test.stateful"},
             {library("evil_others"), "test.types"},
             {library("evil_others"), "test.evil_reward"},
             {library("hello_reward"), "example.hello_reward"},
             {own("samara_rewards"), "samara.overlong"}}) {
        INFO(id);
        const auto results = check_plugin(plugin(file, id));
        CHECK(failures(results) == "");
        CHECK(results.size() >= 6);
    }
}

TEST_CASE("a constructor may already look at the instruction types", "[runtime][conformance]") {
    CHECK(spoiled("evil_synthesizer", "test.evil_synthesizer", "reads types early") == "");
}

TEST_CASE("each check fails on what it guards", "[runtime][conformance]") {
    CHECK_THAT(spoiled("evil_synthesizer", "test.evil_synthesizer", "depends on range"),
               ContainsSubstring("range independence"));
    CHECK_THAT(spoiled("evil_synthesizer", "test.evil_synthesizer", "depends on history"),
               ContainsSubstring("range independence"));
    CHECK_THAT(spoiled("evil_synthesizer", "test.evil_synthesizer", "flip"),
               ContainsSubstring("determinism: ") && ContainsSubstring("flip is not"));
    CHECK_THAT(spoiled("evil_objective", "test.evil_objective", "create fails"),
               ContainsSubstring("create and destroy: "));
    CHECK_THAT(spoiled("evil_objective", "test.evil_objective", "detached"),
               ContainsSubstring("determinism"));
    CHECK_THAT(spoiled("evil_objective", "test.evil_arrays", "writes input"),
               !ContainsSubstring("determinism"));
    CHECK_THAT(spoiled("evil_objective", "test.evil_arrays", "infinite gradient"),
               ContainsSubstring("gradient by 'score'"));
    CHECK_THAT(spoiled("evil_others", "test.evil_optimizer", "nan"),
               ContainsSubstring("not finite"));
    CHECK_THAT(spoiled("evil_others", "test.evil_optimizer", "hidden state"),
               ContainsSubstring("state round trip"));
    CHECK_THAT(spoiled("evil_others", "test.stateful", "forgets"),
               ContainsSubstring("state round trip"));
    CHECK_THAT(spoiled("evil_others", "test.evil_reward", "nan"),
               ContainsSubstring("determinism: ") && ContainsSubstring("has the reward nan"));
    CHECK_THAT(spoiled("evil_others", "test.evil_reward", "silent"),
               ContainsSubstring("has the reward nan"));
    CHECK_THAT(spoiled("evil_others", "test.evil_reward", "depends on history"),
               ContainsSubstring("determinism: "));
    CHECK_THAT(spoiled("evil_others", "test.evil_reward", "depends on batch"),
               !ContainsSubstring("determinism") && ContainsSubstring("batch independence: "));
    CHECK_THAT(spoiled("evil_others", "test.types", "lies"),
               ContainsSubstring("does not hold when checked"));
    CHECK_THAT(spoiled("evil_others", "test.types", "never solves"),
               ContainsSubstring("none of the demands was solved"));
    CHECK_THAT(spoiled("evil_others", "test.types", "speechless"), ContainsSubstring("no wording"));
    CHECK_THAT(spoiled("evil_others", "test.types", "verdict"),
               ContainsSubstring("neither 1, 0 nor -1"));
}

TEST_CASE("a gradient that is not the loss's derivative is found", "[runtime][conformance]") {
    // test.evil_arrays with loss = score has derivative 1; weights are drawn from [0.2, 1], which
    // it ignores.
    const auto results = check_plugin(plugin(library("evil_objective"), "test.evil_arrays"));
    CHECK_THAT(failures(results),
               ContainsSubstring("value_and_grad: gradient: differs from central differences"));
}
