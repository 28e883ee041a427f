// Real preference files: the HH harmless test split and the open IFEval pairs.  Expected counts
// were taken from the files by a Python script with its own splitting rule (str.rpartition on the
// assistant marker).
#include "data_help.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using data_test::read;
using samara::host::DataSpec;

namespace {

std::string shared(const std::string& name, const std::string& folder = "prefs") {
    const std::string path = std::string(SAMARA_TEST_SHARED) + "/data/" + folder + "/" + name;
    if (!std::filesystem::exists(path)) {
        if (std::getenv("CI") != nullptr) {
            FAIL("missing: " << path);
        }
        SKIP("missing: " << path);
    }
    return path;
}

}  // namespace

TEST_CASE("The HH harmless test split reads with exactly its ten malformed rows skipped") {
    DataSpec spec;
    spec.files = {shared("hh-rlhf_harmless-base_test.jsonl.gz")};
    spec.format = "hh";
    spec.on_bad_row = "skip";
    spec.max_bad_rows = 10;
    const auto r = read(spec);
    CHECK(r.report.rows == 2312);
    CHECK(r.report.bad_rows == 10);
    CHECK(r.records.size() == 2302);
    // Lines 87, 517, 926, 1104: an empty last turn; 1255: different prompts.
    CHECK(r.report.first_bad.at(0).find(".gz:87:") != std::string::npos);
    CHECK(r.report.first_bad.at(3).find(".gz:1104:") != std::string::npos);
    CHECK(r.report.first_bad.at(4).find(".gz:1255:") != std::string::npos);
    CHECK(r.records[0].id == "hh-rlhf_harmless-base_test:1");
    CHECK(r.records[0].prompt.front().content == "what are some pranks with a pen i can do?");
    CHECK(r.records[0].prompt.size() == 5);
    for (const auto& record : r.records) {
        CHECK(record.prompt.front().role == "user");
        CHECK(record.chosen != record.rejected);
    }
    spec.max_bad_rows = 9;
    CHECK_THROWS_AS(read(spec), samara::host::Error);
}

TEST_CASE("The open IFEval pairs read without a bad row") {
    DataSpec spec;
    spec.files = {shared("ifeval_open_pairs.jsonl")};
    const auto r = read(spec);
    CHECK(r.records.size() == 1347);
    const auto& meta = r.records[0].meta;
    const std::pair<std::string, std::string> key{"key", "1000"};
    CHECK(std::find(meta.begin(), meta.end(), key) != meta.end());
}

TEST_CASE("IFEval's prompts read as prompts to be answered, with what they ask for") {
    DataSpec spec;
    spec.files = {shared("ifeval_input_data.jsonl", "instructions")};
    const auto r = read(spec);
    CHECK(r.records.size() == 541);
    for (const auto& record : r.records) {
        CHECK(record.prompt.size() == 1);
        CHECK_FALSE(record.chosen.has_value());
        CHECK(record.meta.size() == 3);  // instruction_id_list, key, kwargs
    }
}

TEST_CASE("JSON array files are refused with the command that converts them") {
    for (const char* name : {"llamafactory_dpo_en_demo.json", "llmbar_Natural.json"}) {
        DataSpec spec;
        spec.files = {shared(name)};
        try {
            read(spec);
            FAIL("accepted " << name);
        } catch (const samara::host::Error& error) {
            CHECK(error.code() == samara::host::Code::data);
            CHECK(std::string(error.what()).find("jq -c '.[]'") != std::string::npos);
        }
    }
}
