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

json family(const std::string& type, const std::string& stem) {
    json config = llama();
    config["model_type"] = type;
    config["architectures"] = {stem + "ForCausalLM"};
    config["num_key_value_heads"] = 2;
    return config;
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
    CHECK(config.rope.theta == 10000.0);
    CHECK_FALSE(config.rope.llama3);
    CHECK(config.windows == std::vector<int64_t>{0, 0});
    CHECK(config.initializer_range == 0.02);
    CHECK_FALSE(config.tied);
    CHECK_FALSE(config.qkv_bias);
    CHECK(config.end_ids == std::set<int64_t>{2, 5});
    CHECK_FALSE(config.classification);
    json qwen = llama();
    qwen["model_type"] = "qwen2";
    qwen["architectures"] = {"Qwen2ForSequenceClassification"};
    qwen["id2label"] = {{"0", "LABEL_0"}};
    qwen["num_attention_heads"] = 64;
    qwen["hidden_size"] = 128;
    CHECK(parse(qwen).kv_heads == 32);
    qwen["num_key_value_heads"] = nullptr;
    CHECK(parse(qwen).kv_heads == 64);
    CHECK(parse(qwen).qkv_bias);
    CHECK_FALSE(parse(qwen).output_bias);
    CHECK(parse(qwen).classification);
    CHECK(parse(qwen).labels == 1);
    qwen["model_type"] = "qwen3";
    qwen["architectures"] = {"Qwen3Model"};
    CHECK(parse(qwen).head_dim == 128);
    CHECK(parse(qwen).qk_norm);
    CHECK_FALSE(parse(qwen).qkv_bias);
    json mistral = family("mistral", "Mistral");
    CHECK(parse(mistral).windows == std::vector<int64_t>{4096, 4096});
    mistral.erase("num_key_value_heads");
    mistral["num_attention_heads"] = 16;
    CHECK(parse(mistral).kv_heads == 8);
}

TEST_CASE("windows are read layer by layer") {
    json mistral = family("mistral", "Mistral");
    mistral["sliding_window"] = nullptr;
    CHECK(parse(mistral).windows == std::vector<int64_t>{0, 0});
    mistral["sliding_window"] = 7;
    CHECK(parse(mistral).windows == std::vector<int64_t>{7, 7});
    for (const std::string number : {"2", "3"}) {
        json qwen = family("qwen" + number, "Qwen" + number);
        qwen["sliding_window"] = 9;
        CHECK(parse(qwen).windows == std::vector<int64_t>{0, 0});
        qwen["use_sliding_window"] = true;
        CHECK(parse(qwen).windows == std::vector<int64_t>{0, 0});  // max_window_layers is 28
        qwen["max_window_layers"] = 1;
        CHECK(parse(qwen).windows == std::vector<int64_t>{0, 9});
        qwen["layer_types"] = {"sliding_attention", "full_attention"};
        CHECK(parse(qwen).windows == std::vector<int64_t>{9, 0});
        qwen["sliding_window"] = nullptr;
        qwen.erase("layer_types");
        CHECK(parse(qwen).windows == std::vector<int64_t>{0, 0});
    }
}

TEST_CASE("both spellings of the rotation are read") {
    json old = llama(), fresh = llama();
    old["rope_theta"] = 5e5;
    old["rope_scaling"] = nullptr;
    fresh["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5e5}};
    CHECK(parse(old).rope.theta == 5e5);
    CHECK(parse(fresh).rope.theta == 5e5);
    const json scaling = {{"type", "llama3"},
                          {"factor", 32.0},
                          {"low_freq_factor", 1.5},
                          {"high_freq_factor", 4.5},
                          {"original_max_position_embeddings", 4000}};
    old["rope_scaling"] = fresh["rope_parameters"] = scaling;
    fresh["rope_parameters"]["rope_theta"] = 5e5;
    for (const json& config : {old, fresh}) {
        const Rope rope = parse(config).rope;
        CHECK(rope.llama3);
        CHECK(rope.theta == 5e5);
        CHECK(rope.factor == 32.0);
        CHECK(rope.low == 1.5);
        CHECK(rope.high == 4.5);
        CHECK(rope.original == 4000);
    }
    old["rope_scaling"].erase("original_max_position_embeddings");
    old["max_position_embeddings"] = 300;
    CHECK(parse(old).rope.original == 300);
}

TEST_CASE("what would change results is refused by name") {
    const auto refused = [](const std::string& key, const json& value) {
        CHECK_THAT(refusal(llama(), key, value), Catch::Matchers::ContainsSubstring(key));
    };
    refused("rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}});
    const auto llama3 = [](const std::string& key, const json& value) {
        json rope = {{"rope_type", "llama3"},
                     {"factor", 8.0},
                     {"low_freq_factor", 1.0},
                     {"high_freq_factor", 4.0}};
        rope[key] = value;
        CHECK_THAT(refusal(llama(), "rope_scaling", rope),
                   Catch::Matchers::ContainsSubstring("rope_scaling." + key));
    };
    llama3("factor", nullptr);
    llama3("factor", 0.5);
    llama3("high_freq_factor", 1.0);
    llama3("low_freq_factor", "1");
    llama3("original_max_position_embeddings", 0);
    llama3("attention_factor", 2.0);
    llama3("partial_rotary_factor", 0.5);
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
    refused("sliding_window", 5);
    refused("layer_types", {"full_attention", "sliding_attention"});
    json qwen = family("qwen2", "Qwen2");
    CHECK(refusal(qwen, "use_sliding_window", false) == "accepted");
    const auto qwen_refused = [&](const std::string& key, const json& value) {
        CHECK_THAT(refusal(qwen, key, value), Catch::Matchers::ContainsSubstring(key));
    };
    qwen_refused("use_mrope", true);
    qwen_refused("layer_types", {"full_attention", "sliding_attention"});  // no window in use
    qwen["use_sliding_window"] = true;
    qwen_refused("layer_types", {"full_attention"});
    qwen_refused("layer_types", {"full_attention", "chunked_attention"});
    qwen_refused("layer_types", "full_attention");
    qwen_refused("sliding_window", 0);
    qwen_refused("max_window_layers", -1);
    qwen_refused("num_key_value_heads", 3);
    qwen.erase("num_key_value_heads");
    qwen_refused("num_attention_heads", 4);  // 32 key heads where the file is silent
    CHECK_THAT(refusal(family("qwen3", "Qwen3"), "mlp_bias", true),
               Catch::Matchers::ContainsSubstring("mlp_bias"));
    const json mistral = family("mistral", "Mistral");
    CHECK_THAT(refusal(mistral, "sliding_window", 0),
               Catch::Matchers::ContainsSubstring("sliding_window"));
    CHECK_THAT(refusal(mistral, "layer_types", {"full_attention", "full_attention"}),
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
