// Binding of parameters: all issues at once, in the words that a configuration error prints.
#include "support.hpp"

#include <samara/core.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace samara::host;
namespace param = samara::param;

namespace {

constexpr samara_param kParams[] = {
    param::number("beta", "1.0", 0, samara::kInfinity, "", SAMARA_P_OPEN_MIN),
    param::number("share", "0.25", 0, 0.5, "", SAMARA_P_OPEN_MAX),
    param::integer("count", nullptr, 1, 5, ""),
    param::flag("on", "true", ""),
    param::choice("form", "\"gap\"", "gap|hinge", ""),
    param::integers("range", "[1, 3]", 1, 8, ""),
    param::numbers("rates", "[0.5, 1]", 0, 1, ""),
    param::strings("names", "[\"a\", 'b\\c', \"d\\\"e\"]", ""),
    param::string("note", nullptr, "", SAMARA_P_OPTIONAL)};

const samara_plugin kPlugin = [] {
    samara_plugin p{};
    p.struct_size = sizeof p;
    p.id = "test.params";
    p.n_params = std::size(kParams);
    p.params = kParams;
    return p;
}();

std::vector<ParamIssue> issues_of(const std::map<std::string, ParamValue>& given) {
    BoundParams out;
    return bind_params(kPlugin, given, out);
}

}  // namespace

TEST_CASE("defaults and given values are bound in declared order, with one canonical text",
          "[runtime]") {
    BoundParams out;
    REQUIRE(bind_params(kPlugin, {{"count", int64_t{3}}, {"beta", int64_t{2}}}, out).empty());
    CHECK(
        out.canonical() ==
        R"(beta=2.0;share=0.25;count=3;on=true;form="gap";range=[1,3];rates=[0.5,1.0];names=["a","b\\c","d\"e"])");
    std::vector<std::vector<samara_str>> scratch;
    const std::vector<samara_value> abi = out.abi(scratch);
    REQUIRE(abi.size() == 9);
    CHECK(abi[0].tag == SAMARA_FLOAT);
    CHECK(abi[0].u.d == 2.0);
    CHECK(abi[2].u.i == 3);
    CHECK(abi[3].tag == SAMARA_TRUTH);
    CHECK(samara::view({abi[4].u.s, abi[4].len}) == "gap");
    CHECK(abi[5].u.ints[1] == 3);
    CHECK(abi[6].u.floats[1] == 1.0);
    CHECK(samara::view(abi[7].u.strings[2]) == "d\"e");
    CHECK(abi[8].tag == SAMARA_NONE);
}

TEST_CASE("every issue is reported at once, with range, value and nearest key", "[runtime]") {
    const auto issues = issues_of({{"betta", 1.0},
                                   {"beta", -0.1},
                                   {"share", 0.5},
                                   {"form", std::string("sigmoid")},
                                   {"on", int64_t{1}}});
    std::map<std::string, ParamIssue> by_key;
    for (const ParamIssue& issue : issues) {
        by_key[issue.key] = issue;
    }
    REQUIRE(by_key.size() == 6);
    CHECK(by_key["betta"].what == "unknown key 'betta'");
    CHECK(by_key["betta"].help == "did you mean 'beta'?");
    CHECK(by_key["beta"].what == "expected a float in (0, inf), got -0.1");
    CHECK(by_key["share"].what == "expected a float in [0, 0.5), got 0.5");
    CHECK(by_key["form"].what == "expected a string of gap|hinge, got \"sigmoid\"");
    CHECK(by_key["on"].what == "expected a bool, got 1");
    CHECK(by_key["count"].what == "missing key 'count', expected an integer in [1, 5]");
}

TEST_CASE("wrong types, elements out of range and values that are not finite are refused",
          "[runtime]") {
    const auto refused = [](const std::string& key, const ParamValue& value) {
        std::map<std::string, ParamValue> given{{"count", int64_t{1}}};
        given[key] = value;
        const auto issues = issues_of(given);
        return issues.size() == 1 && issues[0].key == key;
    };
    CHECK(refused("count", 2.0));
    CHECK(refused("count", int64_t{6}));
    CHECK(refused("count", true));
    CHECK(refused("beta", std::nan("")));
    CHECK(refused("beta", std::string("1.0")));
    CHECK(refused("beta", HUGE_VAL));
    CHECK(refused("range", std::vector<int64_t>{1, 9}));
    CHECK(refused("range", int64_t{1}));
    CHECK(refused("rates", std::vector<double>{0.5, 1.5}));
    CHECK(refused("names", std::vector<int64_t>{1}));
    CHECK_FALSE(refused("names", std::vector<int64_t>{}));  // an empty list has no type of its own
    CHECK_FALSE(refused("rates", std::vector<int64_t>{0, 1}));
}

TEST_CASE("texts of values read back as the same value", "[runtime]") {
    CHECK(to_toml(0.1) == "0.1");
    CHECK(to_toml(1e-5) == "1e-05");
    CHECK(to_toml(1.0) == "1.0");
    CHECK(to_toml(int64_t{-3}) == "-3");
    CHECK(to_toml(std::string("a\"b\\\n")) == "\"a\\\"b\\\\\\u000a\"");
    CHECK(to_toml(std::vector<std::string>{"a", "b"}) == "[\"a\", \"b\"]");
}

TEST_CASE("the nearest key is near or nothing", "[runtime]") {
    CHECK(nearest_key("learing_rate", {"learning_rate", "loss"}) == "learning_rate");
    CHECK(nearest_key("lr", {"id", "beta"}).empty());
    CHECK(nearest_key("", {}).empty());
}
