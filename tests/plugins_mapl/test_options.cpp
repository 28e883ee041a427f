// Options of samara.mapl_* that change how prompts are written and what relations claim: joining,
// the placebo, and instructions that a record brings along.
#include "core/report/synthesis.hpp"
#include "core/train/recheck.hpp"
#include "harness.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <set>

using namespace samara::test;
using namespace samara::host;

namespace {

using Strings = std::vector<std::string>;
using Integers = std::vector<int64_t>;

Given given(Given more = {}) {
    more.try_emplace("functions", Strings{"toy:characters", "toy:letter"});
    more.try_emplace("count", Integers{2, 2});
    return more;
}

Room toy_room() {
    return Room({own("samara_mapl"), toy(), demo()}, {"toy.types", "demo.endings"});
}

Recheck recheck(const std::vector<Group>& groups,
                const InstructionSet& instructions,
                const std::set<std::string>& strict_tags) {
    Recheck out;
    for (const Group& group : groups) {
        samara::host::recheck(group, instructions, strict_tags, out);
    }
    return out;
}

Strings texts_of(const Candidate& c) {
    Strings out;
    for (const auto& i : nlohmann::json::parse(c.instructions)) {
        out.push_back(i["text"]);
    }
    return out;
}

}  // namespace

TEST_CASE("Instructions join as sentences, as a list, by a template, in the place asked for") {
    Room room = toy_room();
    auto records = make_records(12);
    for (Record& r : records) {
        r.prompt = {{"user", "One {instructions}."}, {"assistant", "Yes."}, {"user", "Two."}};
    }
    const auto prompts = [&](const Given& more) {
        std::vector<std::pair<std::vector<Message>, Strings>> out;
        for (const Group& g : room.run("samara.mapl_intra", records, given(more))) {
            for (const Candidate& c : g.candidates) {
                out.emplace_back(c.prompt, texts_of(c));
            }
        }
        REQUIRE(out.size() > 20);
        return out;
    };
    for (const auto& [prompt, texts] : prompts({})) {
        CHECK(prompt[2].content == "Two.\n\n" + texts[0] + " " + texts[1]);
    }
    for (const auto& [prompt, texts] : prompts({{"join", std::string("list")}})) {
        CHECK(prompt[2].content == "Two.\n\n1. " + texts[0] + "\n2. " + texts[1]);
    }
    for (const auto& [prompt, texts] :
         prompts({{"template", std::string("Rules: {instructions}\nTask: {prompt}")},
                  {"place", std::string("first_user")}})) {
        // What the prompt itself holds in braces is not touched.
        CHECK(prompt[0].content ==
              "Rules: " + texts[0] + " " + texts[1] + "\nTask: One {instructions}.");
        CHECK(prompt[2].content == "Two.");
    }
    for (const auto& [prompt, texts] : prompts({{"place", std::string("system")}})) {
        REQUIRE(prompt.size() == 4);
        CHECK(prompt[0] == Message{"system", texts[0] + " " + texts[1]});
        CHECK(prompt[3].content == "Two.");
    }
    for (Record& r : records) {
        r.prompt = {{"system", "Be kind."}, {"user", "Hi"}};
    }
    for (const auto& [prompt, texts] : prompts({{"place", std::string("system")}})) {
        CHECK(prompt[0].content == "Be kind.\n\n" + texts[0] + " " + texts[1]);
        CHECK(prompt[1].content == "Hi");
    }
    for (Record& r : records) {
        r.prompt = {{"", "Plain"}};
    }
    for (const auto& [prompt, texts] : prompts({{"place", std::string("system")}})) {
        CHECK(prompt[1] == Message{"user", "Plain"});
    }
    for (const char* wrong : {"{prompt}", "{instructions}", "{prompt} {instructions} {prompt}"}) {
        CHECK_THROWS_AS(room.make("samara.mapl_intra", given({{"template", std::string(wrong)}})),
                        Error);
    }
}

TEST_CASE("The placebo has the same candidates and draws the order of relations by a fair coin") {
    Room room = toy_room();
    const auto records = make_records(300);
    const std::string id = GENERATE("samara.mapl_intra", "samara.mapl_inter");
    const auto truth = room.run(id, records, given());
    const auto placebo = room.run(id, records, given({{"truth", std::string("permuted")}}));
    REQUIRE(truth.size() == placebo.size());
    size_t turned = 0, relations = 0;
    for (size_t g = 0; g < truth.size(); ++g) {
        REQUIRE(truth[g].candidates.size() == placebo[g].candidates.size());
        for (size_t c = 0; c < truth[g].candidates.size(); ++c) {
            CHECK(truth[g].candidates[c].prompt == placebo[g].candidates[c].prompt);
            CHECK(truth[g].candidates[c].instructions == placebo[g].candidates[c].instructions);
        }
        const auto asked = asked_of(placebo[g]);
        for (size_t r = 0; r < truth[g].relations.size(); ++r) {
            ++relations;
            turned += truth[g].relations[r].i != placebo[g].relations[r].i ? 1 : 0;
            CHECK(read_relation(placebo[g], placebo[g].relations[r], asked).placebo);
        }
    }
    // Four standard deviations of a fair coin.
    const double n = static_cast<double>(relations);
    CHECK(std::abs(static_cast<double>(turned) - n / 2) < 2 * std::sqrt(n));
    const Recheck found = recheck(placebo, *room.set, {"intra", "inter"});
    CHECK((found.sound() && found.relations == 0));
    CHECK(found.placebos == static_cast<int64_t>(relations));
}

TEST_CASE("What a record asks for by itself is kept, judged, and never contradicted") {
    Room room = toy_room();
    auto records = make_records(60);
    for (Record& r : records) {
        r.meta = {{"instruction_id_list", R"(["demo:ends_with_period", "elsewhere:unknown"])"},
                  {"kwargs", R"([{"unused": null}, {}])"}};
    }
    const std::string id = GENERATE("samara.mapl_intra", "samara.mapl_inter");
    // toy:loner conflicts with all but toy:letter, so it cannot stand beside the record's own.
    const auto groups =
        room.run(id,
                 records,
                 {{"functions", Strings{"toy:characters", "toy:letter", "toy:loner"}},
                  {"count", Integers{1, 2}}});
    REQUIRE(groups.size() > 40);
    std::set<bool> truths;
    for (const Group& g : groups) {
        for (const auto& asked : asked_of(g)) {
            REQUIRE_FALSE(asked.empty());
            CHECK((asked[0].id == "demo:ends_with_period" && asked[0].text.empty()));
            truths.insert(asked[0].truth);
            for (const Asked& one : asked) {
                CHECK(one.id != "toy:loner");
                CHECK(one.id != "elsewhere:unknown");
            }
        }
    }
    CHECK(truths.size() == 2);
    CHECK(recheck(groups, *room.set, {"intra", "inter"}).sound());

    const auto reasons = [&](const std::string& key, const std::string& value, Given more) {
        auto broken = records;
        for (Record& r : broken) {
            for (auto& [name, text] : r.meta) {
                text = name == key ? value : text;
            }
        }
        CHECK(room.run(id, broken, more).empty());
        return room.skipped.begin()->first;
    };
    CHECK(reasons("kwargs", "[{}]", given()).ends_with("do not fit together"));
    CHECK(reasons("instruction_id_list",
                  R"(["toy:characters", "toy:letter"])",
                  given({{"count", Integers{1, 1}}}))
              .ends_with("too few types stand beside the record's own instructions"));
}

TEST_CASE("The re-check finds what is planted: a wrong truth, a lost text, a turned relation") {
    Room room = toy_room();
    const auto records = make_records(40);
    const std::string id = GENERATE("samara.mapl_intra", "samara.mapl_inter");
    const auto groups = room.run(id, records, given());
    const auto strict = std::set<std::string>{"intra", "inter"};
    const Recheck sound = recheck(groups, *room.set, strict);
    CHECK(sound.sound());
    CHECK(sound.relations >= 40);
    CHECK(sound.truths > 80);

    auto wrong = groups;
    auto& text = wrong[3].candidates[0].instructions;
    auto list = nlohmann::ordered_json::parse(text);
    list[1]["truth"] = !list[1]["truth"].get<bool>();
    text = list.dump();
    CHECK(recheck(wrong, *room.set, strict).wrong_truths == 1);
    CHECK(recheck(wrong, *room.set, strict).contradicted == 0);  // the verdicts still bear it out

    auto lost = groups;
    lost[5].candidates[0].prompt.back().content = "Something else.";
    CHECK(recheck(lost, *room.set, strict).missing_texts == 2);

    auto turned = groups;
    Relation& relation = turned[7].relations[0];
    if (relation.order == 1) {
        std::swap(relation.i, relation.j);
    } else {
        std::swap(relation.i, relation.k);
        std::swap(relation.j, relation.l);
    }
    const Recheck found = recheck(turned, *room.set, strict);
    CHECK(found.contradicted == 1);
    REQUIRE(found.first.size() == 1);
    CHECK(found.first[0].find(turned[7].record_id) != std::string::npos);

    // Under "count", relations that are neither (a) nor (b) are no mistake; under "paper" they are.
    const auto loose = room.run(
        id,
        make_records(200),
        given({{"relation", std::string("count")},
               {"functions", Strings{"toy:characters", "toy:letter", "demo:ends_with_period"}},
               {"count", Integers{3, 3}}}));
    CHECK(recheck(loose, *room.set, {}).sound());
    CHECK(recheck(loose, *room.set, strict).contradicted > 0);
}
