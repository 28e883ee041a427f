// config.json: both spellings are read, and whatever would change results is refused by name.  Also
// the float32 probe.
#include "lm/model/config.hpp"

#include "lm/model/probe.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>

using namespace samara::host;
using nlohmann::json;

namespace {

json llama() {
    return json::parse(
        R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100,
        "eos_token_id": [2, 5], "bos_token_id": 1, "hidden_act": "silu", "torch_dtype": "bfloat16"})");
}

ModelConfig parse(const json& config) {
    return parse_model_config(config.dump(), "config.json");
}

std::string refusal(json config, const std::string& key, const json& value) {
    config[key] = value;
    try {
        parse(config);
    } catch (const Error& error) {
        CHECK(error.code() == Code::config);
        CHECK(error.problems().front().where == "config.json");
        return error.problems().front().what;
    }
    return "accepted";
}

}  // namespace

TEST_CASE("defaults are those of transformers") {
    const ModelConfig config = parse(llama());
    CHECK(config.kv_heads == 4);
    CHECK(config.head_dim == 16);
    CHECK(config.norm_eps == 1e-6);
    CHECK(config.rope_theta == 10000.0);
    CHECK(config.initializer_range == 0.02);
    CHECK_FALSE(config.tied);
    CHECK_FALSE(config.qkv_bias);
    CHECK(config.end_ids == std::set<int64_t>{2, 5});
    CHECK_FALSE(config.classification);
    json qwen = llama();
    qwen["model_type"] = "qwen2";
    qwen["architectures"] = {"Qwen2ForSequenceClassification"};
    qwen["id2label"] = {{"0", "LABEL_0"}};
    CHECK(parse(qwen).qkv_bias);
    CHECK_FALSE(parse(qwen).output_bias);
    CHECK(parse(qwen).classification);
    CHECK(parse(qwen).labels == 1);
}

TEST_CASE("both spellings of the rotation are read") {
    json old = llama(), fresh = llama();
    old["rope_theta"] = 5e5;
    old["rope_scaling"] = nullptr;
    fresh["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5e5}};
    CHECK(parse(old).rope_theta == 5e5);
    CHECK(parse(fresh).rope_theta == 5e5);
}

TEST_CASE("what would change results is refused by name") {
    const auto refused = [](const std::string& key, const json& value) {
        CHECK_THAT(refusal(llama(), key, value), Catch::Matchers::ContainsSubstring(key));
    };
    refused("rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}});
    refused("rope_scaling", {{"type", "linear"}, {"factor", 2.0}});
    refused("rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 1e4}});
    refused("hidden_act", "gelu");
    refused("partial_rotary_factor", 0.5);
    refused("quantization_config", {{"bits", 4}});
    refused("attention_dropout", 0.1);
    refused("pretraining_tp", 2);
    refused("rope_interleaved", true);
    refused("model_type", "mamba");
    refused("architectures", {"LlamaForTokenClassification"});
    refused("logit_scale", 0.5);  // a key nobody here knows
    refused("num_key_value_heads", 3);
    refused("num_attention_heads", 5);
    refused("head_dim", 15);
    refused("hidden_size", "64");
    refused("hidden_size", 0);
    refused("rms_norm_eps", -1);
    refused("vocab_size", nullptr);
    json qwen = llama();
    qwen["model_type"] = "qwen2";
    qwen["architectures"] = {"Qwen2ForCausalLM"};
    CHECK(refusal(qwen, "use_sliding_window", false) == "accepted");
    CHECK_THAT(refusal(qwen, "use_sliding_window", true),
               Catch::Matchers::ContainsSubstring("use_sliding_window"));
    CHECK_THAT(refusal(qwen, "layer_types", {"full_attention", "sliding_attention"}),
               Catch::Matchers::ContainsSubstring("layer_types"));
    CHECK_THROWS_AS(parse_model_config("{\"a\": 1, \"a\": 2}", "config.json"), Error);
    CHECK_THROWS_AS(parse_model_config("[]", "config.json"), Error);
    CHECK_THROWS_AS(parse_model_config("{", "config.json"), Error);
    CHECK_THROWS_AS(read_model_config("no/such/folder"), Error);
}

TEST_CASE("the probe measures both routes, stays accurate and leaves the process as it was") {
    const samara::test::TemporaryFolder folder;
    json config = llama();
    config["hidden_size"] = 256;
    config["intermediate_size"] = 512;
    std::ofstream(folder.path() + "/config.json") << config.dump();
    const Fp32Route before = current_fp32_route();
    const Fp32Probe probe = probe_fp32_route(folder.path());
    CHECK(current_fp32_route() == before);
    CHECK(probe.stock_gflops > 0);
    CHECK(probe.onednn_gflops > 0);
    CHECK(probe.stock_error > 0);
    CHECK(probe.stock_error < 5e-6);
    const bool better = probe.onednn_error < 5e-6 && probe.onednn_gflops > probe.stock_gflops;
    CHECK((probe.choice == Fp32Route::onednn) == better);
    for (const auto route : {Fp32Route::stock, Fp32Route::onednn}) {
        CHECK(parse_fp32_route(name_of(route)) == route);
        set_fp32_route(route);
        CHECK(current_fp32_route() == route);
    }
    set_fp32_route(before);
    CHECK_FALSE(parse_fp32_route("tensor cores").has_value());
}
