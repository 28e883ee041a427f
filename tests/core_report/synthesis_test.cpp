// Readings of relations, counts and the leak probe, on groups written by hand.
#include "core/report/synthesis.hpp"

#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

using namespace samara::host;

namespace {

std::string count_synthesis(const std::vector<Group>& groups) {
    SynthesisCounts counts;
    for (const Group& group : groups) {
        counts.add(group);
    }
    return counts.text();
}

std::vector<Leak> probe_leaks(const std::vector<Group>& groups) {
    LeakProbe probe;
    for (const Group& group : groups) {
        probe.add(group);
    }
    return probe.leaks();
}

/// A candidate with instructions of the truths given: "TF" added ones, "t" and "f" the record's
/// own.
Candidate candidate(const std::string& prompt,
                    const std::string& response,
                    const std::string& truths) {
    Candidate out;
    out.prompt = {{"", prompt}};
    out.response = response;
    nlohmann::json list = nlohmann::json::array();
    for (const char c : truths) {
        const bool added = c == 'T' || c == 'F';
        list.push_back({{"id", "x:y"},
                        {"kwargs", nlohmann::json::object()},
                        {"negated", false},
                        {"text", added ? "Do it." : ""},
                        {"truth", c == 'T' || c == 't'}});
    }
    out.instructions = truths.empty() ? "" : list.dump();
    return out;
}

Group pair_of(const std::string& better, const std::string& worse, bool prompts = true) {
    Group group;
    group.candidates = {candidate("p", "y", better),
                        candidate(prompts ? "longer q" : "p", prompts ? "y" : "z", worse)};
    group.relations.push_back({1, 0, 1, -1, -1, 1, 0, 0, "intra"});
    return group;
}

std::string read(const Group& group) {
    const auto r = read_relation(group, group.relations[0], asked_of(group));
    return r.pattern + " " + r.condition + " " + r.truths;
}

Group contrast(const std::string& i,
               const std::string& j,
               const std::string& k,
               const std::string& l,
               double flip = 0) {
    Group group;
    group.candidates = {candidate("p1", "y", i),
                        candidate("p1", "z", j),
                        candidate("p", "y", k),
                        candidate("p", "z", l)};
    group.relations.push_back({2, 0, 1, 2, 3, 1, 0, flip, "inter"});
    return group;
}

}  // namespace

TEST_CASE("A relation is read from the truths of its candidates") {
    CHECK(read(pair_of("TT", "TF")) == "prompts a 2/2 > 1/2");
    CHECK(read(pair_of("TF", "FF")) == "prompts b 1/2 > 0/2");
    CHECK(read(pair_of("TT", "FF")) == "prompts a and b 2/2 > 0/2");
    CHECK(read(pair_of("TTF", "TFF")) == "prompts more 2/3 > 1/3");
    CHECK(read(pair_of("TF", "FT")) == "prompts none 1/2 > 1/2");
    CHECK(read(pair_of("FF", "TF")) == "prompts none 0/2 > 1/2");
    CHECK(read(pair_of("TF", "FF", false)) == "responses b 1/2 > 0/2");
    // An empty side, as in Rc-BT.
    CHECK(read(pair_of("", "TF")) == "prompts a 0/0 > 1/2");
    CHECK(read(pair_of("", "TT")) == "prompts none 0/0 > 2/2");
    CHECK(read(pair_of("TF", "")) == "prompts b 1/2 > 0/0");
    CHECK(read(pair_of("FF", "")) == "prompts none 0/2 > 0/0");
    // The record's own stand on both sides.
    CHECK(read(pair_of("fTT", "fTF")) == "prompts a 2/2 > 1/2");
    CHECK(read(pair_of("tf", "tf")) == "  ");
    // Contrasts.
    CHECK(read(contrast("TT", "TF", "", "")) == "widen a 2/2 > 1/2");
    CHECK(read(contrast("TF", "TT", "", "")) == "widen none 1/2 > 2/2");
    CHECK(read(contrast("", "", "FF", "TF")) == "narrow b 1/2 > 0/2");
    CHECK(read(contrast("TT", "FT", "FT", "TT")) == "two a 2/2 > 1/2");
    CHECK(read(contrast("TF", "FT", "", "", 0.5)) == "neutral equal 1/2 = 1/2");
    CHECK(read(contrast("TT", "FT", "", "", 0.5)) == "neutral none 2/2 = 1/2");
    Candidate broken = candidate("p", "y", "T");
    broken.instructions = R"([{"id": "x:y"}])";
    CHECK_THROWS_AS(asked_of(broken, "record r"), Error);
}

TEST_CASE("Counts by type, tag, condition and truths, lengths and what was discarded") {
    std::vector<Group> groups = {
        pair_of("TT", "TF"), pair_of("TT", "FF"), contrast("tTT", "tTF", "t", "t")};
    groups[0].notes = {{"intra.chosen.discarded", "infeasible a:b 2, unverified c:d 1"},
                       {"intra.rejected.discarded", "infeasible a:b 3"}};
    const auto all = nlohmann::json::parse(count_synthesis(groups));
    CHECK(all["types"]["x:y"]["plain_true"] == 8);
    CHECK(all["types"]["x:y"]["plain_false"] == 4);
    CHECK(all["types"]["x:y"]["carried"] == 4);
    CHECK(all["tags"]["intra"]["conditions"] == nlohmann::json{{"a", 1}, {"a and b", 1}});
    CHECK(all["tags"]["inter"]["patterns"] == nlohmann::json{{"widen", 1}});
    CHECK(all["truths"]["intra"] == nlohmann::json{{"2/2 > 1/2", 1}, {"2/2 > 0/2", 1}});
    CHECK(all["lengths"]["intra"] == nlohmann::json{{"shorter", 2}, {"words", -2}});
    CHECK(all["discarded"] == nlohmann::json{{"infeasible a:b", 5}, {"unverified c:d", 1}});
    const std::string text = synthesis_text(count_synthesis(groups));
    for (const char* part :
         {"x:y", "66.7", "widen 1", "2/2 > 1/2 1", "infeasible a:b 5", "shorter in 100.0 %"}) {
        INFO(text);
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(count_synthesis({}) == "{}");
    CHECK(synthesis_text("{}").empty());
}

TEST_CASE("The probe finds a planted leak and none in fair draws") {
    // Truth by a coin; under `leak` the direction times the number tells it in four of five draws,
    // and neither alone says anything.
    const auto make = [](bool leak) {
        std::vector<Group> groups;
        for (uint64_t n = 0; n < 600; ++n) {
            const auto draw = [&](uint64_t salt) {
                return derive_seed(n, "probe", static_cast<int64_t>(salt));
            };
            const bool truth = draw(1) % 2 == 0, less = draw(2) % 2 == 0;
            const bool large = leak && draw(3) % 5 != 0 ? truth == less : draw(4) % 2 == 0;
            const int64_t number =
                static_cast<int64_t>(large ? 60 + draw(5) % 40 : 10 + draw(5) % 40);
            Group group = pair_of(truth ? "T" : "", truth ? "" : "F");
            Candidate& c = group.candidates[truth ? 0 : 1];
            c.instructions =
                nlohmann::json::array(
                    {{{"id", "x:count"},
                      {"kwargs", {{"n", number}, {"relation", less ? "less than" : "at least"}}},
                      {"negated", false},
                      {"text",
                       (less ? "Fewer than " : "At least ") + std::to_string(number) + " words."},
                      {"truth", truth}}})
                    .dump();
            groups.push_back(std::move(group));
        }
        return groups;
    };
    const auto leaky = probe_leaks(make(true)), fair = probe_leaks(make(false));
    REQUIRE((leaky.size() == 1 && fair.size() == 1));
    CHECK(leaky[0].type == "x:count");
    CHECK(leaky[0].draws == 600);
    CHECK(leaky[0].auc > 0.7);
    CHECK(std::abs(fair[0].auc - 0.5) < 3 * fair[0].error);
    CHECK(fair[0].error > 0.02);
    CHECK(fair[0].error < 0.03);  // sqrt(601 / (12 * 300 * 300)) = 0.0236
}
