// samara.pairs through the host.
#include "harness.hpp"

using namespace samara::test;
using namespace samara::host;

TEST_CASE(
    "A pair becomes two labelled candidates and one relation with the row's weight and margin") {
    Room room({own("samara_pairs")});
    std::vector<Record> records(1);
    records[0].id = "a";
    records[0].prompt = {{"system", "Be kind."}, {"user", "Hi"}};
    records[0].chosen = "good";
    records[0].rejected = "bad";
    records[0].weight = 2.5;
    records[0].margin = 0.75;
    const auto groups = room.run("samara.pairs", records);
    REQUIRE(groups.size() == 1);
    const Group& g = groups[0];
    REQUIRE(g.candidates.size() == 2);
    CHECK(g.record_id == "a");
    CHECK(g.candidates[0].prompt == records[0].prompt);
    CHECK(g.candidates[0].response == "good");
    CHECK(g.candidates[0].label == 1);
    CHECK(g.candidates[1].response == "bad");
    CHECK(g.candidates[1].label == -1);
    CHECK(g.candidates[1].weight == 2.5);
    REQUIRE(g.relations.size() == 1);
    const Relation& r = g.relations[0];
    CHECK((r.order == 1 && r.i == 0 && r.j == 1 && r.k == -1 && r.l == -1));
    CHECK((r.weight == 2.5 && r.margin == 0.75 && r.flip == 0.0 && r.tag == "base"));
}

TEST_CASE("Unpaired rows become one candidate with their label and no relation") {
    Room room({own("samara_pairs")});
    std::vector<Record> records(3);
    for (int64_t n = 0; n < 3; ++n) {
        records[static_cast<size_t>(n)].prompt = {{"", "p"}};
        records[static_cast<size_t>(n)].chosen = "answer";
        records[static_cast<size_t>(n)].label = n - 1;
    }
    const auto groups = room.run("samara.pairs", records);
    REQUIRE(groups.size() == 3);
    for (int64_t n = 0; n < 3; ++n) {
        const Group& g = groups[static_cast<size_t>(n)];
        CHECK(g.relations.empty());
        REQUIRE(g.candidates.size() == 1);
        CHECK(g.candidates[0].label == n - 1);
    }
}

TEST_CASE("Tokenised rows pass through as ids, and an empty response is a response") {
    Room room({own("samara_pairs")});
    std::vector<Record> records(2);
    records[0].prompt_ids = {1, 2};
    records[0].chosen_ids = {3};
    records[0].rejected_ids = {4, 5};
    records[1].prompt = {{"", "p"}};
    records[1].chosen = "something";
    records[1].rejected = "";
    const auto groups = room.run("samara.pairs", records);
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].candidates[0].prompt_ids == Ids{1, 2});
    CHECK(groups[0].candidates[1].response_ids == Ids{4, 5});
    CHECK_FALSE(groups[0].candidates[0].response.has_value());
    CHECK(groups[0].relations.size() == 1);
    CHECK(groups[1].candidates[1].response == "");
    CHECK(groups[1].relations.size() == 1);
}

TEST_CASE("A row whose two sides are the same gives nothing and is counted") {
    Room room({own("samara_pairs")});
    std::vector<Record> records(2);
    records[0].chosen = records[0].rejected = "same";
    records[0].prompt = {{"", "p"}};
    records[1].prompt_ids = {1};
    records[1].chosen_ids = records[1].rejected_ids = {2, 3};
    CHECK(room.run("samara.pairs", records).empty());
    CHECK(room.skipped == std::map<std::string, int64_t>{{"chosen and rejected are the same", 2}});
}

TEST_CASE("A row without a response is skipped, unless its prompt is to be rolled out") {
    Room room({own("samara_pairs")});
    std::vector<Record> records(4);
    records[0].prompt = {{"", "alone"}};
    records[0].weight = 0.5;
    records[1].prompt = {{"user", "paired"}};
    records[1].chosen = "good";
    records[1].rejected = "bad";
    records[2].prompt_ids = {7, 8};
    records[3].prompt = {{"", "twins"}};
    records[3].chosen = records[3].rejected = "same";
    CHECK(room.run("samara.pairs", records).size() == 1);
    CHECK(room.skipped == std::map<std::string, int64_t>{{"no response", 2},
                                                         {"chosen and rejected are the same", 1}});

    const auto groups = room.run("samara.pairs", records, {{"rollout_prompts", true}});
    CHECK(room.skipped == std::map<std::string, int64_t>{{"chosen and rejected are the same", 1}});
    REQUIRE(groups.size() == 4);
    const size_t sizes[] = {1, 3, 1, 1};
    for (size_t n = 0; n < groups.size(); ++n) {
        CAPTURE(n);
        REQUIRE(groups[n].candidates.size() == sizes[n]);
        CHECK(groups[n].relations.size() == (n == 1 ? 1 : 0));
        const Candidate& prompt = groups[n].candidates.back();
        CHECK(prompt.prompt == records[n].prompt);
        CHECK(prompt.prompt_ids == records[n].prompt_ids);
        CHECK_FALSE(prompt.response.has_value());
        CHECK(prompt.response_ids.empty());
        CHECK(prompt.tag == "base");
        CHECK(prompt.label == 0);
        CHECK(prompt.weight == records[n].weight);
        CHECK(prompt.instructions.empty());
    }
}

TEST_CASE("What a prompt asks for in IFEval's form becomes its instructions") {
    Room room({own("samara_pairs")});
    std::vector<Record> records(5);
    for (Record& record : records) {
        record.prompt = {{"", "Write, please."}};
    }
    records[0].meta = {
        {"instruction_id_list", R"(["punctuation:no_comma","length_constraints:number_words"])"},
        {"kwargs", R"([{"num_words":null},{"num_words":300,"relation":"at least","x":null}])"}};
    records[1].meta = {{"instruction_id_list", R"(["a:b"])"}, {"kwargs", "[]"}};
    records[2].meta = {{"instruction_id_list", R"(["a:b"])"}};
    records[3].meta = {{"instruction_id_list", R"(["a:b"])"}, {"kwargs", "[3]"}};
    records[4].meta = {{"instruction_id_list", "[]"}, {"kwargs", "[]"}};
    const auto groups = room.run("samara.pairs", records, {{"rollout_prompts", true}});
    CHECK(room.skipped == std::map<std::string, int64_t>{
                              {"instruction_id_list and kwargs do not fit together", 3}});
    REQUIRE(groups.size() == 2);
    const auto given = nlohmann::json::parse(groups[0].candidates[0].instructions);
    CHECK(given == nlohmann::json::parse(R"([
        {"id": "punctuation:no_comma", "kwargs": {}, "negated": false, "text": ""},
        {"id": "length_constraints:number_words",
         "kwargs": {"num_words": 300, "relation": "at least"}, "negated": false, "text": ""}])"));
    CHECK(groups[1].candidates[0].instructions.empty());
}
