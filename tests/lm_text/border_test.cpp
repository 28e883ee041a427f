// Where a text may be cut without changing its ids: the rule behind encoding a prompt once for
// several responses.
#include "lm/text/tokenizer.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace samara::host;
using namespace samara::test;

namespace {

// The small tokenizer with "<s>" and one more added token, {"content": ..., flags}.
bool is_safe(const std::string& border, const std::string& other, const std::string& flags = "") {
    const TemporaryFolder folder;
    const Tokenizer tokenizer(folder.write(
        "tokenizer.json",
        small_tokenizer(R"({"added_tokens":[{"id":260,"content":"<s>"},{"id":261,"content":")" +
                        other + "\"" + flags + "}]}")));
    return tokenizer.is_safe_border(border);
}

}  // namespace

TEST_CASE("a cut after an added token is safe unless another token can reach across it",
          "[encoder]") {
    CHECK(is_safe("<s>", "<e>"));
    CHECK(is_safe("<s>", "s>"));  // found inside it only where it is not found itself
    CHECK(is_safe("<s>", ">x"));  // begins in it: the leftmost wins
    CHECK(is_safe("<s>", "  ", R"(,"rstrip":true)"));
    CHECK_FALSE(is_safe("<s>", "<s>x"));  // longer, in its place
    CHECK_FALSE(is_safe("<s>", "x<s>"));
    CHECK_FALSE(is_safe("<s>", "x<"));   // "x<s>": found first, ends inside
    CHECK_FALSE(is_safe("<x>", "<e>"));  // not a token
    CHECK_FALSE(is_safe("", "<e>"));
    CHECK_FALSE(is_safe("[b]", "[b]", R"(,"rstrip":true)"));
    CHECK_FALSE(is_safe("[b]", "[b]", R"(,"lstrip":true)"));
    CHECK_FALSE(is_safe("[b]", "[b]", R"(,"single_word":true)"));
    CHECK_FALSE(is_safe("[b]", "[b]", R"(,"normalized":true)"));
    CHECK(is_safe("[b]", "[b]"));
    CHECK_FALSE(
        is_safe("[b", "[b"));  // ends in a letter, which a single-word token after it would see
}

TEST_CASE("the ids of a text are those of its parts at every mark of ChatML", "[encoder]") {
    const Tokenizer tokenizer(demo_model() + "/tokenizer.json");
    const std::string mark = "<|im_start|>";
    REQUIRE(tokenizer.is_safe_border(mark));
    size_t cuts = 0;
    for (const Case& one : oracle_cases({"ids", demo_model() + "/tokenizer.json", "fuzz:20000"})) {
        const size_t at = one.text.find(mark);
        if (at == std::string::npos) {
            continue;
        }
        ++cuts;
        auto ids = tokenizer.encode(one.text.substr(0, at + mark.size()));
        const auto rest = tokenizer.encode(one.text.substr(at + mark.size()));
        ids.insert(ids.end(), rest.begin(), rest.end());
        if (ids != one.numbers) {
            FAIL(shown(one.text));
        }
    }
    CHECK(cuts > 500);
}
