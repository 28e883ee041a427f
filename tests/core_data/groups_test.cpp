// Merging, dropping tags and encoding: rule 7 of the forest, case by case.
#include "core/data/groups.hpp"

#include "runtime/error.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace samara::host;

namespace {

Candidate candidate(const std::string& prompt,
                    const std::string& response,
                    const std::string& tag = "") {
    Candidate c;
    c.prompt = {{"", prompt}};
    c.response = response;
    c.tag = tag;
    return c;
}

Relation preference(int64_t i, int64_t j, const std::string& tag) {
    Relation r;
    r.i = i;
    r.j = j;
    r.tag = tag;
    return r;
}

Relation contrast(int64_t i, int64_t j, int64_t k, int64_t l, const std::string& tag) {
    Relation r = preference(i, j, tag);
    r.order = 2;
    r.k = k;
    r.l = l;
    return r;
}

Record record() {
    Record r;
    r.id = "r1";
    r.where = "f.jsonl:3";
    r.meta = {{"k", "1"}};
    return r;
}

Group group(std::vector<Candidate> candidates, std::vector<Relation> relations) {
    Group g;
    g.candidates = std::move(candidates);
    g.relations = std::move(relations);
    return g;
}

// What merging two single candidates gives, or the error.
Candidate unite(const Candidate& a, const Candidate& b) {
    Group merged = merge_groups(0, record(), {group({a}, {}), group({b}, {})});
    REQUIRE(merged.candidates.size() == 1);
    return merged.candidates[0];
}

std::string refusal(const Candidate& a, const Candidate& b) {
    try {
        unite(a, b);
    } catch (const Error& error) {
        CHECK(error.code() == Code::plugin_fault);
        CHECK(error.problems()[0].where == "f.jsonl:3");
        return error.what();
    }
    return "no error";
}

// One token per byte; a response gets an end token.  A prompt that ends in '~' has an unclean
// border.
class Bytes final : public Encoder {
public:
    [[nodiscard]] std::string fingerprint() const override { return "bytes"; }
    [[nodiscard]] Encoded encode(std::span<const Message> prompt,
                                 const std::string& response) const override {
        Encoded out;
        for (const Message& m : prompt) {
            const Ids ids = encode_text(m.role + m.content);
            out.prompt_ids.insert(out.prompt_ids.end(), ids.begin(), ids.end());
        }
        out.response_ids = encode_text(response);
        if (response != "nothing") {
            out.response_ids.push_back(256);
        } else {
            out.response_ids.clear();
        }
        out.border_clean = prompt.empty() || !prompt.back().content.ends_with('~');
        return out;
    }
    [[nodiscard]] Ids encode_text(const std::string& text) const override {
        return {text.begin(), text.end()};
    }
    [[nodiscard]] std::string decode(std::span<const int64_t>) const override { return ""; }
    [[nodiscard]] Ids end_ids() const override { return {256}; }
};

}  // namespace

TEST_CASE("Equal candidates of several synthesizers are one, and relations follow") {
    const Group pairs =
        group({candidate("x", "w"), candidate("x", "l")}, {preference(0, 1, "base")});
    const Group intra = group({candidate("x1", "w"), candidate("x", "w"), candidate("x", "l")},
                              {preference(0, 1, "intra"), contrast(0, 1, 1, 2, "inter")});
    Group a = pairs;
    a.notes = {{"condition", "a"}};
    Group b = intra;
    b.notes = {{"condition", "a"}, {"g", "2"}};
    const Group merged = merge_groups(5, record(), {a, b});
    CHECK(merged.record == 5);
    CHECK(merged.record_id == "r1");
    CHECK(merged.meta == record().meta);
    CHECK(merged.notes ==
          std::vector<std::pair<std::string, std::string>>{{"condition", "a"}, {"g", "2"}});
    // By hand: candidates (x,w) 0, (x,l) 1, (x1,w) 2.
    REQUIRE(merged.candidates.size() == 3);
    CHECK(merged.candidates[2].prompt[0].content == "x1");
    REQUIRE(merged.relations.size() == 3);
    CHECK((merged.relations[0].i == 0 && merged.relations[0].j == 1));
    CHECK(
        (merged.relations[1].i == 2 && merged.relations[1].j == 0 && merged.relations[1].k == -1));
    CHECK((merged.relations[2].i == 2 && merged.relations[2].j == 0));
    CHECK((merged.relations[2].k == 0 && merged.relations[2].l == 1));
}

TEST_CASE("Only an equal prompt and an equal response make candidates equal") {
    const auto count = [](const Candidate& a, const Candidate& b) {
        return merge_groups(0, record(), {group({a, b}, {})}).candidates.size();
    };
    Candidate role = candidate("x", "w");
    role.prompt[0].role = "user";
    Candidate split = candidate("x", "w");
    split.prompt = {{"", ""}, {"", "x"}};
    Candidate prompt_only = candidate("x", "");
    prompt_only.response.reset();
    Candidate tokens = candidate("x", "w");
    tokens.response_ids = {1};
    CHECK(count(candidate("x", "w"), candidate("x", "w")) == 1);
    CHECK(count(candidate("x", "w"), candidate("xw", "")) == 2);
    CHECK(count(candidate("x", "w"), role) == 2);
    CHECK(count(candidate("x", "w"), split) == 2);
    CHECK(count(candidate("x", ""), prompt_only) == 2);
    CHECK(count(candidate("x", "w"), tokens) == 2);
}

TEST_CASE(
    "Fields of equal candidates: empty or 0 yields, auxiliary is AND, weights are equal, else an "
    "error") {
    const Candidate plain = candidate("x", "w");
    Candidate full = candidate("x", "w", "base");
    full.label = -1;
    full.instructions = "[1]";
    for (const Candidate& united : {unite(plain, full), unite(full, plain), unite(full, full)}) {
        CHECK(united.tag == "base");
        CHECK(united.label == -1);
        CHECK(united.instructions == "[1]");
    }
    Candidate aux = plain;
    aux.auxiliary = true;
    CHECK_FALSE(unite(plain, aux).auxiliary);
    CHECK_FALSE(unite(aux, plain).auxiliary);
    CHECK(unite(aux, aux).auxiliary);

    Candidate other = full;
    other.tag = "intra";
    CHECK(refusal(full, other).find("tag is 'base' and 'intra'") != std::string::npos);
    other = full;
    other.label = 1;
    CHECK(refusal(full, other).find("label is '-1' and '1'") != std::string::npos);
    other = full;
    other.instructions = "[2]";
    CHECK(refusal(full, other).find("instructions is '[1]' and '[2]'") != std::string::npos);
    other = full;
    other.weight = 0.5;
    CHECK(refusal(full, other).find("record 'r1': weight") != std::string::npos);
}

TEST_CASE(
    "A contrast of a margin with itself and a preference over itself are dropped and counted") {
    RemovalReport report;
    const Group merged =
        merge_groups(0,
                     record(),
                     {group({candidate("x", "w"), candidate("x", "l")}, {preference(0, 1, "base")}),
                      group({candidate("x", "w"),
                             candidate("x", "l"),
                             candidate("x", "w"),
                             candidate("x", "l"),
                             candidate("z", "w")},
                            {contrast(0, 1, 2, 3, "inter"),
                             contrast(0, 1, 3, 2, "inter"),
                             preference(0, 2, "intra"),
                             preference(4, 4, "intra")})},
                     &report);
    // Left: base (0,1) and the contrast (0,1) over (1,0); (z,w) was in a dropped relation only.
    REQUIRE(merged.relations.size() == 2);
    CHECK(merged.relations[1].k == 1);
    CHECK(merged.candidates.size() == 2);
    CHECK(report.same_contrasts == 1);
    CHECK(report.self_preferences == 2);
    CHECK(report.relations == 3);
    CHECK(report.candidates == 1);
}

TEST_CASE("Dropping a tag takes its relations and the candidates only they used") {
    Candidate lone = candidate("u", "r", "sft");
    Candidate labelled = candidate("u", "k");
    labelled.label = 1;
    std::vector<Group> groups{
        group({candidate("x1", "w"),
               candidate("x", "w"),
               candidate("x", "l"),
               lone,
               labelled,
               candidate("x2", "w", "intra")},
              {preference(0, 1, "intra"), preference(1, 2, "base"), contrast(0, 1, 1, 2, "inter")}),
        group({candidate("y1", "w"), candidate("y2", "w")}, {preference(0, 1, "intra")})};
    CHECK(drop_tags(groups, {}).relations == 0);
    CHECK(drop_tags(groups, {"none"}).candidates == 0);
    CHECK(groups.size() == 2);
    const RemovalReport report = drop_tags(groups, {"intra", "inter"});
    CHECK(report.relations == 3);
    CHECK(report.groups == 1);
    CHECK(report.candidates == 4);  // x1, x2 and the second group's two
    REQUIRE(groups.size() == 1);
    REQUIRE(groups[0].candidates.size() == 4);
    CHECK(groups[0].candidates[0].prompt[0].content == "x");
    CHECK(groups[0].candidates[2].tag == "sft");
    CHECK(groups[0].candidates[3].label == 1);
    REQUIRE(groups[0].relations.size() == 1);
    CHECK((groups[0].relations[0].i == 0 && groups[0].relations[0].j == 1));
}

TEST_CASE("Encoding fills ids from text, leaves tokenised rows, and counts unclean borders") {
    Candidate tokenised;
    tokenised.prompt_ids = {9};
    tokenised.response_ids = {8, 7};
    Candidate prompt_only = candidate("q", "");
    prompt_only.response.reset();
    std::vector<Group> groups{
        group({candidate("ab", "c"), tokenised, prompt_only, candidate("a~", "c")},
              {preference(0, 3, "base")})};
    groups[0].record_id = "r9";
    EncodeReport report;
    encode_groups(groups, Bytes(), DataSpec{}, report);
    CHECK(groups[0].candidates[0].prompt_ids == Ids{'a', 'b'});
    CHECK(groups[0].candidates[0].response_ids == Ids{'c', 256});
    CHECK(groups[0].candidates[1].prompt_ids == Ids{9});
    CHECK(groups[0].candidates[1].response_ids == Ids{8, 7});
    CHECK(groups[0].candidates[2].prompt_ids == Ids{'q'});
    CHECK(groups[0].candidates[2].response_ids.empty());
    CHECK(report.unclean_borders == 1);
    CHECK(report.first_unclean == std::vector<std::string>{"r9"});
    CHECK(report.too_long == 0);
}

TEST_CASE("Too long candidates are dropped with what depended on them, or refused by name") {
    // Tokens: prompt + response + 1; the limit is 4.
    std::vector<Group> groups{
        group(
            {candidate("x", "ab"), candidate("x", "abc"), candidate("x", "a"), candidate("y", "a")},
            {preference(0, 1, "base"), preference(0, 2, "base"), preference(3, 1, "base")}),
        group({candidate("x", "a"), candidate("xxxxx", "b")}, {preference(0, 1, "base")}),
        group({candidate("x", "a"), candidate("x", "b")}, {preference(0, 1, "base")})};
    for (size_t n = 0; n < groups.size(); ++n) {
        groups[n].record_id = "g" + std::to_string(n);
    }
    DataSpec spec;
    spec.max_tokens = 4;
    std::vector<Group> copy = groups;
    EncodeReport report;
    encode_groups(copy, Bytes(), spec, report);
    CHECK(report.too_long == 2);
    CHECK(report.prompt_too_long == 1);
    CHECK(report.first_too_long == std::vector<std::string>{"g0", "g1"});
    CHECK(report.removed.relations == 3);
    CHECK(report.removed.groups == 1);
    CHECK(report.removed.candidates == 4);
    REQUIRE(copy.size() == 2);
    CHECK(copy[0].candidates.size() == 2);
    CHECK((copy[0].relations.size() == 1 && copy[0].relations[0].j == 1));
    CHECK(*copy[0].candidates[1].response == "a");
    CHECK(copy[1].record_id == "g2");
    spec.too_long = "error";
    try {
        encode_groups(groups, Bytes(), spec, report);
        FAIL("accepted");
    } catch (const Error& error) {
        CHECK(error.code() == Code::data);
        CHECK(std::string(error.what())
                  .find("a candidate has 5 tokens (1 of them in the prompt), max_tokens is 4") !=
              std::string::npos);
        CHECK(error.problems()[0].where == "record 'g0'");
    }
}

TEST_CASE("Groups of prompts alone keep through merging, tags and the limit on tokens") {
    const auto prompt = [](const std::string& text) {
        Candidate c = candidate(text, "", "base");
        c.response.reset();
        c.instructions = "[]";
        return c;
    };
    // The same prompt from two synthesizers is one; beside (x, "") it is another candidate.
    const Group merged = merge_groups(
        0, record(), {group({prompt("x")}, {}), group({prompt("x"), candidate("x", "")}, {})});
    CHECK(merged.candidates.size() == 2);

    std::vector<Group> groups{group({prompt("1234")}, {}),
                              group({prompt("12345")}, {}),
                              group({prompt("12345"), candidate("x", "w"), candidate("x", "l")},
                                    {preference(1, 2, "intra")})};
    DataSpec spec;
    spec.max_tokens = 4;
    EncodeReport report;
    encode_groups(groups, Bytes(), spec, report);
    CHECK(report.too_long == 2);
    CHECK(report.prompt_too_long == 2);
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].candidates[0].prompt_ids == Ids{'1', '2', '3', '4'});
    CHECK(groups[1].candidates.size() == 2);
    drop_tags(groups, {"intra"});
    REQUIRE(groups.size() == 1);
    CHECK_FALSE(groups[0].candidates[0].response.has_value());

    std::vector<Group> empty{group({prompt("")}, {})};
    CHECK_THROWS_AS(encode_groups(empty, Bytes(), spec, report), Error);
}

TEST_CASE(
    "Responses without tokens are refused, the blind response control empties them, cancelling "
    "stops") {
    EncodeReport report;
    std::vector<Group> nothing{group({candidate("x", "nothing")}, {})};
    CHECK_THROWS_AS(encode_groups(nothing, Bytes(), DataSpec{}, report), Error);
    DataSpec blind;
    blind.response = "empty";
    std::vector<Group> groups{group({candidate("x", "w")}, {})};
    encode_groups(groups, Bytes(), blind, report);
    CHECK(groups[0].candidates[0].response_ids == Ids{256});
    Candidate tokenised;
    tokenised.response_ids = {1};
    std::vector<Group> ids{group({tokenised}, {})};
    CHECK_THROWS_AS(encode_groups(ids, Bytes(), blind, report), Error);
    try {
        encode_groups(groups, Bytes(), DataSpec{}, report, [] { return true; });
        FAIL("not cancelled");
    } catch (const Error& error) {
        CHECK(error.code() == Code::preempted);
    }
}
