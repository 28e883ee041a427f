// Files and policies of the reader: catalogue cases 16 to 26 of the reliability page, each with
// code, place and words.
#include "core/data/reader.hpp"

#include "core/data/lines.hpp"
#include "core/store/hash.hpp"
#include "data_help.hpp"

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <set>
#include <zlib.h>

using data_test::Folder;
using data_test::problem_of;
using data_test::read;
using data_test::read_text;
using samara::host::Code;
using samara::host::DataReport;
using samara::host::DataSpec;
using samara::host::Error;
using samara::host::Problem;

namespace sh = samara::host;

namespace {

const std::string kGood = R"({"prompt": "p", "chosen": "a", "rejected": "b"})";

std::string gzip(const std::string& text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

bool has(const Problem& problem, const std::string& words) {
    return (problem.what + "\n" + problem.help).find(words) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "A malformed row is located by file, line and column with an excerpt of at most 80 "
    "characters") {
    std::string text;
    for (int n = 1; n < 4812; ++n) {
        text += kGood + "\n";
    }
    // The value after "prompt": starts at column 12.
    const Problem p = problem_of(text + R"({"prompt": oops, "chosen": ")" + std::string(500, 'x') +
                                 "\n" + kGood + "\n");
    CHECK(p.code == Code::data);
    CHECK(p.where == "t.jsonl:4812:12");
    CHECK(has(p, "malformed JSON"));
    const size_t excerpt = p.what.find(" in: ") + 5;
    CHECK(p.what.size() - excerpt == 80);
    CHECK(has(p, "prompt\": oops"));
}

TEST_CASE("Columns count characters, and the byte order mark is none") {
    // 1-based: {"a":"é",x  ->  { is 1, x is 10 in characters, 11 in bytes.
    CHECK(problem_of("\xef\xbb\xbf{\"a\":\"\xc3\xa9\",x\n" + kGood).where == "t.jsonl:1:10");
}

TEST_CASE("Rows that are JSON but no object are refused by kind") {
    CHECK(has(problem_of("[]"), "a row must be an object"));
    CHECK(has(problem_of("[\n" + kGood + "\n]\n"), "jq -c '.[]'"));
    CHECK(has(problem_of("{\n\"prompt\": 1\n}"), "jq -c ."));
    CHECK(has(problem_of(kGood + "\n[]"), "a row must be a JSON object, not an array"));
    CHECK(has(problem_of("3"), "not a single value"));
    CHECK(problem_of(kGood + "\n7").where == "t.jsonl:2:1");
}

TEST_CASE("Missing, mistyped, empty and equal fields are named where they stand") {
    const auto at = [](const std::string& row, const std::string& where, const std::string& words) {
        const Problem p = problem_of(row);
        CAPTURE(row, p.what, p.where);
        CHECK(p.code == Code::data);
        CHECK(p.where == "t.jsonl:1:" + where);
        CHECK(has(p, words));
    };
    at(R"({"prompt": "p", "chosen": "a"})", "1", "field 'rejected' is missing");
    at(R"({"prompt": "p", "rejected": "a"})", "1", "field 'chosen' is missing");
    at(R"({"prompt": "p", "chosen": 3, "rejected": "a"})",
       "17",
       "field 'chosen' must be text or a list of messages, not a number");
    at(R"({"prompt": "", "chosen": "b", "rejected": "a"})", "2", "field 'prompt' is empty");
    at(R"({"prompt": "p", "chosen": "", "rejected": "a"})", "17", "field 'chosen' is empty");
    at(R"({"prompt": "p", "chosen": "a", "rejected": "a"})",
       "32",
       "field 'rejected' is equal to chosen");
    at(R"({"prompt": "p", "chosen": "a", "rejected": "b", "weight": -1})", "49", "0 or more");
    at(R"({"prompt": "p", "chosen": "a", "rejected": "b", "margin": "x"})",
       "49",
       "must be a number, not text");
    at(R"({"prompt": "p", "chosen": "a", "rejected": "b", "id": ""})", "49", "field 'id' is empty");
    at(R"({"prompt": "p", "chosen": "a", "rejected": "b", "id": 1.5})", "49", "text or an integer");
}

TEST_CASE(
    "Bad rows are skipped only when asked, up to a cap, and counted with the first five places") {
    std::string text;
    for (int n = 0; n < 7; ++n) {
        text += kGood + "\n{\"promt\": 1}\n";
    }
    DataSpec spec;
    CHECK(problem_of(text).where == "t.jsonl:2:1");
    spec.on_bad_row = "skip";
    spec.max_bad_rows = 7;
    const auto kept = read_text(text, spec);
    CHECK(kept.records.size() == 7);
    CHECK(kept.report.rows == 14);
    CHECK(kept.report.bad_rows == 7);
    REQUIRE(kept.report.first_bad.size() == 5);
    CHECK(kept.report.first_bad[4].find("t.jsonl:10:1: field 'prompt' is missing") !=
          std::string::npos);
    spec.max_bad_rows = 6;
    const Problem over = problem_of(text, spec);
    CHECK(over.code == Code::data);
    CHECK(has(over, "more bad rows than max_bad_rows = 6"));
    CHECK(over.where == "t.jsonl:14:1");
    CHECK(has(over, "t.jsonl:2:1"));
}

TEST_CASE("No final newline, blank lines, CRLF and a byte order mark are fine") {
    const auto r = read_text("\xef\xbb\xbf\r\n" + kGood + "\r\n\n  \t\n" + kGood);
    CHECK(r.records.size() == 2);
    CHECK(r.records[1].id == "t:5");
    CHECK(r.records[0].rejected == "b");
}

TEST_CASE("A line over the limit is a bounded error and the next line is still found") {
    std::string text =
        R"({"prompt": "p", "chosen": ")" + std::string(samara::host::kMaxLineBytes, 'x') + "\n";
    const Problem p = problem_of(text + kGood);
    CHECK(p.code == Code::data);
    CHECK(has(p, "longer than 67108864 bytes"));
    CHECK(p.what.size() < 300);
    DataSpec spec;
    spec.on_bad_row = "skip";
    spec.max_bad_rows = 1;
    CHECK(read_text(text + kGood, spec).records.at(0).id == "t:2");
}

TEST_CASE("A last line that stops in the middle is called a truncation, wherever it was cut") {
    for (size_t cut = 1; cut < kGood.size(); ++cut) {
        CAPTURE(cut);
        const Problem p = problem_of(kGood + "\n" + kGood.substr(0, cut));
        CHECK(p.code == Code::data);
        CHECK(p.where == "t.jsonl:2:" + std::to_string(cut + 1));
        CHECK(has(p, "probably truncated"));
    }
    CHECK_FALSE(has(problem_of(kGood + "\n{\"prompt\"\n" + kGood), "truncated"));
}

TEST_CASE("An empty data set says why it is empty") {
    CHECK(has(problem_of(""), "the files hold no row"));
    CHECK(has(problem_of("\n \n"), "only blank lines"));
    DataSpec spec;
    spec.on_bad_row = "skip";
    spec.max_bad_rows = 9;
    const Problem p = problem_of("{}\n{}\n", spec);
    CHECK(p.code == Code::data);
    CHECK(has(p, "all 2 rows are bad"));
    CHECK(has(p, "t.jsonl:1:1: field 'prompt' is missing"));
}

TEST_CASE(
    "Odd JSON has a defined result: surrogates, NUL, huge numbers, duplicate keys, depth, "
    "encoding") {
    const auto bad = [](const std::string& value, const std::string& words) {
        const Problem p =
            problem_of(R"({"prompt": "p", "chosen": "a", "rejected": "b", "x": )" + value + "}");
        CAPTURE(value, p.what);
        CHECK(p.code == Code::data);
        CHECK(has(p, words));
    };
    bad(R"("\ud800")", "surrogate");
    bad(R"("\udc00 x")", "surrogate");
    bad(R"("a\u0000b")", "U+0000");
    bad(std::string("\"a\0b\"", 5), "control character");
    bad("1e400", "a number is too large");
    bad("123456789012345678901234567890", "too large for 64 bits");
    bad(R"({"k": 1, "k": 2})", "duplicate key 'k'");
    bad(R"(1, "chosen": "c")", "duplicate key 'chosen'");
    bad("\"\xff\"", "ill-formed UTF-8");
    bad("\"\xc0\x80\"", "ill-formed UTF-8");
    bad("NaN", "malformed JSON");
    bad(std::string(100000, '[') + std::string(100000, ']'), "nested deeper than 64");
    // A surrogate pair is one character, and the largest 64-bit integers pass.
    const auto good = read_text(
        R"({"prompt": "\ud83d\ude00", "chosen": "a", "rejected": "b", "x": [18446744073709551615, -9223372036854775808]})");
    CHECK(good.records[0].prompt[0].content == "\xf0\x9f\x98\x80");
    CHECK(good.records[0].meta[0].second == "[18446744073709551615,-9223372036854775808]");
    CHECK(problem_of(R"({"prompt": "p", "chosen": "a", "prompt": "b"})").where == "t.jsonl:1:32");
}

TEST_CASE("A file that changes while it is read is refused") {
    const Folder folder;
    std::string text;
    for (int n = 0; n < 2000; ++n) {
        text += kGood + "\n";
    }
    DataSpec spec;
    spec.files = {folder.file("t.jsonl", text)};
    DataReport report;
    bool touched = false;
    const auto grow = [&] {
        if (!touched) {
            std::ofstream(spec.files[0], std::ios::app) << kGood << "\n";
            touched = true;
        }
        return false;
    };
    try {
        samara::host::read_records(spec, 0, report, grow);
        FAIL("the change was not seen");
    } catch (const samara::host::Error& error) {
        CHECK(error.code() == Code::data);
        CHECK(std::string(error.what()).find("changed while it was read") != std::string::npos);
    }
    CHECK(touched);
}

TEST_CASE("Reading stops when it is cancelled") {
    const Folder folder;
    std::string text;
    for (int n = 0; n < 2000; ++n) {
        text += kGood + "\n";
    }
    DataSpec spec;
    spec.files = {folder.file("t.jsonl", text)};
    DataReport report;
    try {
        samara::host::read_records(spec, 0, report, [] { return true; });
        FAIL("not cancelled");
    } catch (const samara::host::Error& error) {
        CHECK(error.code() == Code::preempted);
    }
}

TEST_CASE("Missing files, folders and gzip damage are named") {
    const Folder folder;
    const auto code = [](const std::string& path, const std::string& words) {
        DataSpec spec;
        spec.files = {path};
        try {
            read(spec);
        } catch (const samara::host::Error& error) {
            CAPTURE(error.what());
            CHECK(std::string(error.what()).find(words) != std::string::npos);
            CHECK(error.problems()[0].where.find(path) == 0);
            return error.code();
        }
        return Code::internal;
    };
    CHECK(code(folder.path() + "/none.jsonl", "No such file") == Code::data);
    CHECK(code(folder.path(), "a folder or a device") == Code::data);
    const std::string packed = gzip(kGood + "\n" + kGood + "\n");
    CHECK(code(folder.file("cut.gz", packed.substr(0, packed.size() - 9)), "probably truncated") ==
          Code::data);
    std::string damaged = packed;
    damaged[packed.size() - 6] = static_cast<char>(damaged[packed.size() - 6] ^ 1);  // in the CRC
    CHECK(code(folder.file("crc.gz", damaged), "damaged gzip stream") == Code::data);
    CHECK(code(folder.file("tail.gz", packed + "garbage"), "damaged gzip stream") == Code::data);
}

TEST_CASE("Gzip is recognised by its bytes, in one or several members, and hashed as text") {
    const Folder folder;
    const std::string first = kGood + "\n";
    const std::string second = R"({"prompt": "q", "chosen": "a", "rejected": "b"})"
                               "\n";
    DataSpec spec;
    spec.files = {folder.file("t.data", gzip(first) + gzip(second))};
    const auto r = read(spec);
    REQUIRE(r.records.size() == 2);
    CHECK(r.records[1].prompt[0].content == "q");
    CHECK(r.report.files.at(0).sha256 == samara::host::sha256(first + second));
    spec.files = {folder.file("t.jsonl", first + second)};
    CHECK(read(spec).report.content_hash == r.report.content_hash);
}

TEST_CASE("The content hash follows bytes, order and what names the rows, not the folder") {
    const Folder a;
    const Folder b;
    const std::string named = R"({"id": "1", "prompt": "p", "chosen": "a", "rejected": "b"})"
                              "\n";
    const auto hash = [](std::vector<std::string> files, int64_t most = 0) {
        DataSpec spec;
        spec.files = std::move(files);
        spec.max_records = most;
        return read(spec).report.content_hash;
    };
    CHECK(hash({a.file("x.jsonl", kGood)}) == hash({b.file("x.jsonl", kGood)}));
    CHECK(hash({a.file("x.jsonl", kGood)}) !=
          hash({a.file("y.jsonl", kGood)}));  // ids are x:1 and y:1
    CHECK(hash({a.file("x.jsonl", named)}) == hash({a.file("y.jsonl", named)}));
    CHECK(hash({a.file("x.jsonl", named)}) != hash({a.file("x.jsonl", named + "\n")}));
    const std::string one = a.file("one.jsonl", named);
    const std::string two = a.file("two.jsonl", kGood);
    CHECK(hash({one, two}) != hash({two, one}));
    CHECK(hash({one, two}, 1) == hash({one}));  // the second file is not used
}

TEST_CASE("max_records takes the first records over all files, duplicates of ids are counted") {
    const Folder folder;
    const std::string row = R"({"id": "same", "prompt": "p", "chosen": "a", "rejected": "b"})"
                            "\n";
    DataSpec spec;
    spec.files = {folder.file("x.jsonl", row + row), folder.file("y.jsonl", row + "broken")};
    spec.max_records = 3;
    const auto r = read(spec);
    CHECK(r.records.size() == 3);
    CHECK(r.report.duplicate_ids == 2);
    CHECK(r.report.files.at(1).records == 1);
}

TEST_CASE("The blind controls: prompts empty, prompts or responses of another record") {
    const Folder folder;
    std::string text;
    for (int n = 0; n < 50; ++n) {
        const std::string k = std::to_string(n);
        text += R"({"prompt": "p)" + k + R"(", "chosen": "a)" + k + R"(", "rejected": "b)" + k +
                "\"}\n";
    }
    DataSpec spec;
    spec.files = {folder.file("t.jsonl", text)};
    spec.prompt = "empty";
    CHECK(read(spec).records[7].prompt == std::vector<samara::host::Message>{{"", ""}});
    CHECK(read(spec).records[7].chosen == "a7");
    for (const bool prompts : {true, false}) {
        spec.prompt = prompts ? "shuffled" : "as_is";
        spec.response = prompts ? "as_is" : "shuffled";
        const auto once = read(spec, 3).records;
        const auto again = read(spec, 3).records;
        const auto other = read(spec, 4).records;
        std::set<std::string> seen;
        int different = 0;
        for (size_t n = 0; n < once.size(); ++n) {
            const std::string k = std::to_string(n);
            CHECK((once[n].prompt[0].content == "p" + k) == !prompts);
            CHECK((*once[n].chosen == "a" + k) == prompts);
            CHECK(once[n].chosen->substr(1) == once[n].rejected->substr(1));
            CHECK(once[n].prompt == again[n].prompt);
            CHECK(once[n].chosen == again[n].chosen);
            different +=
                once[n].prompt != other[n].prompt || once[n].chosen != other[n].chosen ? 1 : 0;
            seen.insert(once[n].prompt[0].content + *once[n].chosen);
        }
        CHECK(seen.size() == 50);
        CHECK(different > 40);
    }
    spec.max_records = 1;
    CHECK_THROWS_AS(read(spec), samara::host::Error);
    // A prompt alone has the form of its neighbours, text or ids; the two do not mix.
    spec.max_records = 0;
    spec.prompt = "shuffled";
    spec.response = "as_is";
    const std::string alone = R"({"prompt": "x"})";
    spec.files = {folder.file("prompts.jsonl", kGood + "\n" + alone + "\n")};
    CHECK(read(spec).records[0].prompt[0].content == "x");
    spec.files = {folder.file("mixed.jsonl", alone + "\n" + R"({"prompt_ids": [1]})" + "\n")};
    CHECK_THROWS_AS(read(spec), samara::host::Error);
}

TEST_CASE("Records come in any order, however often, from plain files and from gzip") {
    const Folder folder;
    const auto rows = [](int from, int count, size_t length) {
        std::string out = "\xef\xbb\xbf";  // a byte order mark and carriage returns move offsets
        for (int n = from; n < from + count; ++n) {
            const std::string k = std::to_string(n);
            out += R"({"id": "r)" + k + R"(", "prompt": "p)" + k + R"(", "chosen": ")" +
                   std::string(length, static_cast<char>('a' + n % 26)) + k +
                   "\", \"rejected\": \"b\"}\r\n\n";
        }
        return out;
    };
    DataSpec spec;
    // 60 MB: more than is held, so early records are read again.
    spec.files = {folder.file("x.jsonl", rows(0, 40, 1 << 20)),
                  folder.file("y.gz", gzip(rows(40, 20, 1 << 20)))};
    DataReport report;
    const sh::Records records(spec, 0, report);
    REQUIRE(records.size() == 60);
    const auto check = [&](int64_t n) {
        const auto record = records.get(n);
        const std::string k = std::to_string(n);
        CHECK(record->id == "r" + k);
        CHECK(record->prompt[0].content == "p" + k);
        CHECK(record->chosen->size() == (1U << 20) + k.size());
        CHECK(record->chosen->front() == static_cast<char>('a' + n % 26));
        CHECK(record->where ==
              spec.files[n < 40 ? 0 : 1] + ":" + std::to_string(2 * (n < 40 ? n : n - 40) + 1));
    };
    const auto kept = records.get(0);
    for (int64_t n = 59; n >= 0; n -= 7) {
        check(n);
        check(59 - n);
    }
    check(0);
    CHECK(kept->id == "r0");  // a record lives as long as its pointer
    records.check_unchanged();
}

TEST_CASE("A file that changes after its rows were checked is refused") {
    const Folder folder;
    const std::string row = R"({"prompt": "p", "chosen": "a", "rejected": "b"})"
                            "\n";
    const auto refused = [](const std::function<void()>& act) {
        try {
            act();
        } catch (const Error& error) {
            CAPTURE(error.what());
            CHECK(error.code() == Code::data);
            return std::string(error.what()).find("changed while it was read") != std::string::npos;
        }
        return false;
    };
    for (const bool shorter : {false, true}) {
        DataSpec spec;
        spec.files = {folder.file("x.jsonl", row + row)};
        DataReport report;
        const sh::Records records(spec, 0, report);
        records.check_unchanged();
        folder.file("x.jsonl", shorter ? row : row + row + row);
        CHECK(refused([&] { records.check_unchanged(); }));
        if (shorter) {
            CHECK(refused([&] { (void)records.get(1); }));
        }
    }
}

TEST_CASE("A folder for decompressed data that cannot be used is named") {
    const Folder folder;
    DataSpec spec;
    spec.files = {folder.file("x.gz", gzip(kGood + "\n"))};
    const char* was = std::getenv("TMPDIR");
    const std::string before = was == nullptr ? "" : was;
    setenv("TMPDIR", (folder.path() + "/absent").c_str(), 1);
    std::string said;
    try {
        read(spec);
    } catch (const Error& error) {
        CHECK(error.code() == Code::io);
        said = error.what();
    }
    if (was == nullptr) {
        unsetenv("TMPDIR");
    } else {
        setenv("TMPDIR", before.c_str(), 1);
    }
    CHECK(said.find(folder.path() + "/absent") != std::string::npos);
    CHECK(said.find("TMPDIR") != std::string::npos);
}
