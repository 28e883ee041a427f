// The safetensors reader refuses every kind of damaged file with a message of its own; what the
// writer leaves is read by the reference library and the other way round (folder_test.cpp,
// transformers_test.cpp).
#include "lm/model/safetensors.hpp"

#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <random>
#include <sstream>

using namespace samara::host;
using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A file's bytes: 8 bytes of header length, little endian, then header and data.
std::string bytes_of(const std::string& header, size_t data, uint64_t length) {
    std::string bytes;
    for (int i = 0; i < 8; ++i)
        bytes += static_cast<char>(length >> (8 * i));
    return bytes + header + std::string(data, 'x');
}
std::string bytes_of(const std::string& header, size_t data) {
    return bytes_of(header, data, header.size());
}

/// What the reader says; empty if it accepts.
std::string verdict(const std::string& bytes) {
    uint64_t start = 0;
    try {
        parse_safetensors(bytes, "f", start);
    } catch (const Error& error) {
        CHECK(error.code() == Code::corrupt);
        CHECK(error.problems().front().where == "f");
        return error.what();
    }
    return "";
}

std::string entry(const std::string& name, const std::string& shape, int64_t begin, int64_t end) {
    return "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[" +
           std::to_string(begin) + "," + std::to_string(end) + "]}";
}

}  // namespace

TEST_CASE("a sound file is read, padding, metadata and empty tensors included") {
    CHECK(verdict(bytes_of("{}", 0)).empty());
    CHECK(verdict(bytes_of("{" + entry("a", "[2]", 0, 8) + "}   ", 8)).empty());
    CHECK(verdict(
              bytes_of("{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "[]", 0, 4) + "}", 4))
              .empty());
    CHECK(verdict(bytes_of("{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[0,3]", 8, 8) + "," +
                               entry("c", "[1]", 8, 12) + "}",
                           12))
              .empty());
}

TEST_CASE("every kind of damage has its own message") {
    const auto says = [](const std::string& bytes, const std::string& what) {
        CHECK_THAT(verdict(bytes), ContainsSubstring(what));
    };
    says("", "shorter than its 8-byte header");
    says("1234567", "shorter than its 8-byte header");
    says(bytes_of("{}", 0, 100'000'001), "exceeds 100000000");
    says(bytes_of("{}", 0, ~uint64_t{0}), "exceeds 100000000");
    says(bytes_of("{}", 0, 3), "longer than the file");
    says(bytes_of("", 4), "does not begin with '{'");
    says(bytes_of(" {}", 0), "does not begin with '{'");
    says(bytes_of("{\"a\":", 0), "not valid JSON");
    says(bytes_of("{\"a\xff\":1}", 0), "not valid JSON");
    says(bytes_of("{" + entry("a", "[1]", 0, 4) + "," + entry("a", "[1]", 4, 8) + "}", 8),
         "duplicate key 'a'");
    says(
        bytes_of(
            "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4),
        "duplicate key 'dtype'");
    says(bytes_of("{\"a\":5}", 0), "must have dtype, shape and data_offsets");
    says(bytes_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4),
         "must have dtype, shape and data_offsets");
    says(bytes_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4),
         "nothing else");
    says(bytes_of("{\"a\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
         "unknown dtype \"F7\"");
    says(bytes_of("{" + entry("a", "[-1]", 0, 4) + "}", 4), "not a list of sizes");
    says(bytes_of("{" + entry("a", "[1.5]", 0, 4) + "}", 4), "not a list of sizes");
    says(bytes_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4),
         "not two offsets");
    says(bytes_of("{" + entry("a", "[4294967296,4294967296]", 0, 4) + "}", 4), "overflows");
    says(bytes_of("{" + entry("a", "[9223372036854775808]", 0, 4) + "}", 4), "overflows");
    says(bytes_of("{" + entry("a", "[1]", 4, 0) + "}", 4), "ends before it begins");
    says(bytes_of("{" + entry("a", "[2]", 0, 4) + "}", 4), "do not fit its shape");
    says(bytes_of("{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[2]", 4, 12) + "}", 12),
         "'b' overlaps");
    says(bytes_of("{" + entry("a", "[1]", 0, 4) + "," + entry("b", "[1]", 8, 12) + "}", 12),
         "hole before tensor 'b'");
    says(bytes_of("{" + entry("a", "[1]", 4, 8) + "}", 8), "hole before tensor 'a'");
    says(bytes_of("{" + entry("a", "[2]", 0, 8) + "}", 7), "truncated");
    says(bytes_of("{" + entry("a", "[2]", 0, 8) + "}", 9), "trailing bytes");
    says(bytes_of("{\"__metadata__\":{\"a\":1}," + entry("a", "[1]", 0, 4) + "}", 4),
         "__metadata__");
    says(bytes_of("{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}", 0),
         "nested deeper");
}

TEST_CASE("random damage is refused or read, never worse") {
    const TemporaryFolder folder;
    write_safetensors(
        folder.path() + "/a.safetensors",
        {{"w", at::arange(6, at::kFloat).view({2, 3})}, {"b", at::arange(4, at::kLong)}});
    std::ostringstream text;
    text << std::ifstream(folder.path() + "/a.safetensors", std::ios::binary).rdbuf();
    const std::string sound = text.str();
    REQUIRE(verdict(sound).empty());
    std::mt19937_64 random(8);
    int refused = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string bytes = sound;
        for (uint64_t n = random() % 3 + 1; n > 0; --n)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        if (random() % 4 == 0)
            bytes.resize(random() % bytes.size());
        refused += !verdict(bytes).empty();
    }
    CHECK(refused > 10000);
}

TEST_CASE("what is written is read again: values, types, shapes, order and bytes") {
    const TemporaryFolder folder;
    const std::string one = folder.path() + "/1", two = folder.path() + "/2";
    const at::Tensor w = at::sin(at::arange(12, at::kFloat)).view({3, 4});
    // A transposed view is written by its values, not by its memory.
    const std::vector<std::pair<std::string, at::Tensor>> tensors{{"z", w.t()},
                                                                  {"bf", w.to(at::kBFloat16)},
                                                                  {"half", w.to(at::kHalf)},
                                                                  {"double", w.to(at::kDouble)}};
    write_safetensors(one, tensors);
    write_safetensors(two, {tensors.rbegin(), tensors.rend()});
    auto read = read_tensors(one);
    CHECK(at::equal(read["z"], w.t()));
    CHECK(at::equal(read["bf"], w.to(at::kBFloat16).to(at::kFloat)));
    CHECK(at::equal(read["half"], w.to(at::kHalf).to(at::kFloat)));
    CHECK(at::equal(read["double"], w));
    std::ostringstream a, b;
    a << std::ifstream(one, std::ios::binary).rdbuf();
    b << std::ifstream(two, std::ios::binary).rdbuf();
    CHECK(a.str() == b.str());
    const SafetensorsFile file(one);
    CHECK(file.entries().at("bf").dtype == "BF16");
    CHECK_THROWS_AS(file.read_into("z", at::empty({3, 4})), Error);
    CHECK_THROWS_AS(file.read_into("absent", at::empty({3, 4})), Error);
    CHECK_THROWS_AS(SafetensorsFile(folder.path() + "/absent"), Error);
    CHECK_THROWS_AS(write_safetensors(folder.path() + "/no/such", tensors), Error);
}
