// Where this machine's Unicode tables (PCRE2, utf8proc) and those inside the `tokenizers` library
// disagree: every code point is tried, and the disagreements must be those of
// known_differences.hpp.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "known_differences.hpp"
#include "lm/text/normalizer.hpp"
#include "lm/text/pretokenizer.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <pcre2.h>
#include <set>
#include <utf8proc.h>

using namespace samara::host;
using namespace samara::test;

namespace {

template <class Ranges>
std::set<int64_t> codes_of(const Ranges& ranges, std::set<int64_t> codes = {}) {
    for (const Range& range : ranges) {
        for (int64_t code = range.first; code <= range.last; ++code) {
            codes.insert(code);
        }
    }
    return codes;
}

// Code points around which the pieces have other lengths than the library's.
std::set<int64_t> differing_pieces(const std::string& file) {
    const auto document = parse_json(read_text_file(file), file);
    const JsonField root(document, file);
    const PreTokenizer pre_tokenizer(root.at("pre_tokenizer"));
    const bool nfc = root.find("normalizer").has_value();
    const auto cases = oracle_cases({"pieces", file});
    REQUIRE(cases.size() > 250000);
    std::set<int64_t> wrong;
    PieceBuffers buffers;
    std::string composed;
    for (const Case& one : cases) {
        pre_tokenizer.split(nfc ? to_nfc(one.text, composed) : one.text, buffers);
        std::vector<int64_t> found = {one.numbers.front()};
        for (const std::string_view piece : buffers.pieces) {
            found.push_back(static_cast<int64_t>(piece.size()));
        }
        if (found != one.numbers) {
            wrong.insert(one.numbers.front());
        }
    }
    return wrong;
}

void require_within(const std::set<int64_t>& found, const std::set<int64_t>& allowed) {
    for (const int64_t code : found) {
        if (allowed.count(code) == 0) {
            FAIL("U+" << std::hex << code << " differs and is not in known_differences.hpp");
        }
    }
}

}  // namespace

TEST_CASE("code points are split as in the library but for those newer than PCRE2's tables",
          "[unicode]") {
    char version[64] = {};
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
    INFO("PCRE2 with Unicode " << version);
    const auto classes = codes_of(kNewClasses);
    const auto with_digits = codes_of(kNewDigits, classes);
    REQUIRE(classes.size() == 9392);
    REQUIRE(with_digits.size() == 9405);
    const auto digits_then_gpt2 = differing_pieces(demo_model() + "/tokenizer.json");
    const auto gpt2 = differing_pieces(shared_folder() + "/data/tokenizers/phi2_tokenizer.json");
    const auto split =
        differing_pieces(shared_folder() + "/data/tokenizers/torchtune_tiny_bpe_tokenizer.json");
    if (std::string(version) == "14.0.0") {
        CHECK(digits_then_gpt2 == with_digits);
        CHECK(gpt2 == classes);
        CHECK(split == classes);
    } else {
        require_within(digits_then_gpt2, with_digits);
        require_within(gpt2, classes);
        require_within(split, classes);
    }
}

TEST_CASE("NFC equals the library's but for marks newer than its tables", "[unicode]") {
    const std::string version = utf8proc_unicode_version();
    INFO("utf8proc with Unicode " << version);
    const auto marks = codes_of(kNewMarks);
    const auto cases = oracle_cases({"nfc"});
    REQUIRE(cases.size() > 250000);
    std::set<int64_t> wrong;
    std::string buffer;
    for (const Case& one : cases) {
        const auto cut = static_cast<size_t>(one.numbers.at(1));
        const std::string text = one.text.substr(0, cut);
        if (to_nfc(text, buffer) != std::string_view(one.text).substr(cut)) {
            wrong.insert(one.numbers.front());
        }
    }
    if (version == "15.0.0") {
        CHECK(wrong == marks);
    } else {
        require_within(marks, wrong);  // newer tables know more marks, none fewer
    }
}
