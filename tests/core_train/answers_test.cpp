// Parts of evaluation sets: which relation belongs where, and their accuracies and correlation
// against sums made by hand.
#include "core/train/answers.hpp"

#include "runtime/error.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <variant>

using namespace samara::host;
using Catch::Approx;

namespace {

/// Candidates with responses of the given lengths, and no relations yet.
Group group_of(const std::string& id, const std::vector<size_t>& lengths) {
    Group group;
    group.record_id = id;
    for (const size_t length : lengths) {
        Candidate c;
        c.prompt_ids = {1, 2, 3};
        c.response_ids.assign(length, 5);
        group.candidates.push_back(c);
    }
    return group;
}

Relation preference(int64_t i, int64_t j, const std::string& tag, double flip = 0) {
    Relation r;
    r.i = i, r.j = j, r.tag = tag, r.flip = flip;
    return r;
}

std::map<std::string, double> fields(const Answers& answers) {
    Row row;
    answers.add_fields(row);
    std::map<std::string, double> out;
    for (const auto& [name, value] : row.fields) {
        out[name] = std::get<double>(value);
    }
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a relation's parts: the right response's length, and the record's fields") {
    Group group = group_of("a", {4, 2, 2});
    group.meta = {{"kind", "\"plan\""}, {"level", "3"}};
    CHECK(parts_of(group, preference(0, 1, "base"), {}) == Texts{"longer"});
    CHECK(parts_of(group, preference(1, 0, "base"), {}) == Texts{"shorter"});
    CHECK(parts_of(group, preference(1, 2, "base"), {}).empty());                   // equal lengths
    CHECK(parts_of(group, preference(0, 1, "base", 0.9), {}) == Texts{"shorter"});  // j is right
    CHECK(parts_of(group, preference(0, 1, "base", 0.5), {}).empty());              // neither is
    Relation contrast = preference(0, 1, "inter");
    contrast.order = 2, contrast.k = 1, contrast.l = 2;
    CHECK(parts_of(group, contrast, {"kind", "level", "topic"}) ==
          Texts{"kind=plan", "level=3", "topic=(none)"});
}

TEST_CASE("accuracies of parts and the correlation of score and length equal sums made by hand") {
    Group a = group_of("a", {4, 2, 2}), b = group_of("b", {1, 3}), c = group_of("c", {6, 5});
    a.meta = {{"kind", "\"x\""}};
    b.meta = {{"kind", "\"y\""}};
    c.meta = {{"kind", "\"x\""}};
    a.relations = {preference(0, 1, "base"), preference(1, 2, "intra")};
    b.relations = {preference(0, 1, "base")};
    c.relations = {preference(0, 1, "base"), preference(0, 1, "base", 0.5)};
    Relation contrast = preference(0, 1, "inter");
    contrast.order = 2, contrast.k = 1, contrast.l = 2;
    a.relations.push_back(contrast);
    const std::vector<double> scores = {3, 1, 2, 0, 0, 2, 4};
    // In order: a's 3 - 1, 1 - 2 and (3 - 1) - (1 - 2); b's 0 - 0; c's 2 - 4, twice.
    const std::vector<double> gaps = {2, -1, 3, 0, -2, -2};
    const Group *first[] = {&a}, *rest[] = {&b, &c};
    Answers answers({"kind"});
    answers.add(first, scores.data(), gaps.data());  // in two micro-batches
    answers.add(rest, scores.data() + 3, gaps.data() + 3);
    const auto got = fields(answers);
    CHECK(got.at("accuracy/base/longer") == 0.5);   // a right, c wrong, c's "equal" not counted
    CHECK(got.at("accuracy/base/shorter") == 0.5);  // b: a tie
    CHECK(got.at("accuracy/base/kind=x") == 0.5);   // a right, c wrong
    CHECK(got.at("accuracy/base/kind=y") == 0.5);
    CHECK(got.at("accuracy/intra/kind=x") == 0);
    CHECK(got.at("accuracy/inter/kind=x") == 1);
    CHECK_FALSE(got.contains("accuracy/inter/longer"));
    CHECK_FALSE(got.contains("accuracy/intra/longer"));
    // base compares lengths 4 2 1 3 6 5 with scores 3 1 0 0 2 4, each once: means 3.5 and 10/6,
    // sum xy = 12 + 2 + 0 + 0 + 12 + 20 = 46, so 46 - 6 * 3.5 * 10/6 = 11;
    // sum xx = 91 - 73.5 = 17.5; sum yy = 30 - 100/6 = 40/3.
    CHECK(got.at("length_correlation/base") == Approx(11 / std::sqrt(17.5 * 40 / 3)));
    CHECK_FALSE(got.contains("length_correlation/intra"));  // one length only
    CHECK_FALSE(got.contains("length_correlation/inter"));
    std::istringstream lines(answers.lines());
    std::vector<nlohmann::json> rows;
    for (std::string line; std::getline(lines, line);) {
        rows.push_back(nlohmann::json::parse(line));
    }
    REQUIRE(rows.size() == 6);
    CHECK(rows[0] == nlohmann::json::parse(
                         R"({"record":"a","tag":"base","gap":2.0,"parts":["longer","kind=x"]})"));
    CHECK(rows[5] ==
          nlohmann::json::parse(
              R"({"record":"c","tag":"base","gap":-2.0,"flip":0.5,"parts":["kind=x"]})"));
    Answers plain({});
    plain.add(first, scores.data(), gaps.data());
    CHECK(plain.lines().starts_with(
        "{\"record\":\"a\",\"tag\":\"base\",\"gap\":2.0,\"parts\":[\"longer\"]}\n"
        "{\"record\":\"a\",\"tag\":\"intra\",\"gap\":-1.0}\n"));
}

TEST_CASE("correlation: exact lines, none, and what has none") {
    CHECK(correlation({1, 2, 3}, {2, 4, 6}) == Approx(1));
    CHECK(correlation({1, 2, 3}, {3, 2, 1}) == Approx(-1));
    CHECK(correlation({1, 2, 3}, {1, 0, 1}) == Approx(0).margin(1e-12));
    CHECK(std::isnan(correlation({1, 1}, {1, 2})));
    CHECK(std::isnan(correlation({}, {})));
}

TEST_CASE("fields that no row has, or with a value for every row, are refused by name") {
    EvalSet set{"held-out", 0, true, {"kind"}, {}, {}};
    for (int n = 0; n < 60; ++n) {
        set.groups.push_back(group_of(std::to_string(n), {1}));
        set.groups.back().meta = {{"kind", n % 2 == 0 ? "\"x\"" : "\"y\""},
                                  {"name", std::to_string(n)}};
    }
    CHECK_NOTHROW(check_fields(set, "run.toml:3:4"));
    const auto refused = [&](const std::string& field) {
        set.by = {field};
        try {
            check_fields(set, "run.toml:3:4");
        } catch (const Error& error) {
            CHECK(error.code() == Code::config);
            CHECK(error.problems().front().where == "run.toml:3:4");
            CHECK(error.problems().front().help == "fields of its rows: 'kind', 'name'");
            return error.problems().front().what;
        }
        return std::string();
    };
    CHECK(refused("knd") == "no row of evaluation set 'held-out' has the field 'knd'");
    CHECK(refused("name") ==
          "field 'name' of evaluation set 'held-out' has 60 values; more than 50 are no kinds");
}
