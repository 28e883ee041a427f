// The synthesizers on the project's own preference set with the types of samara.ifeval: what is
// emitted holds by the checkers on the stored texts, and most records give all they can.
#include "harness.hpp"

#include <catch2/generators/catch_generators.hpp>

using namespace samara::test;
using namespace samara::host;

TEST_CASE(
    "On the example set every relation with samara.ifeval's types holds on the stored texts") {
    Room room({own("samara_mapl"), own("samara_instructions")}, {"samara.ifeval"});
    const auto records = example_records(200);
    REQUIRE(records.size() == 200);
    const Given given = {{"count", std::vector<int64_t>{1, 3}}};
    std::map<std::string, int64_t> drawn;
    size_t intra = 0;
    for (const Group& g : room.run("samara.mapl_intra", records, given)) {
        for (const Relation& r : g.relations) {
            const Candidate& w = g.candidates[static_cast<size_t>(r.i)];
            const Candidate& l = g.candidates[static_cast<size_t>(r.j)];
            const auto tw = verified_truths(*room.set, w);
            const auto tl = verified_truths(*room.set, l);
            const auto yes = [](const std::vector<bool>& v) {
                return static_cast<size_t>(std::count(v.begin(), v.end(), true));
            };
            CHECK(((yes(tw) == tw.size() && yes(tl) < tl.size()) || (yes(tw) > 0 && yes(tl) == 0)));
            CHECK(types_of(w) == types_of(l));
            for (const std::string& id : types_of(w)) {
                ++drawn[id];
            }
            ++intra;
        }
    }
    CHECK(intra > 360);         // of 400; measured 394 of 408 on 204 records
    CHECK(drawn.size() >= 12);  // kinds of instruction that really appear
    size_t inter = 0;
    for (const Group& g : room.run("samara.mapl_inter", records, given)) {
        const auto tw = verified_truths(*room.set, g.candidates[0]);
        const auto tl = verified_truths(*room.set, g.candidates[1]);
        CHECK(tw != tl);
        ++inter;
    }
    CHECK(inter > 180);  // measured 204 of 204
}

TEST_CASE(
    "Without negation no prompt asks for the opposite, and types without values are counted") {
    Room room({own("samara_mapl"), own("samara_instructions")}, {"samara.ifeval"});
    const auto records = example_records(60);
    const std::string synthesizer = GENERATE("samara.mapl_intra", "samara.mapl_inter");
    Given given = {
        {"count", std::vector<int64_t>{1, 2}},
        {"functions", std::vector<std::string>{"startend:end_checker", "keywords:existence"}},
        {"negation", false}};
    size_t asked = 0, followed = 0;
    for (const Group& g : room.run(synthesizer, records, given)) {
        for (const Candidate& c : g.candidates) {
            if (c.instructions.empty()) {
                continue;
            }
            verified_truths(*room.set, c);
            for (const auto& one : nlohmann::json::parse(c.instructions)) {
                CHECK(one["negated"] == false);
                ++asked;
                followed += one["truth"] ? 1 : 0;
            }
        }
    }
    CHECK(asked > 100);
    CHECK(followed > asked / 4);
    CHECK(followed < asked * 3 / 4);
    given["functions"] = std::vector<std::string>{"punctuation:no_comma"};
    given["count"] = std::vector<int64_t>{1, 1};
    if (synthesizer == "samara.mapl_intra") {
        CHECK(room.run(synthesizer, records, given).empty());
        CHECK(room.logged.back().find("discarded for ") != std::string::npos);
    }
}
