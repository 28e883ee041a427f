// The decoder against transformers: hidden states, logits, log-probabilities, scores and every
// parameter's gradient, on small random checkpoints of odd shapes.  docs/design.md, section 8,
// point 1: below 1e-5 relative in float32.
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace samara::host;
using namespace samara::test;

namespace {

constexpr double kTolerance = 1e-5;

Route any_route() {
    return GENERATE(Route::plain, Route::fused);
}

/// Hidden states after the final norm of one candidate run alone: [prompt + response, H].
at::Tensor hidden_of(DecoderModel& model, const Candidate& candidate) {
    const at::NoGradGuard no_grad;
    Group alone;
    alone.candidates.push_back(candidate);
    const Group* one[] = {&alone};
    const Forest forest = build_forest(one);
    const ForestTensors tensors = make_tensors(forest, model.weights());
    return final_norm(model.weights(), decode(model.weights(), forest, tensors, model.route()));
}

at::Tensor weigh(const at::Tensor& values, const nlohmann::json& coefficients) {
    return (values * at::tensor(coefficients.get<std::vector<double>>(), values.options())).sum();
}

/// The reference's score or summed log-probability of every candidate, [N].
at::Tensor values(std::map<std::string, at::Tensor>& expected, const Group& group) {
    std::vector<at::Tensor> all;
    for (size_t n = 0; n < group.candidates.size(); ++n)
        all.push_back(expected["value." + std::to_string(n)]);
    return at::stack(all);
}

void check_grads(DecoderModel& model, std::map<std::string, at::Tensor>& expected) {
    const auto grads = grads_of(model);
    size_t checked = 0;
    for (const auto& [name, grad] : grads) {
        INFO(name);
        REQUIRE(expected.count("grad." + name) == 1);
        CHECK(relative(grad, expected["grad." + name]) < kTolerance);
        ++checked;
    }
    const auto in_reference = std::count_if(expected.begin(), expected.end(), [](const auto& item) {
        return item.first.starts_with("grad.");
    });
    CHECK(checked == static_cast<size_t>(in_reference));
}

}  // namespace

TEST_CASE(
    "a language model equals transformers in hidden states, logits, log-probabilities and "
    "gradients") {
    const std::string name = GENERATE("llama_tied_gqa",
                                      "llama_untied",
                                      "llama_biases",
                                      "llama_head_dim",
                                      "llama_spelling_4",
                                      "qwen2_tied",
                                      "qwen2_untied",
                                      "llama_rope3",
                                      "llama_rope3_spelling_4",
                                      "mistral_window",
                                      "mistral_no_window",
                                      "qwen2_windows",
                                      "qwen3_tied",
                                      "qwen3_biases",
                                      "qwen3_windows",
                                      "llama_bf16",
                                      "llama_f16");
    const Route route = any_route();
    INFO(name << (route == Route::fused ? " fused" : " plain"));
    const std::string folder = case_folder(name);
    auto expected = read_tensors(folder + "/reference.safetensors");
    const auto about = read_case(folder);
    const Group group = group_of(about["candidates"]);
    DecoderModel model(request_for(folder, false), route);

    for (size_t n = 0; n < group.candidates.size(); ++n) {
        const std::string at = "." + std::to_string(n);
        const at::Tensor hidden = hidden_of(model, group.candidates[n]);
        CHECK(relative(hidden, expected["hidden" + at]) < kTolerance);
        const at::Tensor logits = at::mm(hidden, model.weights().logits_head().value().t());
        CHECK(relative(logits, expected["logits" + at]) < kTolerance);
    }
    // One token alone: its row of the projections is contiguous as it stands.
    Candidate single;
    single.response_ids = {group.candidates[0].prompt_ids[0]};
    CHECK(relative(hidden_of(model, single), expected["hidden.0"].narrow(0, 0, 1)) < kTolerance);
    const Scored scored = score(model, group, {.logp = true});
    CHECK(relative(scored.logp.detach(), values(expected, group)) < kTolerance);
    int64_t token = 0;
    for (size_t n = 0; n < group.candidates.size(); ++n) {
        const at::Tensor tokens = expected["tok_logp." + std::to_string(n)];
        CHECK(relative(scored.tok_logp.detach().narrow(0, token, tokens.numel()), tokens) <
              kTolerance);
        CHECK(scored.length[n].item<int64_t>() == tokens.numel());
        token += tokens.numel();
    }
    CHECK(scored.tok_logp.numel() == token);
    weigh(scored.logp, about["coefficients"]).backward();
    check_grads(model, expected);
}

TEST_CASE("a sequence classifier equals transformers in scores and gradients") {
    const std::string name =
        GENERATE("llama_reward", "qwen2_reward", "mistral_reward", "qwen3_reward");
    const Route route = any_route();
    INFO(name << (route == Route::fused ? " fused" : " plain"));
    const std::string folder = case_folder(name);
    auto expected = read_tensors(folder + "/reference.safetensors");
    const auto about = read_case(folder);
    const Group group = group_of(about["candidates"]);
    CHECK(has_score_head(folder));
    DecoderModel model(request_for(folder, true), route);
    CHECK(model.facts()["head"] == "loaded");
    const Scored scored = score(model, group, {.score = true});
    CHECK_FALSE(scored.logp.defined());
    CHECK(relative(scored.score.detach(), values(expected, group)) < kTolerance);
    weigh(scored.score, about["coefficients"]).backward();
    check_grads(model, expected);
}

TEST_CASE(
    "a folder saved without a head and without a prefix opens as a reward model with a new head") {
    const Route route = any_route();
    const std::string folder = case_folder("llama_base");
    auto expected = read_tensors(folder + "/reference.safetensors");
    const Group group = group_of(read_case(folder)["candidates"]);
    CHECK_FALSE(has_score_head(folder));
    DecoderModel model(request_for(folder, true), route);
    CHECK(model.facts()["head"] == "new");
    for (size_t n = 0; n < group.candidates.size(); ++n)
        CHECK(relative(hidden_of(model, group.candidates[n]),
                       expected["hidden." + std::to_string(n)]) < kTolerance);
}
