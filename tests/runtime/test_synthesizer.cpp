// Synthesizers through the ABI: groups as emitted, and every broken rule refused by its message.
#include "support.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<Record> records() {
    std::vector<Record> out;
    for (int r = 0; r < 5; ++r) {
        Record record;
        record.id = "r" + std::to_string(r);
        record.prompt = {{"system", "Be kind."}, {"user", "Question " + std::to_string(r)}};
        record.chosen = "good \xc3\xa9 " + std::to_string(r);
        record.rejected =
            r == 2 ? "" : "bad " + std::to_string(r);  // an empty response is a response
        record.weight = 1.0 + r;
        record.meta = {{"topic", "\"x\""}};
        out.push_back(record);
    }
    return out;
}

struct Result {
    std::vector<Group> groups;
    std::map<std::string, int64_t> skipped;
};

SynthesizerInstance make(const std::string& what, std::shared_ptr<InstructionSet> set = nullptr) {
    const Plugin& p = plugin(library("evil_synthesizer"), "test.evil_synthesizer");
    return SynthesizerInstance(p, bind(p, {{"what", what}}), std::move(set));
}

Result run(SynthesizerInstance& synthesizer,
           int64_t first = 0,
           int64_t last = 5,
           uint64_t seed = 3) {
    const std::vector<Record> all = records();
    Result out;
    synthesizer.synthesize(all, first, last, seed, out.groups, out.skipped);
    return out;
}

}  // namespace

TEST_CASE("groups arrive whole, with their record's id and fields", "[runtime]") {
    auto synthesizer = make("nothing");
    CHECK(synthesizer.tags() == std::vector<std::string>{"base"});
    CHECK(synthesizer.needs_text());
    CHECK(synthesizer.needs_pairs());
    const Result result = run(synthesizer, 1, 4);
    REQUIRE(result.groups.size() == 3);
    const Group& group = result.groups[1];
    CHECK(group.record == 2);
    CHECK(group.record_id == "r2");
    CHECK((group.meta == records()[2].meta));
    CHECK((group.candidates[0].prompt == records()[2].prompt));
    CHECK(group.candidates[0].response == "good \xc3\xa9 2");
    CHECK(group.candidates[1].response == "");
    CHECK(group.relations[0].i == 0);
    CHECK(group.relations[0].j == 1);
    CHECK(group.relations[0].weight == 3.0);
    CHECK(group.relations[0].tag == "base");
}

TEST_CASE("skips are counted by reason, and the seed reaches the plugin", "[runtime]") {
    auto skips = make("skips");
    CHECK(run(skips).skipped == std::map<std::string, int64_t>{{"odd", 2}});
    auto seeded = make("seeded");
    const auto drawn = [&](uint64_t seed) { return run(seeded, 0, 5, seed).groups[3].notes; };
    CHECK((drawn(3) == drawn(3)));
    CHECK((drawn(3) != drawn(4)));
}

TEST_CASE("every broken rule of synthesize is refused, naming plugin, record and rule",
          "[runtime]") {
    struct Row {
        const char* what;
        const char* message;
    };
    const Row row = GENERATE(values<Row>({
        {"throws", "synthesis bug"},
        {"bad record", "record 5 does not exist"},
        {"index", "record 0: a relation's j is 2, the group has 2 candidates"},
        {"negative index", "a relation's i is -1"},
        {"itself", "prefers a candidate to itself"},
        {"k in order 1", "order 1 has k or l"},
        {"order", "order 3"},
        {"nan weight", "weight is not finite or negative"},
        {"negative weight", "weight is not finite or negative"},
        {"infinite margin", "margin is not finite"},
        {"flip", "flip is not in [0, 1]"},
        {"tag", "tag 'other' is not one that it declares"},
        {"utf8", "a response is not UTF-8"},
        {"label", "a label is 5"},
        {"empty candidate", "a candidate is empty"},
        {"text and ids", "both text and token ids"},
        {"no candidates", "no candidates; use skip"},
        {"foreign record", "group of record 5, asked for [0, 5)"},
        {"backwards", "after one of record"},
        {"skips without reason", "without a reason"},
        {"asks for a bad instruction", "no instruction type 'no:such'"},
    }));
    INFO(row.what);
    auto synthesizer = make(row.what);
    const auto error = thrown([&] { run(synthesizer); });
    REQUIRE(error);
    CHECK(error->code() == Code::plugin_fault);
    CHECK_THAT(error->what(),
               ContainsSubstring("plugin 'test.evil_synthesizer': synthesize") &&
                   ContainsSubstring(row.message));
}

TEST_CASE("instruction types of all libraries are one sorted list, checked, solved and worded",
          "[runtime]") {
    const Plugin& p = plugin(library("evil_others"), "test.types");
    InstructionSet set;
    set.add(p, bind(p));
    REQUIRE(set.types().size() == 1);
    CHECK(set.types()[0].id == "test:long");
    CHECK(set.types()[0].can_solve);
    std::vector<Check> checks{{"test:long", "{}", false, -1, -1},
                              {"test:long", "{}", true, -1, -1}};
    set.check({}, "short", checks);
    CHECK(checks[0].strict == 0);
    CHECK(checks[1].strict == 1);
    const std::vector<Demand> apart{{"a long response", false}, {"short", true}},
        impossible{{"short", true}, {"tiny", false}};
    CHECK((set.solve({}, 0, {}, apart, 1) == Solution{"{}", true}));
    CHECK_FALSE(set.solve({}, 0, {}, impossible, 1));
    CHECK(set.phrase("test:long", "{}", true, 0, 1) == "Be brief.");

    const Plugin& twin = plugin(library("evil_others"), "test.twin");
    const auto error = thrown([&] { set.add(twin, bind(twin)); });
    REQUIRE(error);
    CHECK(error->code() == Code::config);
    CHECK_THAT(
        error->what(),
        ContainsSubstring("'test:long' comes from two plugins") && ContainsSubstring("test.twin"));

    const Plugin& stutter = plugin(library("evil_others"), "test.stutter");
    const auto twice = thrown([&] { set.add(stutter, bind(stutter)); });
    REQUIRE(twice);
    CHECK_THAT(twice->what(), ContainsSubstring("'test:once' is named twice"));
}

TEST_CASE("instruction faults: refused input is data, a broken contract is the plugin's",
          "[runtime]") {
    const auto with = [](const std::string& what, auto&& body) {
        const Plugin& p = plugin(library("evil_others"), "test.types");
        InstructionSet set;
        set.add(p, bind(p, {{"what", what}}));
        return thrown([&] { body(set); });
    };
    const auto check = [](const std::string& id, const std::string& kwargs) {
        return [=](InstructionSet& set) {
            std::vector<Check> checks{{id, kwargs, false, -1, -1}};
            set.check({}, "a response", checks);
        };
    };
    CHECK_FALSE(with("nothing", check("test:long", "{}")));
    const auto kwargs = with("nothing", check("test:long", "{\"n\": 1}"));
    CHECK(kwargs->code() == Code::data);
    CHECK_THAT(kwargs->what(), ContainsSubstring("it takes no arguments"));
    CHECK(with("nothing", check("no:such", "{}"))->code() == Code::data);
    const auto verdict = with("verdict", check("test:long", "{}"));
    CHECK(verdict->code() == Code::plugin_fault);
    CHECK_THAT(verdict->what(), ContainsSubstring("neither 1, 0 nor -1"));
    const auto silent = with("speechless", [](InstructionSet& set) {
        (void)set.phrase("test:long", "{}", false, 0, 1);
    });
    CHECK(silent->code() == Code::plugin_fault);
}
