// Where this machine's Unicode tables (PCRE2, utf8proc) and those inside the `tokenizers` library
// disagree: every code point is tried, and the disagreements must be those of
// known_differences.hpp.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "known_differences.hpp"
#include "lm/text/normalizer.hpp"
#include "lm/text/pretokenizer.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <nlohmann/json.hpp>
#include <pcre2.h>
#include <set>
#include <sstream>
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

// "[first, last] ..." in hexadecimal, for messages.
std::string ranges_of(const std::set<int64_t>& codes) {
    std::ostringstream out;
    out << std::hex << std::uppercase;
    for (auto code = codes.begin(); code != codes.end();) {
        const int64_t first = *code;
        int64_t last = first;
        for (++code; code != codes.end() && *code == last + 1; ++code) {
            last = *code;
        }
        out << "{0x" << first << ", 0x" << last << "}, ";
    }
    return out.str();
}

// Code points around which the pieces have other lengths than the library's.
std::set<int64_t> differing_pieces(const std::string& file) {
    const auto document = parse_json(read_text_file(file), file);
    const JsonField root(document, file);
    const PreTokenizer pre_tokenizer(root.at("pre_tokenizer"));
    const auto normalizer = root.find("normalizer");
    const Normalizer normal = normalizer ? Normalizer(*normalizer) : Normalizer();
    const auto cases = oracle_cases({"pieces", file});
    REQUIRE(cases.size() > 250000);
    std::set<int64_t> wrong;
    PieceBuffers buffers;
    NormalizerBuffers composed;
    for (const Case& one : cases) {
        pre_tokenizer.split(normal.run(one.text, composed), true, buffers);
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

// Code points whose probe has another form than the library's.
std::set<int64_t> differing_forms(const std::string& name) {
    const nlohmann::json document = {{"type", name}};
    const std::string file = "normalizer";
    const Normalizer normalizer{JsonField(document, file)};
    const auto cases = oracle_cases({"form", name});
    REQUIRE(cases.size() > 250000);
    std::set<int64_t> wrong;
    NormalizerBuffers buffers;
    for (const Case& one : cases) {
        const auto cut = static_cast<size_t>(one.numbers.at(1));
        const std::string text = one.text.substr(0, cut);
        if (normalizer.run(text, buffers) != std::string_view(one.text).substr(cut)) {
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

TEST_CASE("words and punctuation are those of the library but for newer characters", "[unicode]") {
    const TemporaryFolder folder;
    const auto differing = [&](const std::string& type) {
        return differing_pieces(folder.write(
            "tokenizer.json", small_tokenizer(R"({"pre_tokenizer":{"type":")" + type + "\"}}")));
    };
    const auto words = differing("Whitespace"), marks = differing("Punctuation");
    char version[64] = {};
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
    if (std::string(version) == "14.0.0") {
        CHECK(ranges_of(words) == ranges_of(codes_of(kNewWords)));
        CHECK(ranges_of(marks) == ranges_of(codes_of(kNewPunctuation)));
    } else {
        require_within(words, codes_of(kNewWords));  // newer tables know more words
        require_within(codes_of(kNewPunctuation), marks);
    }
}

TEST_CASE("Unicode forms equal the library's but for what is newer than its tables", "[unicode]") {
    const std::string version = utf8proc_unicode_version();
    INFO("utf8proc with Unicode " << version);
    const auto marks = codes_of(kNewMarks);
    const std::map<std::string, std::set<int64_t>> allowed = {
        {"NFC", marks},
        {"NFD", codes_of(kNewDecompositions, marks)},
        {"NFKC", codes_of(kNewCompatibility, marks)},
        {"NFKD", codes_of(kNewCompatibility, codes_of(kNewDecompositions, marks))},
        {"Lowercase", codes_of(kNewCase)}};
    for (const auto& [name, codes] : allowed) {
        INFO(name);
        const auto wrong = differing_forms(name);
        if (version == "15.0.0") {
            CHECK(ranges_of(wrong) == ranges_of(codes));
        } else {
            require_within(codes, wrong);  // newer tables know more, none less
        }
    }
}
