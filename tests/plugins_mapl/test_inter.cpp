// samara.mapl_inter through the host: truths, direction of the contrast, and the full group beside
// pairs and intra.
#include "core/data/groups.hpp"
#include "harness.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

using namespace samara::test;
using namespace samara::host;

namespace {

using Strings = std::vector<std::string>;
using Integers = std::vector<int64_t>;

const Given kBase = {{"functions", Strings{"toy:characters", "toy:letter"}},
                     {"count", Integers{1, 2}}};

Given with(const std::string& key, const std::string& value) {
    Given out = kBase;
    out[key] = value;
    return out;
}

bool all(const std::vector<bool>& v) {
    return std::find(v.begin(), v.end(), false) == v.end();
}
bool any(const std::vector<bool>& v) {
    return std::find(v.begin(), v.end(), true) != v.end();
}

}  // namespace

TEST_CASE("A prompt for rollouts asks for what the responses were judged by, without a truth") {
    Room room({own("samara_mapl"), toy()}, {"toy.types"});
    const auto records = make_records(50);
    Given given = kBase;
    const auto without = room.run("samara.mapl_inter", records, given);
    given["rollout_prompts"] = true;
    const auto groups = room.run("samara.mapl_inter", records, given);
    REQUIRE(groups.size() == without.size());
    REQUIRE(groups.size() > 40);
    for (size_t n = 0; n < groups.size(); ++n) {
        const Group& g = groups[n];
        REQUIRE(g.candidates.size() == 5);
        const Relation& r = g.relations.at(0);
        const Candidate& answered = g.candidates[static_cast<size_t>(r.i)];
        const auto alone = std::find_if(g.candidates.begin(),
                                        g.candidates.end(),
                                        [](const auto& c) { return !c.response.has_value(); });
        REQUIRE(alone != g.candidates.end());
        CHECK(alone->prompt == answered.prompt);
        nlohmann::json judged = nlohmann::json::parse(answered.instructions);
        for (auto& one : judged) {
            REQUIRE(one.erase("truth") == 1);
        }
        CHECK(nlohmann::json::parse(alone->instructions) == judged);
        // Nothing else changes.
        CHECK(answered.instructions ==
              without[n].candidates[static_cast<size_t>(without[n].relations[0].i)].instructions);
    }
}

TEST_CASE(
    "The contrast says whose margin is greater, and the truths on the stored texts bear it out") {
    Room room({own("samara_mapl"), toy()}, {"toy.types"});
    const auto records = make_records(100);
    const std::string pattern = GENERATE("widen", "narrow", "neutral");
    const auto groups = room.run("samara.mapl_inter", records, with("pattern", pattern));
    REQUIRE(groups.size() > 80);
    for (const Group& g : groups) {
        REQUIRE(g.relations.size() == 1);
        REQUIRE(g.candidates.size() == 4);
        const Relation& r = g.relations[0];
        const Record& record = records[static_cast<size_t>(g.record)];
        CHECK((r.order == 2 && r.tag == "inter" && r.weight == 1.0 && r.margin == 0.0));
        CHECK(r.flip == (pattern == "neutral" ? 0.5 : 0.0));
        const auto at = [&](int64_t n) -> const Candidate& {
            return g.candidates[static_cast<size_t>(n)];
        };
        const bool narrow = pattern == "narrow";
        const Candidate& new_w = at(narrow ? r.k : r.i);
        const Candidate& new_l = at(narrow ? r.l : r.j);
        const Candidate& old_w = at(narrow ? r.i : r.k);
        const Candidate& old_l = at(narrow ? r.j : r.l);
        CHECK((new_w.response == record.chosen && old_w.response == record.chosen));
        CHECK((new_l.response == record.rejected && old_l.response == record.rejected));
        CHECK((old_w.prompt == record.prompt && old_l.prompt == record.prompt));
        CHECK(new_w.prompt == new_l.prompt);
        CHECK((new_w.tag + new_l.tag + old_w.tag + old_l.tag).empty());
        CHECK(new_w.prompt[0].content.starts_with(record.prompt[0].content + "\n\n"));
        CHECK((old_w.instructions.empty() && old_l.instructions.empty()));
        const auto tw = verified_truths(*room.set, new_w);
        const auto tl = verified_truths(*room.set, new_l);
        const auto paper = [](const auto& more, const auto& less) {
            return (all(more) && !all(less)) || (any(more) && !any(less));
        };
        CHECK((pattern == "widen" ? paper(tw, tl) : narrow ? paper(tl, tw) : tw == tl));
    }
}

TEST_CASE("A looser relation reaches the truth patterns that the paper's rule excludes") {
    Room room({own("samara_mapl"), toy()}, {"toy.types"});
    const auto records = make_records(100);
    Given given = {{"functions", Strings{"toy:characters", "toy:letter", "toy:loner"}},
                   {"relation", std::string("dominance")},
                   {"count", Integers{2, 2}}};
    for (const Group& g : room.run("samara.mapl_inter", records, given)) {
        const auto tw = verified_truths(*room.set, g.candidates[0]);
        const auto tl = verified_truths(*room.set, g.candidates[1]);
        bool superset = tw != tl;
        for (size_t n = 0; n < tw.size(); ++n) {
            superset = superset && (tw[n] || !tl[n]);
        }
        CHECK(superset);
    }
}

TEST_CASE("A pair that no instruction tells apart is skipped by name, not shrunk") {
    Room room({own("samara_mapl"), demo()}, {"demo.endings"});
    std::vector<Record> records(2);
    for (Record& r : records) {
        r.prompt = {{"", "p"}};
        r.chosen = "yes.";
        r.rejected = "no.";
    }
    records[1].rejected = "no";
    const auto groups = room.run("samara.mapl_inter", records, {{"count", Integers{1, 1}}});
    REQUIRE(groups.size() == 1);
    CHECK(groups[0].record == 1);
    CHECK(room.skipped ==
          std::map<std::string, int64_t>{
              {"every draw failed, the last for infeasible demo:ends_with_period", 1}});
}

namespace {

/// What the three synthesizers make of `records`, merged by the host; records without groups are
/// absent.
std::vector<Group> merged(Room& room, const std::vector<Record>& records, const Given& given) {
    std::vector<std::vector<Group>> parts(records.size());
    for (const char* id : {"samara.pairs", "samara.mapl_intra", "samara.mapl_inter"}) {
        for (Group& g :
             room.run(id, records, std::string(id) == "samara.pairs" ? Given{} : given)) {
            parts[static_cast<size_t>(g.record)].push_back(std::move(g));
        }
    }
    std::vector<Group> out;
    for (size_t r = 0; r < records.size(); ++r) {
        out.push_back(merge_groups(static_cast<int64_t>(r), records[r], std::move(parts[r])));
    }
    return out;
}

}  // namespace

TEST_CASE("Pairs, intra and inter together make eight candidates whose prompts share x") {
    Room room({own("samara_mapl"), own("samara_pairs"), toy()}, {"toy.types"});
    auto records = make_records(50);
    for (Record& r : records) {
        r.weight = 2.0;  // merging wants equal weights from all three
    }
    size_t full = 0;
    for (const Group& g : merged(room, records, kBase)) {
        const Record& record = records[static_cast<size_t>(g.record)];
        for (const Candidate& c : g.candidates) {
            CHECK(c.prompt[0].content.starts_with(record.prompt[0].content));
        }
        full += g.relations.size() == 4 && g.candidates.size() == 8 ? 1 : 0;
        for (const Relation& r : g.relations) {
            if (r.tag == "inter") {  // its anchor is the base pair itself
                CHECK(g.candidates[static_cast<size_t>(r.k)].label == 1);
                CHECK(g.candidates[static_cast<size_t>(r.l)].label == -1);
            }
        }
    }
    CHECK(full >= 40);  // the rest lack a relation that no draw allowed
}

TEST_CASE("A prompt that intra and inter both arrive at is one candidate, not a quarrel") {
    Room room({own("samara_mapl"), own("samara_pairs"), demo()}, {"demo.endings"});
    std::vector<Record> records(1);
    records[0].prompt = {{"", "p"}};
    records[0].chosen = "yes.";
    records[0].rejected = "no";
    const auto groups = merged(room, records, {{"count", Integers{1, 1}}});
    REQUIRE(groups.size() == 1);
    // x, x + "End ..." and x + "Do not end ...", each with both responses: x' is one of the latter
    // two.
    CHECK(groups[0].candidates.size() == 6);
    CHECK(groups[0].relations.size() == 4);
}
