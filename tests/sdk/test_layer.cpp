// The C++ layer's own pieces: JSON, random numbers, and failing without exceptions.
#include "../runtime/support.hpp"

#include <samara/samara.hpp>

#include <catch2/matchers/catch_matchers_string.hpp>

#include <nlohmann/json.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("JSON is read and written as an independent library does it", "[sdk]") {
    for (const char* text : {"{}",
                             "[]",
                             "null",
                             "true",
                             "-0",
                             "12345678901234567",
                             "1.5e-7",
                             "[1, [2.5, \"x\"], {\"a\": null}]",
                             R"({"keywords": ["a", "\u00e9\ud83d\ude00"], "n": 3, "b": false})",
                             R"("tab\t quote\" back\\ slash\/ \u0001")"}) {
        INFO(text);
        const auto value = samara::Json::try_parse(text);
        REQUIRE(value);
        CHECK(nlohmann::json::parse(value->dump()) == nlohmann::json::parse(text));
        CHECK(samara::Json::try_parse(value->dump())->dump() == value->dump());
    }
}

TEST_CASE("what is no JSON is refused, as an independent library does", "[sdk]") {
    for (const char* text : {"",
                             "{",
                             "[1,]",
                             "{\"a\":1,}",
                             "01",
                             "1.",
                             ".5",
                             "+1",
                             "1e",
                             "nul",
                             "\"a",
                             "\"\n\"",
                             "\"\\x\"",
                             "\"\\ud800\"",
                             "[1] 2",
                             "{a: 1}",
                             "NaN",
                             "'a'"}) {
        INFO(text);
        CHECK_FALSE(nlohmann::json::accept(text));
        CHECK_FALSE(samara::Json::try_parse(text));
    }
    CHECK_FALSE(samara::Json::try_parse(
        R"({"a": 1, "a": 2})"));  // stricter: a repeated key has no one meaning
    CHECK_FALSE(samara::Json::try_parse(std::string(10000, '[')));
}

TEST_CASE("random numbers are the published SplitMix64 after the seeding, and streams differ",
          "[sdk]") {
    samara::Random a(1, "x", 2), b(1, "x", 2), c(1, "x", 3), d(1, "y", 2), e(2, "x", 2);
    const uint64_t first = a.next();
    CHECK(first == b.next());
    CHECK(first != c.next());
    CHECK(first != d.next());
    CHECK(first != e.next());
    // chi-square over 6 sides, 60,000 throws: 5 degrees of freedom, 99.99 % below 25.7
    std::array<int, 6> counts{};
    for (int i = 0; i < 60000; ++i) {
        ++counts[a.below(6)];
    }
    double chi = 0;
    for (const int n : counts) {
        chi += (n - 10000.0) * (n - 10000.0) / 10000.0;
    }
    CHECK(chi < 25.7);
    for (int i = 0; i < 1000; ++i) {
        const int64_t drawn = a.between(-2, 2);
        CHECK((drawn >= -2 && drawn <= 2));
        const double real = a.real();
        CHECK((real >= 0 && real < 1));
    }
    std::vector<int> items{1, 2, 3, 4, 5}, sorted = items;
    a.shuffle(items);
    CHECK(std::is_permutation(items.begin(), items.end(), sorted.begin()));
}

TEST_CASE("without exceptions the first failure is the call's result", "[sdk]") {
    const std::string file = std::string(SAMARA_TEST_PLUGIN_DIR) + "/sdk_no_exceptions.so";
    const Plugin& p = plugin(file, "test.no_exceptions");
    const std::vector<at::Tensor> in{at::ones({2}, at::kDouble).requires_grad_()};
    ObjectiveInstance good(p, bind(p)), bad(p, bind(p, {{"fails", true}}));
    CHECK(at::equal(good.forward(in, {0, 2, 0}, {}, nullptr)[0], at::full({2}, 4.0, at::kDouble)));
    const auto error = thrown([&] { (void)bad.forward(in, {0, 2, 0}, {}, nullptr); });
    REQUIRE(error);
    CHECK_THAT(error->what(), ContainsSubstring("no such operator"));
}
