// Event files, read back by TensorBoard's own reader.
#include "core/report/events.hpp"

#include "runtime/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace samara::host;
namespace fs = std::filesystem;

namespace {

std::string python() {
    const char* named = std::getenv("SAMARA_TEST_PYTHON");
    return named != nullptr ? named : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
}

// What TensorBoard reads in a folder: {tag: [[step, value], ...]}.
nlohmann::json scalars(const std::string& folder) {
    const std::string command =
        python() + " " SAMARA_SOURCE_DIR "/tests/core_report/read_events.py " + folder;
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) {
        text += static_cast<char>(c);
    }
    REQUIRE(WEXITSTATUS(::pclose(pipe)) == 0);
    return nlohmann::json::parse(text);
}

struct TempFolder {
    TempFolder() {
        std::string name = (fs::temp_directory_path() / "samara-events-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TempFolder() { fs::remove_all(path); }
    std::string path;
};

void need_python() {
    if (!fs::exists(python())) {
        const std::string why = "no test interpreter at " + python();
        if (std::getenv("CI") != nullptr) {
            FAIL(why);
        }
        SKIP(why);
    }
}

}  // namespace

TEST_CASE("CRC-32C agrees with the check values of RFC 3720") {
    CHECK(crc32c("123456789") == 0xe3069283U);
    CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
    CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
    CHECK(crc32c("") == 0);
}

TEST_CASE("TensorBoard reads back texts, for its text plugin") {
    need_python();
    const TempFolder folder;
    {
        EventsWriter writer(folder.path);
        writer.text("samples", "**a**\n\n    \u00fcber\n", 3);
        writer.scalar("x", 1, 3);
        writer.text("samples", std::string(300, 'b'), 4);
    }
    const nlohmann::json read = scalars(folder.path);
    CHECK(read["samples"] ==
          nlohmann::json{{3, "**a**\n\n    \u00fcber\n"}, {4, std::string(300, 'b')}});
    CHECK(read["x"] == nlohmann::json{{3, 1.0}});
}

TEST_CASE("TensorBoard reads back every scalar") {
    need_python();
    const TempFolder folder;
    {
        EventsWriter writer(folder.path);
        for (int64_t step = 0; step <= 300; ++step) {
            writer.scalar("train/loss", 1.0 / static_cast<double>(step + 1), step);
            writer.scalar("train/accuracy/\u00fcber", 0.5, step);
        }
        writer.scalar("big", -1e30, int64_t{1} << 40);
    }
    const nlohmann::json read = scalars(folder.path);
    REQUIRE(read.size() == 3);
    REQUIRE(read["train/loss"].size() == 301);
    for (int64_t step = 0; step <= 300; ++step) {
        REQUIRE(read["train/loss"][static_cast<size_t>(step)][0] == step);
        REQUIRE(read["train/loss"][static_cast<size_t>(step)][1].get<float>() ==
                static_cast<float>(1.0 / static_cast<double>(step + 1)));
    }
    CHECK(read["train/accuracy/\u00fcber"][7] == nlohmann::json({7, 0.5}));
    CHECK(read["big"][0][0] == int64_t{1} << 40);
    CHECK(read["big"][0][1].get<float>() == -1e30F);
}

TEST_CASE("After a resume TensorBoard sees the new values only") {
    need_python();
    const TempFolder folder;
    {
        EventsWriter writer(folder.path);
        for (int64_t step = 1; step <= 9; ++step) {
            writer.scalar("loss", 1.0, step);
        }
    }
    {
        EventsWriter writer(folder.path, 6);  // steps 6 to 9 are done again
        for (int64_t step = 6; step <= 10; ++step) {
            writer.scalar("loss", 2.0, step);
        }
    }
    nlohmann::json expected = nlohmann::json::array();
    for (int step = 1; step <= 10; ++step) {
        expected.push_back({step, step < 6 ? 1.0 : 2.0});
    }
    CHECK(scalars(folder.path)["loss"] == expected);
    CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 2);
}

TEST_CASE("Values are on the disk after a flush and when the step changes") {
    const TempFolder folder;
    EventsWriter writer(folder.path);
    const auto start = fs::file_size(writer.path());
    writer.scalar("loss", 1.0, 1);
    CHECK(fs::file_size(writer.path()) == start);
    writer.scalar("loss", 1.0, 2);
    const auto one = fs::file_size(writer.path());
    CHECK(one > start);
    writer.flush();
    CHECK(fs::file_size(writer.path()) > one);
    CHECK_THROWS_AS(EventsWriter(folder.path + "/none"), Error);
}
