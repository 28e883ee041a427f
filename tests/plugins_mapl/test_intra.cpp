// samara.mapl_intra through the host, with instruction types made for the test.
#include "harness.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <set>

using namespace samara::test;
using namespace samara::host;

namespace {

using Strings = std::vector<std::string>;
using Integers = std::vector<int64_t>;

const Strings kHonest = {"toy:characters", "toy:letter"};

Room toy_room() {
    return Room({own("samara_mapl"), own("samara_pairs"), toy()}, {"toy.types"});
}

bool all(const std::vector<bool>& v) {
    return std::find(v.begin(), v.end(), false) == v.end();
}
bool any(const std::vector<bool>& v) {
    return std::find(v.begin(), v.end(), true) != v.end();
}

}  // namespace

TEST_CASE("Every relation of mapl_intra holds on the stored texts, under condition a or b") {
    Room room({own("samara_mapl"), toy()}, {"toy.types"});
    const auto records = make_records(120);
    const std::string condition = GENERATE("both", "a", "b");
    const auto groups =
        room.run("samara.mapl_intra",
                 records,
                 {{"functions", kHonest}, {"count", Integers{1, 2}}, {"condition", condition}});
    REQUIRE(groups.size() > 100);
    std::set<std::string> truths;
    size_t relations = 0;
    for (const Group& g : groups) {
        const Record& record = records[static_cast<size_t>(g.record)];
        for (const Relation& r : g.relations) {
            ++relations;
            CHECK((r.order == 1 && r.tag == "intra" && r.weight == 1.0 && r.flip == 0.0));
            const Candidate& w = g.candidates[static_cast<size_t>(r.i)];
            const Candidate& l = g.candidates[static_cast<size_t>(r.j)];
            CHECK(w.response == l.response);
            CHECK((w.response == record.chosen || w.response == record.rejected));
            CHECK(w.prompt.back().content.starts_with(record.prompt.back().content + "\n\n"));
            CHECK(types_of(w) == types_of(l));  // neither number nor type tells x_w from x_l
            const auto tw = verified_truths(*room.set, w);
            const auto tl = verified_truths(*room.set, l);
            const bool a = all(tw) && !all(tl);
            const bool b = any(tw) && !any(tl);
            CHECK((condition == "a" ? a : condition == "b" ? b : a || b));
        }
        for (const auto& [key, value] : g.notes) {
            if (key.ends_with(".truths")) {
                truths.insert(value);
            }
        }
    }
    CHECK(relations > 200);
    // k = 1: 1 pattern; k = 2: the 5 of test_patterns.cpp, of which (a) and (b) allow 3 each.
    CHECK(truths.size() == (condition == "both" ? 6 : 4));
}

TEST_CASE("Both ends get a relation, one alone where asked, and a tag each where asked") {
    Room room = toy_room();
    const auto records = make_records(20);
    const Given base = {{"functions", kHonest}, {"count", Integers{1, 1}}};
    const auto with = [&](const std::string& key, const ParamValue& value) {
        Given given = base;
        given[key] = value;
        return given;
    };
    for (const Group& g : room.run("samara.mapl_intra", records, base)) {
        REQUIRE(g.relations.size() == 2);
        CHECK(g.candidates.size() == 4);
        CHECK(g.candidates[0].response == records[static_cast<size_t>(g.record)].chosen);
        CHECK(g.candidates[2].response == records[static_cast<size_t>(g.record)].rejected);
    }
    for (const Group& g :
         room.run("samara.mapl_intra", records, with("ends", std::string("rejected")))) {
        REQUIRE(g.relations.size() == 1);
        CHECK(g.candidates[0].response == records[static_cast<size_t>(g.record)].rejected);
    }
    for (const Group& g : room.run("samara.mapl_intra", records, with("split_ends", true))) {
        CHECK(g.relations[0].tag == "intra_chosen");
        CHECK(g.relations[1].tag == "intra_rejected");
    }
    CHECK(room.make("samara.mapl_intra", with("split_ends", true)).tags() ==
          Strings{"intra_chosen", "intra_rejected"});
}

TEST_CASE(
    "Weights are the record's times the parameter, and the record's margin stays with its pair") {
    Room room = toy_room();
    auto records = make_records(5);
    for (Record& r : records) {
        r.weight = 3.0;
        r.margin = 0.5;
    }
    for (const Group& g :
         room.run("samara.mapl_intra",
                  records,
                  {{"functions", kHonest}, {"count", Integers{1, 1}}, {"weight", 0.5}})) {
        for (const Relation& r : g.relations) {
            CHECK((r.weight == 1.5 && r.margin == 0.0));
        }
        for (const Candidate& c : g.candidates) {
            CHECK((c.weight == 3.0 && c.label == 0 && c.tag.empty()));
        }
    }
}

TEST_CASE(
    "What a record gives depends on seed and id alone, not on ranges, other records or loading") {
    Room room = toy_room();
    const auto records = make_records(40);
    const std::string id = GENERATE("samara.mapl_intra", "samara.mapl_inter");
    const Given given = {{"functions", kHonest}, {"count", Integers{1, 2}}};
    const auto whole = show(room.run(id, records, given));
    CHECK(show(room.run(id, records, given)) == whole);
    CHECK(show(room.run(id, records, given, 8)) != whole);

    SynthesizerInstance pieces = room.make(id, given);
    std::vector<Group> out;
    for (int64_t first = 0; first < 40; first += 7) {
        pieces.synthesize(records, first, std::min<int64_t>(first + 7, 40), 7, out, room.skipped);
    }
    CHECK(show(out) == whole);

    // The same records behind others: only the index changes.
    auto longer = make_records(43);
    std::rotate(longer.begin(), longer.begin() + 40, longer.end());
    auto moved = room.run(id, longer, given);
    std::erase_if(moved, [](const Group& g) { return g.record < 3; });
    for (Group& g : moved) {
        g.record -= 3;
    }
    CHECK(show(moved) == whole);

    Room reversed({toy(), demo(), own("samara_mapl")}, {"demo.endings", "toy.types"});
    CHECK(show(reversed.run(id, records, given)) == whole);
}

TEST_CASE("The count stays when draws fail, and every failure is counted by type") {
    Room room = toy_room();
    const auto records = make_records(30);
    const auto groups =
        room.run("samara.mapl_intra",
                 records,
                 {{"functions", Strings{"toy:characters", "toy:letter", "toy:never"}},
                  {"count", Integers{2, 2}}});
    // Of the three pairs of types only {characters, letter} can be solved: each draw succeeds at
    // most with 1/3.
    CHECK(groups.size() == 30);
    for (const Group& g : groups) {
        for (const Candidate& c : g.candidates) {
            CHECK(types_of(c) == kHonest);
        }
    }
    REQUIRE(room.logged.size() == 1);
    CHECK(room.logged[0].find("discarded for infeasible ") != std::string::npos);
    CHECK(room.logged[0].find("infeasible toy:never ") != std::string::npos);

    const auto none = room.run("samara.mapl_intra",
                               records,
                               {{"functions", Strings{"toy:never"}}, {"count", Integers{1, 1}}});
    CHECK(none.empty());
    CHECK(room.skipped ==
          std::map<std::string, int64_t>{
              {"chosen end: every draw failed, the last for infeasible toy:never", 30},
              {"rejected end: every draw failed, the last for infeasible toy:never", 30}});
    CHECK(room.logged.back().find("960 draws, discarded for infeasible toy:never 960") !=
          std::string::npos);  // 30 records, 2 ends, 16 attempts
}

TEST_CASE("A solver that breaks its word puts nothing into the data") {
    Room room = toy_room();
    const auto records = make_records(10);
    const std::string id = GENERATE("samara.mapl_intra", "samara.mapl_inter");
    CHECK(room.run(id, records, {{"functions", Strings{"toy:liar"}}, {"count", Integers{1, 1}}})
              .empty());
    REQUIRE_FALSE(room.skipped.empty());
    CHECK(room.skipped.begin()->first.find("unverified toy:liar") != std::string::npos);
}

TEST_CASE("Types that conflict never meet, and impossible counts are refused at creation") {
    Room room = toy_room();
    const auto records = make_records(60);
    Strings seen;
    for (const Group& g :
         room.run("samara.mapl_intra",
                  records,
                  {{"functions", Strings{"toy:characters", "toy:letter", "toy:loner"}},
                   {"count", Integers{2, 2}}})) {
        const Strings types = types_of(g.candidates[0]);
        CHECK(types != Strings{"toy:characters", "toy:loner"});
        seen.push_back(types[0] + " " + types[1]);
    }
    CHECK(std::find(seen.begin(), seen.end(), "toy:letter toy:loner") != seen.end());
    CHECK(std::find(seen.begin(), seen.end(), "toy:characters toy:letter") != seen.end());

    for (const Given& wrong :
         {Given{{"functions", Strings{"toy:letter"}}, {"count", Integers{1, 2}}},
          Given{{"functions", Strings{"toy:nowhere"}}},
          Given{{"functions", Strings{"toy:check_only"}}, {"count", Integers{1, 1}}},
          Given{{"exclude_functions", Strings{"toy:nowhere"}}},
          Given{{"count", Integers{3, 2}}},
          Given{{"count", Integers{2}}}}) {
        CHECK_THROWS_AS(room.make("samara.mapl_intra", wrong), Error);
        CHECK_THROWS_AS(room.make("samara.mapl_inter", wrong), Error);
    }
}

TEST_CASE("A third party's instruction type is synthesised with as it is") {
    Room room({own("samara_mapl"), demo()}, {"demo.endings"});
    const auto records = make_records(12);
    const auto groups = room.run("samara.mapl_intra", records, {{"count", Integers{1, 1}}});
    REQUIRE(groups.size() == 12);
    for (const Group& g : groups) {
        CHECK(g.relations.size() == 2);
        for (const Relation& r : g.relations) {
            CHECK(verified_truths(*room.set, g.candidates[static_cast<size_t>(r.i)])[0]);
            CHECK_FALSE(verified_truths(*room.set, g.candidates[static_cast<size_t>(r.j)])[0]);
        }
    }
    CHECK(groups[0].candidates[0].prompt[0].content ==  // r0's chosen response ends with a period
          "Tell me about number 0.\n\nEnd with a period.");
    CHECK(groups[0].candidates[1].prompt[0].content ==
          "Tell me about number 0.\n\nDo not end with a period.");
}

TEST_CASE("Instructions join the last user message, and rows without what is needed are counted") {
    Room room({own("samara_mapl"), demo()}, {"demo.endings"});
    std::vector<Record> records(5);
    for (Record& r : records) {
        r.prompt = {
            {"user", "one"}, {"assistant", "two"}, {"user", "three"}, {"assistant", "four"}};
        r.chosen = "yes.";
        r.rejected = "no.";
    }
    records[1].rejected.reset();
    records[2].chosen.reset();
    records[2].rejected.reset();
    records[2].prompt_ids = records[2].chosen_ids = records[2].rejected_ids = {1};
    records[3].prompt = {{"system", "x"}};
    records[4].rejected = records[4].chosen;
    const auto groups = room.run("samara.mapl_intra", records, {{"count", Integers{1, 1}}});
    REQUIRE(groups.size() == 1);
    const auto& prompt = groups[0].candidates[0].prompt;
    REQUIRE(prompt.size() == 4);
    CHECK(prompt[2].content == "three\n\nEnd with a period.");
    CHECK(prompt[3].content == "four");
    CHECK(room.skipped ==
          std::map<std::string, int64_t>{{"unpaired row", 1},
                                         {"tokenised row: instructions need text", 1},
                                         {"the prompt has no user message", 1},
                                         {"chosen and rejected are the same", 1}});
}

TEST_CASE("The held-out wordings are used where they are asked for") {
    Room room = toy_room();
    const auto records = make_records(20);
    const auto text = [&](const std::string& wordings) {
        std::string out;
        for (const Group& g : room.run(
                 "samara.mapl_intra",
                 records,
                 {{"functions", kHonest}, {"wordings", wordings}, {"count", Integers{1, 2}}})) {
            for (const Candidate& c : g.candidates) {
                out += c.prompt[0].content;
            }
        }
        return out;
    };
    const std::string training = text("training");
    CHECK(training.find("Please") != std::string::npos);
    CHECK(training.find("Mind this") == std::string::npos);
    const std::string held_out = text("held_out");
    CHECK(held_out.find("Please") == std::string::npos);
    CHECK(held_out.find("Mind this") != std::string::npos);
}
