// Bytes of metrics rows, appending, cutting back, and what a locale must not change.
#include "core/report/metrics.hpp"

#include "core/report/tables.hpp"
#include "runtime/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <clocale>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <locale>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

using namespace samara::host;
namespace fs = std::filesystem;

namespace {

std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

struct TempFolder {
    TempFolder() {
        std::string name = (fs::temp_directory_path() / "samara-report-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TempFolder() { fs::remove_all(path); }
    std::string path;
};

const Row kRow{{{"step", int64_t{3}},
                {"loss/base", 0.1},
                {"eval", std::string("held\n\"out\"")},
                {"gap", 1.0}}};

}  // namespace

TEST_CASE("A row keeps its order and writes the shortest digits that read back") {
    CHECK(to_json(kRow) ==
          "{\"step\": 3, \"loss/base\": 0.1, \"eval\": \"held\\u000a\\\"out\\\"\", \"gap\": 1.0}");
    CHECK(to_json(Row{}) == "{}");
    CHECK(to_json(1e-5) == "1e-05");
    CHECK(to_json(-0.0) == "-0.0");
    CHECK(to_json(1e300) == "1e+300");
    CHECK(to_json(123456789.0) == "123456789.0");
    for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
        CHECK(to_json(value) == "null");
    }
}

TEST_CASE("A JSON library reads back every number bit for bit") {
    uint64_t state = 1;
    for (int i = 0; i < 20000; ++i) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX generator
        double value = 0;
        std::memcpy(&value, &state, sizeof(value));
        const nlohmann::json parsed = nlohmann::json::parse(to_json(value));
        if (std::isfinite(value)) {
            REQUIRE(parsed.is_number_float());
            REQUIRE(parsed.get<double>() == value);
        } else {
            REQUIRE(parsed.is_null());
        }
    }
}

TEST_CASE("Rows are appended, and a resumed run cuts back to its checkpoint") {
    const TempFolder folder;
    const std::string file = folder.path + "/metrics.jsonl";
    int64_t checkpoint = 0;
    {
        MetricsWriter writer(file, 0);
        writer.write(kRow);
        writer.flush();
        checkpoint = writer.offset();
        CHECK(checkpoint == static_cast<int64_t>(to_json(kRow).size()) + 1);
        writer.write(Row{{{"step", int64_t{4}}}});
    }
    CHECK(read(file) == to_json(kRow) + "\n{\"step\": 4}\n");
    std::ofstream(file, std::ios::app) << "{\"step\": 5, \"lo";  // killed while writing
    {
        MetricsWriter writer(file, checkpoint);
        CHECK(writer.offset() == checkpoint);
        writer.write(Row{{{"step", int64_t{40}}}});
    }
    CHECK(read(file) == to_json(kRow) + "\n{\"step\": 40}\n");
    {
        MetricsWriter writer(file);
        writer.write(Row{{{"step", int64_t{41}}}});
        CHECK(writer.offset() == static_cast<int64_t>(read(file).size()));
    }
    CHECK(read(file) == to_json(kRow) + "\n{\"step\": 40}\n{\"step\": 41}\n");
    std::ofstream(file, std::ios::app) << "{\"step\": 42, \"lo";  // a full disk
    MetricsWriter(file).write(Row{{{"step", int64_t{42}}}});
    CHECK(read(file) == to_json(kRow) + "\n{\"step\": 40}\n{\"step\": 41}\n{\"step\": 42}\n");
}

TEST_CASE("A file shorter than the checkpoint says is corrupt, and is left alone") {
    const TempFolder folder;
    const std::string file = folder.path + "/metrics.jsonl";
    std::ofstream(file) << "{}\n";
    try {
        const MetricsWriter writer(file, 100);
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.code() == Code::corrupt);
    }
    CHECK(read(file) == "{}\n");
}

TEST_CASE("Writing where nothing can be written is an I/O error") {
    const TempFolder folder;
    const auto code_of = [](const auto& action) {
        try {
            action();
        } catch (const Error& error) {
            return error.code();
        }
        return Code::internal;
    };
    CHECK(code_of([&] { MetricsWriter writer(folder.path + "/none/metrics.jsonl"); }) == Code::io);
    CHECK(code_of([] { MetricsWriter("/dev/full").write(kRow); }) == Code::io);
}

TEST_CASE("Locales change no byte") {
    struct Comma : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
        char do_thousands_sep() const override { return '.'; }
        std::string do_grouping() const override { return "\3"; }
    };
    const std::string row =
        to_json(Row{{{"n", int64_t{1234567}}, {"x", 1234.5}, {"I", std::string("I")}}});
    const std::locale old = std::locale::global(std::locale(std::locale::classic(), new Comma));
    for (const char* name : {"C", "de_DE.UTF-8", "tr_TR.UTF-8"}) {
        std::setlocale(LC_ALL, name);
        CHECK(to_json(Row{{{"n", int64_t{1234567}}, {"x", 1234.5}, {"I", std::string("I")}}}) ==
              row);
        CHECK(fixed(1234.5, 2) == "1234.50");
        CHECK(grouped(1234567) == "1,234,567");
        CHECK(resident_bytes() > 1 << 20);
    }
    std::locale::global(old);
    std::setlocale(LC_ALL, "C");
    CHECK(row == "{\"n\": 1234567, \"x\": 1234.5, \"I\": \"I\"}");
}
