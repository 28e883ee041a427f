// The forest against the same sequences run alone: scores, log-probabilities and all parameter
// gradients for random tries (depth 1 to 5, 1 to 12 candidates); accumulation over micro-batches;
// the same bytes twice.
#include "support.hpp"

#include <ATen/Parallel.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <random>

using namespace samara::host;
using namespace samara::test;

namespace {

/// Candidates grown from each other's prefixes: tries of depth 1 to 5 once the pool has been
/// extended that often.
Group random_group(std::mt19937_64& random, int64_t count) {
    const auto draw = [&](int64_t low, int64_t high) {
        return std::uniform_int_distribution<int64_t>(low, high)(random);
    };
    std::vector<std::pair<Ids, int>> pool{{{}, 0}};  // sequence and depth
    Group group;
    group.record_id = "random";
    for (int64_t c = 0; c < count; ++c) {
        auto [ids, depth] = pool[draw(0, static_cast<int64_t>(pool.size()) - 1)];
        if (depth == 5)
            ids.resize(ids.size() / 2);
        for (int64_t n = draw(2, 40); n > 0; --n)
            ids.push_back(draw(3, 96));
        if (c == 0)  // longer than a block of query rows
            for (int64_t n = 150; n > 0; --n)
                ids.push_back(draw(3, 96));
        pool.emplace_back(ids, std::min(depth + 1, 5));
        const int64_t cut = draw(1, static_cast<int64_t>(ids.size()) - 1);
        Candidate candidate;
        candidate.prompt_ids.assign(ids.begin(), ids.begin() + cut);
        candidate.response_ids.assign(ids.begin() + cut, ids.end());
        group.candidates.push_back(candidate);
    }
    if (count > 2)
        group.candidates.back() = group.candidates.front();  // a duplicate
    return group;
}

at::Tensor coefficients(int64_t n, const at::Tensor& like) {
    return at::sin(at::arange(1, n + 1, like.options()) * 1.7);
}

at::Tensor result(const Scored& scored, bool reward) {
    return reward ? scored.score : scored.logp;
}

Wanted wanted(bool reward) {
    return {.score = reward, .logp = !reward};
}

/// max over parameters of max|a - b| / max|b|.
double worst(const std::map<std::string, at::Tensor>& a,
             const std::map<std::string, at::Tensor>& b) {
    double most = 0;
    for (const auto& [name, grad] : a)
        most = std::max(most, relative(grad, b.at(name)));
    return most;
}

}  // namespace

TEST_CASE("a forest equals its sequences run one by one") {
    const bool reward = GENERATE(false, true);
    const std::string dtype = GENERATE("float64", "float32");
    const std::string name = reward ? "qwen2_reward" : GENERATE("llama_biases", "llama_tied_gqa");
    const Route route = dtype == "float32" ? GENERATE(Route::plain, Route::fused) : Route::plain;
    const double tolerance = dtype == "float64" ? 1e-10 : 1e-5;
    DecoderModel model(request_for(case_folder(name), reward, dtype), route);
    std::mt19937_64 random(11);
    for (int64_t count = 1; count <= 12; ++count) {
        const Group group = random_group(random, count);
        const Scored together = score(model, group, wanted(reward));
        const at::Tensor values = result(together, reward);
        const at::Tensor weight = coefficients(count, values.detach());
        zero_grads(model);
        (values * weight).sum().backward();
        const auto forest_grads = grads_of(model);
        zero_grads(model);
        std::vector<at::Tensor> alone;
        for (int64_t n = 0; n < count; ++n) {
            Group one;
            one.candidates.push_back(group.candidates[n]);
            const at::Tensor value = result(score(model, one, wanted(reward)), reward);
            (value * weight.narrow(0, n, 1)).sum().backward();
            alone.push_back(value.detach());
        }
        INFO(name << " " << dtype << " of " << count << " candidates");
        CHECK(relative(values.detach(), at::cat(alone)) < tolerance);
        CHECK(worst(forest_grads, grads_of(model)) < tolerance);
        CHECK(together.tree_tokens == model.tree_tokens(group));
    }
}

TEST_CASE("sixteen groups in one forest give the gradients of sixteen forests") {
    const bool reward = GENERATE(false, true);
    DecoderModel model(request_for(case_folder(reward ? "llama_reward" : "llama_untied"), reward),
                       Route::fused);
    std::mt19937_64 random(5);
    std::vector<Group> groups;
    for (int i = 0; i < 16; ++i)
        groups.push_back(random_group(random, 4));
    std::vector<const Group*> pointers;
    for (const auto& group : groups)
        pointers.push_back(&group);
    const auto loss = [&](const Scored& scored) {
        const at::Tensor pairs = result(scored, reward).view({-1, 4});
        return -at::log_sigmoid(0.1 * (pairs.select(1, 0) - pairs.select(1, 1))).sum() / 16.0;
    };
    loss(model.forward(pointers, wanted(reward))).backward();
    const auto once = grads_of(model);
    zero_grads(model);
    for (const auto* group : pointers)
        loss(model.forward(std::span(&group, 1), wanted(reward))).backward();
    CHECK(worst(once, grads_of(model)) < 1e-6);
}

TEST_CASE("the same forward gives the same bytes, with gradients or without") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    std::mt19937_64 random(3);
    const Group group = random_group(random, 8);
    const auto once = [&] {
        zero_grads(model);
        const Scored scored = score(model, group, wanted(false));
        scored.logp.sum().backward();
        return std::pair(scored.logp.detach(), grads_of(model));
    };
    const auto [logps, grads] = once();
    const auto [again, grads_again] = once();
    CHECK(at::equal(logps, again));
    for (const auto& [name, grad] : grads)
        CHECK(at::equal(grad, grads_again.at(name)));
    const at::NoGradGuard no_grad;
    const Scored quiet = score(model, group, wanted(false));
    CHECK_FALSE(quiet.logp.requires_grad());
    CHECK(at::equal(quiet.logp, logps));
}

TEST_CASE("gradients survive a reset and a replacement between two backwards") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    std::mt19937_64 random(3);
    const Group group = random_group(random, 3);
    const auto step = [&] { score(model, group, wanted(false)).logp.sum().backward(); };
    step();
    const auto once = grads_of(model);
    for (auto& parameter : model.parameters())
        parameter.value.mutable_grad().reset();
    step();
    for (const auto& [name, grad] : grads_of(model))
        CHECK(at::equal(grad, once.at(name)));
    for (auto& parameter : model.parameters())  // as a checkpoint's restore might
        parameter.value.mutable_grad() = once.at(parameter.name).clone();
    step();
    for (const auto& [name, grad] : grads_of(model))
        CHECK(relative(grad, once.at(name) * 2) < 1e-6);
}

TEST_CASE("an optimizer step on a leaf is seen by the next forward") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    std::mt19937_64 random(3);
    const Group group = random_group(random, 2);
    const at::Tensor before = score(model, group, wanted(false)).logp.detach();
    for (auto& parameter : model.parameters()) {
        if (parameter.name != "model.layers.1.self_attn.k_proj.weight")
            continue;
        const at::NoGradGuard no_grad;
        parameter.value.mul_(1.5);
    }
    CHECK(relative(score(model, group, wanted(false)).logp.detach(), before) > 1e-3);
}

TEST_CASE("what a model cannot score is refused") {
    const auto code_of = [](auto&& work) {
        try {
            work();
        } catch (const Error& error) {
            return error.code();
        }
        return Code::internal;
    };
    DecoderModel lm(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    DecoderModel reward(request_for(case_folder("llama_reward"), true), Route::fused);
    const Group good = group_of(nlohmann::json::parse(R"([{"prompt": [5], "response": [6]}])"));
    const Group outside = group_of(nlohmann::json::parse(R"([{"prompt": [5], "response": [97]}])"));
    const Group bare = group_of(nlohmann::json::parse(R"([{"prompt": [], "response": [6, 7]}])"));
    CHECK(code_of([&] { score(lm, good, {.score = true}); }) == Code::config);
    CHECK(code_of([&] { score(reward, good, {.logp = true}); }) == Code::config);
    CHECK(code_of([&] { score(lm, outside, {.logp = true}); }) == Code::data);
    CHECK(code_of([&] { score(lm, bare, {.logp = true}); }) == Code::data);
    CHECK(score(reward, bare, {.score = true}).score.numel() == 1);
    CHECK(code_of([&] { open_model(request_for(case_folder("llama_reward"), false)); }) ==
          Code::config);
    auto request = request_for(case_folder("llama_base"), false, "float16");
    CHECK(code_of([&] { open_model(request); }) == Code::config);
}
