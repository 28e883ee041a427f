// Every kind of tokenizer that is read against the `tokenizers` library: ids of fuzzed texts, texts
// of ids, special tokens around a text.  `SAMARA_TEST_FUZZ=20000 test_lm_text "[fuzz]"` is the long
// run.
#include "kinds.hpp"

#include "known_differences.hpp"
#include "lm/text/tokenizer.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace samara::host;
using namespace samara::test;

namespace {

using Ids = std::vector<int64_t>;

}  // namespace

TEST_CASE("tokenizers of every kind have the library's ids", "[tokenizer][fuzz]") {
    const TemporaryFolder folder;
    size_t known = 0;
    for (const TokenizerKind& kind : tokenizer_kinds(shared_folder())) {
        INFO(kind.name);
        const std::string file = folder.write("tokenizer.json", tokenizer_text(kind));
        const Tokenizer tokenizer(file);
        const auto cases = oracle_cases({"ids", file, fuzz_corpus(1000)});
        REQUIRE(cases.size() > 1000);
        size_t wrong = 0;
        for (const Case& one : cases) {
            const Ids ids = tokenizer.encode(one.text);
            if (ids == one.numbers) {
                continue;
            }
            if (has_known_difference(one.text)) {
                ++known;
            } else if (++wrong <= 2) {
                UNSCOPED_INFO(kind.name << ": " << shown(one.text));
                CHECK(ids == one.numbers);
            }
        }
        CHECK(wrong == 0);
    }
    WARN(known << " texts differ by characters that known_differences.hpp lists");
}

TEST_CASE("tokenizers that come as two files have the library's ids for every shared text",
          "[tokenizer]") {
    const TemporaryFolder folder;
    size_t compared = 0;
    for (const TokenizerKind& kind : tokenizer_kinds(shared_folder())) {
        if (!kind.base.starts_with("files:")) {
            continue;
        }
        INFO(kind.name);
        const std::string file = folder.write("tokenizer.json", tokenizer_text(kind));
        const Tokenizer tokenizer(file);
        size_t wrong = 0;
        for (const Case& one : oracle_cases({"ids", file, "shared:" + shared_folder() + "/data"})) {
            wrong += tokenizer.encode(one.text) != one.numbers ? 1 : 0;
            ++compared;
        }
        CHECK(wrong == 0);
    }
    CHECK(compared > 20000);
}

TEST_CASE("tokenizers of every kind decode to the library's text", "[tokenizer]") {
    const TemporaryFolder folder;
    for (const TokenizerKind& kind : tokenizer_kinds(shared_folder())) {
        INFO(kind.name);
        const std::string file = folder.write("tokenizer.json", tokenizer_text(kind));
        const Tokenizer tokenizer(file);
        size_t wrong = 0;
        for (const Case& one : oracle_cases({"decode", file})) {
            const std::string text = tokenizer.decode(one.numbers);
            if (text != one.text && ++wrong <= 2) {
                UNSCOPED_INFO(kind.name);
                CHECK(shown(text) == shown(one.text));
            }
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("the post-processor's tokens stand where the library puts them", "[tokenizer]") {
    const TemporaryFolder folder;
    size_t around = 0;
    for (const TokenizerKind& kind : tokenizer_kinds(shared_folder())) {
        if (kind.changes.find("TemplateProcessing") == std::string::npos) {
            continue;
        }
        INFO(kind.name);
        const std::string file = folder.write("tokenizer.json", tokenizer_text(kind));
        const Tokenizer tokenizer(file);
        for (const Case& one : oracle_cases({"ids", file, "special:100"})) {
            Ids ids = tokenizer.special_ids().before;
            const Ids inner = tokenizer.encode(one.text);
            const Ids& after = tokenizer.special_ids().after;
            ids.insert(ids.end(), inner.begin(), inner.end());
            ids.insert(ids.end(), after.begin(), after.end());
            around += ids.size() - inner.size();
            REQUIRE(ids == one.numbers);
        }
    }
    CHECK(around > 300);
}
