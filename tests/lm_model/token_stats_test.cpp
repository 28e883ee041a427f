// Log-probabilities of prompts, entropies and sums of squared probabilities: values from
// transformers' logits, gradients from the same sequences run alone without the forest's indices.
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace samara::host;
using namespace samara::test;

namespace {

constexpr Wanted kAll = {.logp = true, .prompt_logp = true, .token_stats = true};

struct Expected {
    at::Tensor prompt_logp;      ///< []
    at::Tensor entropy, log_p2;  ///< [response tokens]
};

/// From the logits [prompt + response, V] of one candidate alone.
Expected from_logits(const at::Tensor& logits, const Candidate& candidate) {
    const auto p = static_cast<int64_t>(candidate.prompt_ids.size()),
               r = static_cast<int64_t>(candidate.response_ids.size());
    const at::Tensor logp = at::log_softmax(logits, -1);
    const at::Tensor next = at::tensor(candidate.prompt_ids, at::kLong).narrow(0, 1, p - 1);
    const at::Tensor of_response = logp.narrow(0, p - 1, r), prob = of_response.exp();
    return {logp.narrow(0, 0, p - 1).gather(1, next.unsqueeze(1)).sum(),
            -(prob * of_response).sum(-1),
            prob.square().sum(-1).log().detach()};
}

at::Tensor logits_alone(DecoderModel& model, const Candidate& candidate) {
    Group alone;
    alone.candidates.push_back(candidate);
    const Group* one[] = {&alone};
    const Forest forest = build_forest(one);
    const at::Tensor hidden =
        decode(model.weights(), forest, make_tensors(forest, model.weights()), model.route());
    return at::mm(final_norm(model.weights(), hidden), model.weights().logits_head().part().t());
}

/// A loss in which every candidate's prompt and every token's entropy counts differently.
at::Tensor loss_of(const at::Tensor& prompt_logp, const at::Tensor& entropy) {
    const auto weigh = [](const at::Tensor& values) {
        return (at::sin(at::arange(1, values.numel() + 1, values.options()) * 1.7) * values).sum();
    };
    return weigh(prompt_logp) + weigh(entropy);
}

}  // namespace

TEST_CASE("prompts' log-probabilities and tokens' distributions equal transformers") {
    const std::string name = GENERATE("llama_tied_gqa", "llama_untied", "qwen2_untied");
    const Route route = GENERATE(Route::plain, Route::fused);
    INFO(name << (route == Route::fused ? " fused" : " plain"));
    const std::string folder = case_folder(name);
    auto expected = read_tensors(folder + "/reference.safetensors");
    const Group group = group_of(read_case(folder)["candidates"]);
    DecoderModel model(request_for(folder, false), route);
    const Scored scored = score(model, group, kAll);
    int64_t token = 0;
    for (size_t n = 0; n < group.candidates.size(); ++n) {
        const Expected one =
            from_logits(expected["logits." + std::to_string(n)], group.candidates[n]);
        const int64_t length = one.entropy.numel();
        CHECK(relative(scored.prompt_logp.detach()[static_cast<int64_t>(n)], one.prompt_logp) <
              1e-5);
        CHECK(relative(scored.tok_entropy.detach().narrow(0, token, length), one.entropy) < 1e-5);
        CHECK(relative(scored.tok_log_p2.narrow(0, token, length), one.log_p2) < 1e-5);
        token += length;
    }
    CHECK_FALSE(scored.tok_log_p2.requires_grad());
    // What was asked for changes nothing else, not even by a bit where the head's route is the
    // same.
    const Scored plain = score(model, group, {.logp = true});
    CHECK(relative(scored.logp.detach(), plain.logp.detach()) < 1e-6);
    CHECK_FALSE(plain.prompt_logp.defined());
    CHECK_FALSE(plain.tok_entropy.defined());
}

TEST_CASE("gradients of prompts' log-probabilities and entropies equal those of lone sequences") {
    const std::string folder = case_folder("llama_tied_gqa");
    const Group group = group_of(read_case(folder)["candidates"]);
    DecoderModel model(request_for(folder, false, "float64"), Route::plain);
    const Scored scored = score(model, group, kAll);
    loss_of(scored.prompt_logp, scored.tok_entropy).backward();
    const auto together = grads_of(model);
    zero_grads(model);
    std::vector<at::Tensor> prompts, entropies;
    for (const Candidate& candidate : group.candidates) {
        const Expected one = from_logits(logits_alone(model, candidate), candidate);
        prompts.push_back(one.prompt_logp);
        entropies.push_back(one.entropy);
    }
    loss_of(at::stack(prompts), at::cat(entropies)).backward();
    for (const auto& [name, grad] : grads_of(model)) {
        INFO(name);
        CHECK(relative(together.at(name), grad) < 1e-10);
    }
    CHECK(together.at("model.embed_tokens.weight").abs().max().item<double>() > 1e-3);
}

TEST_CASE("the fused route gives prompts' log-probabilities the gradients of the plain one") {
    const std::string folder = case_folder("llama_untied");
    const Group group = group_of(read_case(folder)["candidates"]);
    std::map<std::string, at::Tensor> grads[2];
    for (const Route route : {Route::plain, Route::fused}) {
        DecoderModel model(request_for(folder, false), route);
        const Scored scored = score(model, group, {.logp = true, .prompt_logp = true});
        loss_of(scored.prompt_logp, scored.tok_logp).backward();
        grads[route == Route::fused ? 1 : 0] = grads_of(model);
    }
    for (const auto& [name, grad] : grads[0]) {
        INFO(name);
        CHECK(relative(grads[1].at(name), grad) < 1e-5);
    }
}
