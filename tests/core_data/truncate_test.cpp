// too_long = "truncate_prompt": what is cut, what stays and what is dropped, against a search over
// whole conversations.  Real tokenizers and chat formats: tests/e2e/test_truncate.py.
#include "core/data/groups.hpp"
#include "runtime/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace samara::host;

namespace {

constexpr int64_t kBegin = 256, kAnswer = 257, kEnd = 258;

// One token per byte and a chat format of marks: BEGIN, "<u:text>" for every message, ANSWER.
class Marks final : public Encoder {
public:
    [[nodiscard]] std::string fingerprint() const override { return "marks"; }
    [[nodiscard]] Encoded encode(std::span<const Message> prompt,
                                 const std::string& response) const override {
        Encoded out;
        out.prompt_ids = {kBegin};
        for (const Message& m : prompt) {
            const Ids ids = encode_text("<" + m.role.substr(0, 1) + ":" + m.content + ">");
            out.prompt_ids.insert(out.prompt_ids.end(), ids.begin(), ids.end());
        }
        out.prompt_ids.push_back(kAnswer);
        out.response_ids = encode_text(response);
        out.response_ids.push_back(kEnd);
        return out;
    }
    [[nodiscard]] Ids encode_text(const std::string& text) const override {
        return {text.begin(), text.end()};
    }
    [[nodiscard]] std::string decode(std::span<const int64_t>) const override { return ""; }
    [[nodiscard]] Ids end_ids() const override { return {kEnd}; }
};

Candidate candidate(const std::vector<Message>& prompt, const std::string& response) {
    Candidate c;
    c.prompt = prompt;
    c.response = response;
    return c;
}

Group pair_of(Candidate a, Candidate b) {
    Group group;
    group.record_id = "r";
    group.candidates = {std::move(a), std::move(b)};
    Relation relation;
    relation.i = 0;
    relation.j = 1;
    group.relations = {relation};
    return group;
}

DataSpec limit(int64_t max_tokens) {
    DataSpec spec;
    spec.max_tokens = max_tokens;
    spec.too_long = "truncate_prompt";
    return spec;
}

// The group's prompts after encoding, marks as letters; empty if the group went.
std::vector<std::string> cut(Group group, int64_t max_tokens, EncodeReport* out = nullptr) {
    std::vector<Group> groups{std::move(group)};
    EncodeReport report;
    encode_groups(groups, Marks(), limit(max_tokens), report);
    std::vector<std::string> texts;
    for (const Group& one : groups) {
        for (const Candidate& c : one.candidates) {
            CHECK(static_cast<int64_t>(c.prompt_ids.size() + c.response_ids.size()) <= max_tokens);
            std::string& text = texts.emplace_back();
            for (const int64_t id : c.prompt_ids) {
                text += id == kBegin    ? std::string("[")
                        : id == kAnswer ? std::string("]")
                                        : std::string(1, static_cast<char>(id));
            }
        }
    }
    if (out != nullptr) {
        *out = report;
    }
    return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("A prompt loses its user's text from the left and keeps the marks around it") {
    const std::vector<Message> prompt{{"user", "abcdefgh"}};
    // [<u:abcdefgh>] is 14 tokens; responses of 3 and 2 tokens with their end.
    EncodeReport report;
    CHECK(cut(pair_of(candidate(prompt, "xy"), candidate(prompt, "z")), 17, &report) ==
          Texts{"[<u:abcdefgh>]", "[<u:abcdefgh>]"});
    CHECK(report.truncated == 0);
    // Three too many for one: both lose the same, so that the answers are compared on one prompt.
    CHECK(cut(pair_of(candidate(prompt, "xy"), candidate(prompt, "z")), 14, &report) ==
          Texts{"[<u:defgh>]", "[<u:defgh>]"});
    CHECK(report.truncated == 2);
    CHECK(report.truncated_tokens == 6);
    CHECK(report.first_truncated == Texts{"r"});
    CHECK(report.too_long == 0);
    CHECK(cut(pair_of(candidate(prompt, "xy"), candidate(prompt, "z")), 10) ==
          Texts{"[<u:h>]", "[<u:h>]"});
    // No text would be left: what needs that goes, and with it the relation.
    CHECK(cut(pair_of(candidate(prompt, "xy"), candidate(prompt, "z")), 9, &report).empty());
    CHECK(report.too_long == 1);
    CHECK(report.prompt_too_long == 1);  // 14 tokens of prompt, 9 allowed
    CHECK(report.removed.relations == 1);
    CHECK(report.removed.groups == 1);
    // A response that fills the limit alone.
    CHECK(
        cut(pair_of(candidate(prompt, std::string(20, 'x')), candidate(prompt, "z")), 20).empty());
}

TEST_CASE("Instructions at the end of a prompt are never cut") {
    const std::vector<Message> plain{{"user", "abcdefgh"}}, asked{{"user", "abcdefgh. In French."}};
    EncodeReport report;
    CHECK(cut(pair_of(candidate(asked, "x"), candidate(plain, "x")), 22, &report) ==
          Texts{"[<u:gh. In French.>]", "[<u:gh>]"});
    CHECK(report.truncated == 2);
    CHECK(report.truncated_tokens == 12);
    // One token of the shared text stays; then the longer prompt goes, nothing of what it asks.
    CHECK(cut(pair_of(candidate(asked, "x"), candidate(plain, "x")), 21).size() == 2);
    CHECK(cut(pair_of(candidate(asked, "x"), candidate(plain, "x")), 20, &report).empty());
    CHECK(report.too_long == 1);
    CHECK(report.truncated == 0);
    // What stands before the text that differs is not the same text: nothing to cut.
    const std::vector<Message> other{{"user", "In French: abcdefgh"}};
    CHECK(cut(pair_of(candidate(other, "x"), candidate(plain, "x")), 22).empty());
}

TEST_CASE("A cut conversation begins with a user's turn, after the system text") {
    const std::vector<Message> talk{
        {"system", "sys"}, {"user", "abcd"}, {"assistant", "efgh"}, {"user", "ijkl"}};
    const auto at = [&](int64_t tokens) {
        const Texts texts = cut(pair_of(candidate(talk, "x"), candidate(talk, "y")), tokens);
        return texts.empty() ? "" : texts[0];
    };
    CHECK(at(35) == "[<s:sys><u:abcd><a:efgh><u:ijkl>]");
    CHECK(at(34) == "[<s:sys><u:bcd><a:efgh><u:ijkl>]");
    CHECK(at(32) == "[<s:sys><u:d><a:efgh><u:ijkl>]");
    // Not into the assistant's text under the user's mark: on with the next user's.
    CHECK(at(31) == "[<s:sys><u:ijkl>]");
    CHECK(at(19) == "[<s:sys><u:ijkl>]");
    CHECK(at(16) == "[<s:sys><u:l>]");
    CHECK(at(15).empty());
}

TEST_CASE("Rows of token ids lose their first ids; prompts to be answered are cut, too") {
    const auto tokenised = [](Ids prompt, Ids response) {
        Candidate c;
        c.prompt_ids = std::move(prompt);
        c.response_ids = std::move(response);
        return c;
    };
    std::vector<Group> groups{
        pair_of(tokenised({1, 2, 3, 4}, {5}), tokenised({1, 2, 3, 4}, {6, 7})),
        pair_of(tokenised({}, {5, 6, 7, 8}), tokenised({}, {5}))};
    Candidate prompt = candidate({{"user", "abcdef"}}, "");
    prompt.response.reset();
    groups.push_back({});
    groups.back().candidates = {prompt};
    EncodeReport report;
    encode_groups(groups, Marks(), limit(3), report);
    REQUIRE(groups.size() == 1);  // the marks of the third group's prompt alone are too many
    CHECK(groups[0].candidates[0].prompt_ids == Ids{4});
    CHECK(groups[0].candidates[1].prompt_ids == Ids{4});
    CHECK(groups[0].candidates[1].response_ids == Ids{6, 7});
    CHECK(report.too_long == 2);
    std::vector<Group> prompts{{}};
    prompts[0].candidates = {prompt};
    encode_groups(prompts, Marks(), limit(8), report);
    REQUIRE(prompts.size() == 1);
    CHECK(prompts[0].candidates[0].prompt_ids ==
          Ids{kBegin, '<', 'u', ':', 'e', 'f', '>', kAnswer});
}

TEST_CASE("Every cut is the shortest that an exhaustive search over conversations finds") {
    std::mt19937_64 random(5);
    const auto text = [&](uint64_t most) {
        std::string out;
        for (uint64_t n = random() % (most + 1); n > 0; --n) {
            out += static_cast<char>('a' + random() % 2);
        }
        return out;
    };
    int truncated = 0, dropped = 0, jumped = 0;
    for (int round = 0; round < 4000; ++round) {
        std::vector<Message> talk;
        if (random() % 2 == 0) {
            talk.push_back({"system", text(3)});
        }
        const size_t first = talk.size();
        for (uint64_t turns = random() % 3 * 2 + 1; turns > 0; --turns) {
            talk.push_back({(talk.size() - first) % 2 == 0 ? "user" : "assistant", "a" + text(4)});
        }
        std::vector<Message> asked = talk;
        asked.back().content += "!" + text(4);
        const std::vector<Candidate> both{candidate(talk, text(6)), candidate(asked, text(6))};
        const auto tokens = static_cast<int64_t>(10 + random() % 30);
        // What may be left, longest first: from a place in the k-th user's text, under the first
        // one's mark, but one letter of the common text stays.
        std::vector<std::pair<std::vector<Message>, std::vector<Message>>> choices;
        for (size_t k = first; k < talk.size(); k += 2) {
            const size_t length = talk[k].content.size();
            for (size_t from = 0; from < length; ++from) {
                const auto rest = [&](const std::vector<Message>& whole) {
                    std::vector<Message> left(whole.begin(), whole.begin() + first);
                    left.insert(left.end(), whole.begin() + static_cast<int64_t>(k), whole.end());
                    left[first].content = left[first].content.substr(from);
                    return left;
                };
                choices.emplace_back(rest(talk), rest(asked));
            }
        }
        const auto size = [](const std::vector<Message>& prompt, const Candidate& c) {
            const Encoded ids = Marks().encode(prompt, *c.response);
            return static_cast<int64_t>(ids.prompt_ids.size() + ids.response_ids.size());
        };
        size_t needed = 0;
        bool possible = true, whole = true;
        for (const bool second : {false, true}) {
            if (size(second ? asked : talk, both[second]) <= tokens) {
                continue;
            }
            whole = false;
            size_t k = 0;
            while (k < choices.size() &&
                   size(second ? choices[k].second : choices[k].first, both[second]) > tokens) {
                ++k;
            }
            possible = possible && k < choices.size();
            needed = std::max(needed, k);
        }
        std::vector<Group> groups{pair_of(both[0], both[1])};
        EncodeReport report;
        encode_groups(groups, Marks(), limit(tokens), report);
        INFO(round);
        REQUIRE(groups.size() == (possible ? 1 : 0));
        dropped += possible ? 0 : 1;
        if (possible) {
            const auto& left = whole ? std::pair{talk, asked} : choices[needed];
            REQUIRE(groups[0].candidates[0].prompt_ids ==
                    Marks().encode(left.first, "").prompt_ids);
            REQUIRE(groups[0].candidates[1].prompt_ids ==
                    Marks().encode(left.second, "").prompt_ids);
            REQUIRE(report.truncated == (whole ? 0 : 2));
            truncated += whole ? 0 : 1;
            jumped += left.first.size() < talk.size() ? 1 : 0;
        }
    }
    CHECK(truncated > 500);
    CHECK(dropped > 500);
    CHECK(jumped > 100);
}
