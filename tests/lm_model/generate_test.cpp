// Text generation against the forward pass, against transformers' warpers, and against itself: a
// sample must not depend on what is generated beside it.
#include "lm/model/generate.hpp"

#include "lm/model/kernels_decode.hpp"
#include "lm/model/sample.hpp"
#include "support.hpp"

#include <ATen/Parallel.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <random>
#include <set>

using namespace samara::host;
using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int64_t kVocabulary = 97;

/// Prompts of 1 to 150 tokens: below, at and above a block of keys and a chunk of a prefill.
std::vector<Prompt> some_prompts() {
    std::mt19937_64 random(5);
    std::vector<Prompt> prompts;
    for (const int64_t size : {5, 16, 1, 64, 17, 150, 65}) {
        Prompt prompt;
        for (int64_t i = 0; i < size; ++i)
            prompt.ids.push_back(static_cast<int64_t>(random() % (kVocabulary - 3)) + 3);
        prompt.stream = 100 + prompts.size();
        prompts.push_back(prompt);
    }
    return prompts;
}

Sampling sampled(int64_t tokens = 40) {
    Sampling sampling;
    sampling.max_new_tokens = tokens;
    sampling.seed = 11;
    return sampling;
}

Sampling greedy(int64_t tokens = 40) {
    Sampling sampling = sampled(tokens);
    sampling.temperature = 0;
    return sampling;
}

bool same(const Sampled& a, const Sampled& b) {
    return a.ids == b.ids && a.logp == b.logp && a.stopped == b.stopped;
}

/// Log-probabilities of the sampled ids in a forward over prompt and response.
std::vector<double> forced(DecoderModel& model, const Prompt& prompt, const Sampled& sample) {
    const at::NoGradGuard no_grad;
    Group group;
    group.candidates.emplace_back();
    group.candidates[0].prompt_ids = prompt.ids;
    group.candidates[0].response_ids = sample.ids;
    const at::Tensor logp = score(model, group, {.logp = true}).tok_logp.to(at::kDouble);
    return {logp.const_data_ptr<double>(), logp.const_data_ptr<double>() + logp.numel()};
}

std::string refusal(DecoderModel& model, const Prompt& prompt, const Sampling& sampling) {
    try {
        static_cast<void>(model.generate({&prompt, 1}, sampling, {}));
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("log-probabilities of sampled tokens equal those of a forward over the same candidate") {
    const std::string name = GENERATE("llama_tied_gqa",
                                      "llama_untied",
                                      "llama_biases",
                                      "llama_head_dim",
                                      "qwen2_tied",
                                      "qwen2_untied",
                                      "llama_rope3",
                                      "mistral_window",
                                      "qwen2_windows",
                                      "qwen3_tied",
                                      "qwen3_biases",
                                      "qwen3_windows");
    const std::string dtype = GENERATE("float32", "float64");
    const Route route = GENERATE(Route::plain, Route::fused);
    if (dtype == "float64" && route == Route::fused)
        return;
    INFO(name << " " << dtype << (route == Route::fused ? " fused" : " plain"));
    DecoderModel model(request_for(case_folder(name), false, dtype), route);
    const auto prompts = some_prompts();
    const Generated all = model.generate(prompts, sampled(), {});
    REQUIRE(all.samples.size() == prompts.size());
    std::set<int64_t> seen;
    for (size_t i = 0; i < prompts.size(); ++i) {
        REQUIRE(all.samples[i].ids.size() == 40);
        seen.insert(all.samples[i].ids.begin(), all.samples[i].ids.end());
        const auto expected = forced(model, prompts[i], all.samples[i]);
        for (size_t t = 0; t < expected.size(); ++t) {
            INFO("prompt " << i << " token " << t);
            CHECK(std::abs(all.samples[i].logp[t] - expected[t]) < 1e-5);
        }
    }
    CHECK(seen.size() > 30);  // or nothing was drawn
}

TEST_CASE("both routes draw the same tokens") {
    const std::string folder = case_folder("llama_tied_gqa");
    DecoderModel fused(request_for(folder, false), Route::fused);
    DecoderModel plain(request_for(folder, false, "float64"), Route::plain);
    const auto prompts = some_prompts();
    for (const Sampling& sampling : {sampled(20), greedy(20)}) {
        const auto a = fused.generate(prompts, sampling, {}),
                   b = plain.generate(prompts, sampling, {});
        for (size_t i = 0; i < prompts.size(); ++i)
            CHECK(a.samples[i].ids == b.samples[i].ids);
    }
}

TEST_CASE("a sample is the same byte for byte, whatever is generated beside it") {
    const std::string name = GENERATE(
        "llama_tied_gqa", "llama_head_dim", "qwen2_untied", "mistral_window", "qwen3_windows");
    INFO(name);
    DecoderModel model(request_for(case_folder(name), false), Route::fused);
    const auto prompts = some_prompts();
    Sampling sampling = sampled();
    sampling.samples = 3;
    const Generated all = model.generate(prompts, sampling, {});
    const auto check_all = [&](const Generated& other) {
        for (size_t i = 0; i < all.samples.size(); ++i)
            CHECK(same(other.samples[i], all.samples[i]));
    };
    SECTION("alone") {
        for (size_t i = 0; i < prompts.size(); ++i) {
            const Generated one = model.generate({&prompts[i], 1}, sampling, {});
            for (size_t k = 0; k < 3; ++k)
                CHECK(same(one.samples[k], all.samples[3 * i + k]));
        }
    }
    SECTION("in small batches, so that slots are used again") {
        for (const int64_t batch : {1, 2, 5}) {
            sampling.batch = batch;
            check_all(model.generate(prompts, sampling, {}));
        }
    }
    SECTION("under a small memory budget") {
        sampling.cache_bytes = 1;
        const Generated other = model.generate(prompts, sampling, {});
        CHECK(other.steps == static_cast<int64_t>(all.samples.size()) * 39);
        check_all(other);
    }
    SECTION("in another order") {
        const std::vector<Prompt> back(prompts.rbegin(), prompts.rend());
        const Generated other = model.generate(back, sampling, {});
        for (size_t i = 0; i < all.samples.size(); ++i)
            CHECK(same(other.samples[i], all.samples[3 * (prompts.size() - 1 - i / 3) + i % 3]));
    }
    SECTION("with two threads") {
        at::set_num_threads(2);
        const Generated other = model.generate(prompts, sampling, {});
        at::set_num_threads(1);
        check_all(other);
    }
    SECTION("and depends on seed and stream") {
        sampling.seed = 12;
        CHECK_FALSE(same(model.generate(prompts, sampling, {}).samples[0], all.samples[0]));
        sampling.seed = 11;
        auto moved = prompts;
        moved[0].stream = 1;
        CHECK_FALSE(same(model.generate(moved, sampling, {}).samples[0], all.samples[0]));
        CHECK_FALSE(same(all.samples[0], all.samples[1]));
    }
}

TEST_CASE("products of a row do not depend on the other rows, and are right") {
    at::manual_seed(3);
    for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{
             {40, 97}, {52, 3}, {64, 64}, {7, 9}, {576, 1601}}) {
        const at::Tensor x = at::randn({37, in}), w = at::randn({out, in}), bias = at::randn({out});
        const auto run = [&](int64_t first, int64_t n) {
            const at::Tensor y = at::empty({n, out});
            kernels::row_products(x.const_data_ptr<float>() + first * in,
                                  w.const_data_ptr<float>(),
                                  bias.const_data_ptr<float>(),
                                  y.mutable_data_ptr<float>(),
                                  n,
                                  in,
                                  out);
            return y;
        };
        const at::Tensor all = run(0, 37);
        const at::Tensor exact = at::mm(x.to(at::kDouble), w.to(at::kDouble).t()) + bias;
        CHECK(relative(all, exact) < 2e-6);
        for (const int64_t n : {1, 2, 3, 4, 5, 6, 7, 11})
            for (const int64_t first : {0, 1, 9, 26})
                CHECK(at::equal(run(first, n), all.narrow(0, first, n)));
        at::set_num_threads(2);
        const at::Tensor shared = run(0, 37);
        at::set_num_threads(1);
        CHECK(at::equal(shared, all));
    }
}

TEST_CASE("the samples of a prompt share its cache") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    const auto prompts = some_prompts();
    int64_t tokens = 0;
    for (const Prompt& prompt : prompts)
        tokens += static_cast<int64_t>(prompt.ids.size());
    for (const int64_t samples : {1, 4}) {
        for (const int64_t batch : {3, 32}) {
            Sampling sampling = sampled(5);
            sampling.samples = samples;
            sampling.batch = batch;
            CHECK(model.generate(prompts, sampling, {}).prompt_tokens == tokens);
        }
    }
    CHECK(model.generate(prompts, sampled(5), {}).steps == 4);  // the first token needs none
}

TEST_CASE("a response ends with a stop id, at the caller's word, or when it is full") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    const auto prompts = some_prompts();
    const Generated free = model.generate(prompts, sampled(), {});
    Sampling sampling = sampled();
    const Ids& first = free.samples[3].ids;
    const int64_t stop = first[7];
    sampling.stop_ids = {1000, stop};
    const Generated stopped = model.generate(prompts, sampling, {});
    for (size_t i = 0; i < prompts.size(); ++i) {
        const Ids& full = free.samples[i].ids;
        const auto at = std::find(full.begin(), full.end(), stop);
        CHECK(stopped.samples[i].stopped == (at != full.end()));
        CHECK(stopped.samples[i].ids == Ids(full.begin(), at == full.end() ? at : at + 1));
    }
    std::vector<size_t> told;
    const GenerateHooks hooks{.cancelled = {},
                              .ends = [](std::span<const int64_t> ids) { return ids.size() == 3; },
                              .done =
                                  [&](size_t i, const Sampled& s) {
                                      told.push_back(i);
                                      CHECK(s.ids.size() == 3);
                                      CHECK(s.stopped);
                                  }};
    static_cast<void>(model.generate(prompts, sampled(), hooks));
    CHECK(told == std::vector<size_t>{0, 1, 2, 3, 4, 5, 6});
    const Generated one = model.generate(prompts, sampled(1), {});
    for (size_t i = 0; i < prompts.size(); ++i) {
        CHECK(one.samples[i].ids == Ids{free.samples[i].ids[0]});
        CHECK_FALSE(one.samples[i].stopped);
    }
    CHECK(one.steps == 0);
}

TEST_CASE("a cancelled generation stops within a step") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    int asked = 0;
    const GenerateHooks hooks{.cancelled = [&] { return ++asked == 4; }, .ends = {}, .done = {}};
    const auto prompts = some_prompts();
    try {
        static_cast<void>(model.generate(prompts, sampled(), hooks));
        FAIL("was not stopped");
    } catch (const Error& error) {
        CHECK(error.code() == Code::preempted);
    }
    CHECK(asked == 4);
    asked = 5;  // never again: it is asked before every prompt and before every step
    const Generated all = model.generate(prompts, sampled(3), hooks);
    CHECK(asked - 5 >= static_cast<int>(prompts.size()) + all.steps);
}

TEST_CASE("what cannot be generated is refused before work") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    Prompt prompt{{5, 6, 7}, 0, ""};
    const auto with = [&](auto&& change) {
        Sampling sampling = sampled();
        change(sampling);
        return refusal(model, prompt, sampling);
    };
    CHECK_THAT(with([](Sampling& s) { s.top_p = 0; }), ContainsSubstring("top_p is 0"));
    CHECK_THAT(with([](Sampling& s) { s.top_p = 1.5; }), ContainsSubstring("(0, 1]"));
    CHECK_THAT(with([](Sampling& s) { s.top_p = NAN; }), ContainsSubstring("top_p"));
    CHECK_THAT(with([](Sampling& s) { s.top_k = -1; }), ContainsSubstring("top_k is -1"));
    CHECK_THAT(with([](Sampling& s) { s.temperature = -0.5; }), ContainsSubstring("temperature"));
    CHECK_THAT(with([](Sampling& s) { s.temperature = NAN; }), ContainsSubstring("temperature"));
    CHECK_THAT(with([](Sampling& s) { s.samples = 0; }), ContainsSubstring("samples"));
    CHECK_THAT(with([](Sampling& s) { s.batch = 0; }), ContainsSubstring("batch"));
    CHECK_THAT(with([](Sampling& s) { s.max_new_tokens = 0; }),
               ContainsSubstring("max_new_tokens"));
    CHECK_THAT(with([](Sampling& s) { s.max_new_tokens = 254; }),
               ContainsSubstring("max_position_embeddings = 256"));
    CHECK(with([](Sampling& s) { s.max_new_tokens = 253; }) == "no error");
    prompt.ids = {};
    CHECK_THAT(refusal(model, prompt, sampled()), ContainsSubstring("prompt 0 has no tokens"));
    prompt.ids = {5, kVocabulary};
    CHECK_THAT(refusal(model, prompt, sampled()), ContainsSubstring("vocabulary of 97"));
    DecoderModel reward(request_for(case_folder("llama_reward"), true), Route::fused);
    CHECK_THAT(refusal(reward, Prompt{{5}, 0, ""}, sampled()),
               ContainsSubstring("no language-model head"));
    CHECK(model.generate({}, sampled(), {}).samples.empty());
}
