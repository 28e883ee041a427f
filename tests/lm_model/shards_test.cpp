// Weights in several files: transformers' own shards give the same model as one file, and an index
// that does not fit its shards is refused by what is wrong.
#include "lm/model/folder.hpp"
#include "lm/model/weight_files.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>

using namespace samara::host;
using namespace samara::test;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A folder of two shards a (x, y) and b (z) with the given index.
std::string verdict(const std::string& index, bool twice = false, bool with_b = true) {
    const TemporaryFolder folder;
    const at::Tensor one = at::ones({2});
    write_safetensors(folder.path() + "/a.safetensors", {{"x", one}, {"y", one}});
    std::vector<std::pair<std::string, at::Tensor>> rest{{"z", one}};
    if (twice)
        rest.emplace_back("y", one);
    if (with_b)
        write_safetensors(folder.path() + "/b.safetensors", rest);
    std::ofstream(folder.path() + "/model.safetensors.index.json") << index;
    try {
        const WeightFiles files(folder.path());
        CHECK(files.tensors().size() == 3);
        CHECK(files.path().ends_with("/model.safetensors.index.json"));
        const at::Tensor out = at::zeros({2});
        files.read_into("z", out);
        CHECK(at::equal(out, one));
        CHECK_THROWS_AS(files.read_into("w", out), Error);
    } catch (const Error& error) {
        CHECK(error.code() == Code::corrupt);
        CHECK_THAT(error.problems().front().where, ContainsSubstring("index.json"));
        return error.problems().front().what;
    }
    return "";
}

std::string map_of(const json& map) {
    return json{{"metadata", {{"total_size", 1}}}, {"weight_map", map}}.dump();
}

}  // namespace

TEST_CASE("a model in shards is the model in one file") {
    for (const std::string name : {"llama_tied_gqa", "qwen3_biases"}) {
        const TemporaryFolder shards, saved;
        run_oracle({"shard", case_folder(name), shards.path()});
        REQUIRE_FALSE(fs::exists(shards.path() + "/model.safetensors"));
        REQUIRE(std::distance(fs::directory_iterator(shards.path()), {}) > 5);
        const auto whole = open_model(request_for(case_folder(name), false));
        const auto parts = open_model(request_for(shards.path(), false));
        auto expected = whole->parameters(), found = parts->parameters();
        REQUIRE(expected.size() == found.size());
        for (size_t i = 0; i < found.size(); ++i)
            CHECK(at::equal(expected[i].value, found[i].value));
        parts->save(saved.path());  // as one file
        CHECK(fs::exists(saved.path() + "/model.safetensors"));
    }
}

TEST_CASE("an index that does not fit its shards is refused by what is wrong") {
    const json sound = {{"x", "a.safetensors"}, {"y", "a.safetensors"}, {"z", "b.safetensors"}};
    CHECK(verdict(map_of(sound)).empty());
    const auto says = [](const std::string& found, const std::string& what) {
        CHECK_THAT(found, ContainsSubstring(what));
    };
    const auto with = [&](const std::string& key, const json& value) {
        json map = sound;
        map[key] = value;
        return verdict(map_of(map));
    };
    says(verdict("{"), "not valid JSON");
    says(verdict(R"({"weight_map": {}, "weight_map": {}})"), "duplicate key 'weight_map'");
    says(verdict(R"({"weight_map": {"x": "a.safetensors", "x": "b.safetensors"}})"),
         "duplicate key 'x'");
    says(verdict("[]"), "'weight_map' is missing");
    says(verdict("{}"), "'weight_map' is missing");
    says(verdict(R"({"weight_map": ["a.safetensors"]})"), "'weight_map' is missing");
    says(verdict(map_of(json::object())), "'weight_map' is empty");
    says(with("z", 5), "tensor 'z' names no file");
    says(with("z", "../b.safetensors"), "names '../b.safetensors'");
    says(with("z", "b.bin"), "names 'b.bin'");
    says(verdict(map_of(sound), false, false), "the shard 'b.safetensors' is absent; tensor 'z'");
    says(with("w", "a.safetensors"), "the shard 'a.safetensors' lacks tensor 'w'");
    says(with("y", "b.safetensors"), "the shard 'b.safetensors' lacks tensor 'y'");
    says(verdict(map_of(sound), true),
         "tensor 'y' is in two shards, a.safetensors and b.safetensors");
    json short_map = sound;
    short_map.erase("y");
    says(verdict(map_of(short_map)), "tensor 'y' of shard 'a.safetensors' is not in the index");
}
