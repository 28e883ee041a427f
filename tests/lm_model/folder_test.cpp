// Saved folders: transformers opens them and gives the same scores, in padded batches too; a second
// save writes the same bytes; the new head depends on the seed alone; the pad token never ends a
// response.
#include "support.hpp"

#include <ATen/Parallel.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

using namespace samara::host;
using namespace samara::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

/// Scores by transformers of a saved folder, the candidates of `group` in one padded batch.
at::Tensor reopened(const std::string& folder, const Group& group) {
    const TemporaryFolder work;
    json rows = json::array();
    for (const auto& candidate : group.candidates) {
        Ids ids = candidate.prompt_ids;
        ids.insert(ids.end(), candidate.response_ids.begin(), candidate.response_ids.end());
        rows.push_back(ids);
    }
    write(work.path() + "/rows.json", rows.dump());
    run_oracle({"open", folder, work.path() + "/rows.json", work.path() + "/scores.safetensors"});
    return read_tensors(work.path() + "/scores.safetensors")["scores"];
}

/// A copy of a case with tokenizer files: <end> 2 ends turns and pads, <unk> 0 is part of a turn,
/// <x> 3 of nothing.
void add_tokenizer(const std::string& folder) {
    write(folder + "/tokenizer.json", R"({"model": {"vocab": {"a": 4}}, "added_tokens": [
        {"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<start>", "special": true},
        {"id": 2, "content": "<end>", "special": true}, {"id": 3, "content": "<x>", "special": true}]})");
    write(folder + "/tokenizer_config.json",
          R"({"eos_token": "<end>", "pad_token": "<end>", "unk_token": "<unk>",
        "bos_token": "<start>", "chat_template": "<start>{{ x }}<unk><end>"})");
    write(folder + "/special_tokens_map.json", R"({"pad_token": {"content": "<end>"}})");
}

std::unique_ptr<LanguageModel> open_changed(const std::string& folder) {
    auto model = open_model(request_for(folder, true));
    const at::NoGradGuard no_grad;
    for (auto& parameter : model->parameters())
        parameter.value.mul_(1.01);
    return model;
}

}  // namespace

TEST_CASE("a saved reward model gives transformers the same scores in a padded batch") {
    const std::string name = GENERATE("llama_reward",
                                      "qwen2_reward",
                                      "mistral_reward",
                                      "qwen3_reward",
                                      "llama_base",
                                      "llama_spelling_4",
                                      "qwen2_untied",
                                      "llama_rope3",
                                      "llama_rope3_spelling_4",
                                      "qwen2_windows",
                                      "qwen3_windows",
                                      "mistral_no_window");
    INFO(name);
    const TemporaryFolder saved;
    const auto model = open_changed(case_folder(name));
    model->save(saved.path());
    const Group group = group_of(read_case(case_folder(name))["candidates"]);
    const Group* one[] = {&group};
    const at::NoGradGuard no_grad;
    const at::Tensor ours = model->forward(one, {.score = true}).score;
    CHECK((reopened(saved.path(), group) - ours).abs().max().item<double>() < 1e-4);

    const auto fields = json::parse(run_oracle({"fields", saved.path()}));
    std::string stem = name.substr(0, name.find('_'));
    stem[0] = static_cast<char>(std::toupper(stem[0]));
    CHECK(fields["architectures"] == json::array({stem + "ForSequenceClassification"}));
    CHECK(fields["labels"] == 1);
    CHECK(fields["dtype"] == "torch.float32");
    CHECK(fields["pad"] != 2);  // the end-of-sequence id
    if (name == "llama_spelling_4")
        CHECK(fields["theta"] == 700.0);
    struct stat info {};
    REQUIRE(::stat((saved.path() + "/model.safetensors").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0644);

    const auto again = open_model(request_for(saved.path(), true));
    CHECK(again->facts()["head"] == "loaded");
    CHECK(at::equal(again->forward(one, {.score = true}).score, ours));
    const TemporaryFolder twice;
    again->save(twice.path());
    for (const char* file : {"/config.json", "/model.safetensors"})
        CHECK(text_of(saved.path() + file) == text_of(twice.path() + file));
}

TEST_CASE("the pad token of a saved reward model ends no response, in the tokenizer's files too") {
    const TemporaryFolder source, saved;
    for (const char* file : {"config.json", "model.safetensors"})
        fs::copy(case_folder("llama_base") + "/" + file, source.path() + "/" + file);
    add_tokenizer(source.path());
    open_model(request_for(source.path(), true))->save(saved.path());
    // <end> ends responses, <start> and <unk> are part of the chat format; <x> is the first that is
    // neither.
    CHECK(json::parse(text_of(saved.path() + "/config.json"))["pad_token_id"] == 3);
    CHECK(json::parse(text_of(saved.path() + "/tokenizer_config.json"))["pad_token"] == "<x>");
    CHECK(json::parse(text_of(saved.path() + "/special_tokens_map.json"))["pad_token"] == "<x>");
    CHECK(text_of(saved.path() + "/tokenizer.json") == text_of(source.path() + "/tokenizer.json"));
    // A language model keeps its files as they are.
    const TemporaryFolder policy;
    auto request = request_for(case_folder("llama_untied"), false);
    open_model(request)->save(policy.path());
    const auto config = json::parse(text_of(policy.path() + "/config.json"));
    CHECK(config["architectures"] == json::array({"LlamaForCausalLM"}));
    CHECK(config["pad_token_id"].is_null());
    CHECK(open_model(request_for(policy.path(), false))->parameters().size() ==
          open_model(request)->parameters().size());
}

TEST_CASE("a new head is drawn from the seed alone, with the spread the config names") {
    const auto head = [](uint64_t seed, int threads) {
        const int before = at::get_num_threads();
        at::set_num_threads(threads);
        auto request = request_for(case_folder("qwen2_untied"), true);
        request.seed = seed;
        const auto model = open_model(request);
        at::set_num_threads(before);
        CHECK(model->facts()["head_seed"] == std::to_string(seed));
        return model->parameters().back().value.detach().clone();
    };
    const at::Tensor one = head(1, 1);
    CHECK(at::equal(one, head(1, 2)));
    CHECK_FALSE(at::equal(one, head(2, 1)));
    // 20 heads of 72 values: mean within 5 standard errors of 0, spread within 5 % of
    // initializer_range = 0.15.
    std::vector<at::Tensor> many;
    for (uint64_t seed = 0; seed < 20; ++seed)
        many.push_back(head(seed, 1).view({-1}));
    const at::Tensor all = at::cat(many).to(at::kDouble);
    CHECK(std::abs(all.mean().item<double>()) < 5 * 0.15 / std::sqrt(1440.0));
    CHECK(std::abs(all.std().item<double>() / 0.15 - 1) < 0.05);
    // First values of seed 1, from an independent computation in Python integers (splitmix64 of the
    // counter).
    const auto drawn = json::parse(run_oracle({"head", "1", "3", "0.15"}));
    for (int i = 0; i < 3; ++i)
        CHECK(one[0][i].item<float>() == drawn[i].get<float>());
}

TEST_CASE("folders that do not fit are refused by what is wrong with them") {
    const auto refuses =
        [](const std::string& from, const std::string& key, const json& value, Code code) {
            const TemporaryFolder folder;
            fs::copy(case_folder(from) + "/model.safetensors",
                     folder.path() + "/model.safetensors");
            json config = json::parse(text_of(case_folder(from) + "/config.json"));
            config[key] = value;
            write(folder.path() + "/config.json", config.dump());
            try {
                open_model(request_for(folder.path(), false));
            } catch (const Error& error) {
                return error.code() == code;
            }
            return false;
        };
    CHECK(refuses("llama_untied", "intermediate_size", 56, Code::corrupt));  // another shape
    CHECK(refuses("llama_untied", "num_hidden_layers", 4, Code::corrupt));   // a tensor is missing
    CHECK(refuses("llama_untied", "num_hidden_layers", 2, Code::corrupt));  // a tensor is left over
    CHECK(refuses(
        "llama_untied", "tie_word_embeddings", true, Code::corrupt));  // a tied head that differs
    CHECK(refuses("llama_biases", "attention_bias", false, Code::corrupt));
    const TemporaryFolder empty;
    CHECK_THROWS_AS(open_model(request_for(empty.path(), false)), Error);
    fs::copy(case_folder("llama_untied") + "/config.json", empty.path() + "/config.json");
    CHECK_THROWS_AS(open_model(request_for(empty.path(), false)), Error);
}
