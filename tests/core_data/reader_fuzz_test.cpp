// Damaged rows: whatever the bytes, reading ends with records or with a data error that names its
// place.
#include "data_help.hpp"
#include "runtime/random.hpp"

#include <catch2/catch_test_macros.hpp>

TEST_CASE("Any change of a few bytes in a file gives records or a located data error") {
    const std::string rows =
        R"({"id": "1", "prompt": "p\u00e9", "chosen": "a b", "rejected": "a c", "x": {"y": [1, 2.5e3]}})"
        "\n"
        R"({"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "rejected": )"
        R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "s"}]})"
        "\n"
        R"({"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4]})"
        "\n";
    const std::string interesting = "{}[]\",:\\\n\r\x01\xff\xc3 0-9eun";
    const data_test::Folder folder;
    int refused = 0;
    for (uint64_t trial = 0; trial < 3000; ++trial) {
        std::string bytes = rows;
        const uint64_t seed = samara::host::derive_seed(11, "fuzz", trial);
        for (uint64_t k = 0; k < 1 + trial % 4; ++k) {
            const uint64_t at =
                samara::host::below(samara::host::random_word(seed, 2 * k), bytes.size());
            const uint64_t pick = samara::host::random_word(seed, 2 * k + 1);
            switch (pick % 3) {
                case 0:
                    bytes[at] = interesting[samara::host::below(pick, interesting.size())];
                    break;
                case 1:
                    bytes.erase(at, 1 + pick / 3 % 5);
                    break;
                default:
                    bytes.insert(at, 1, interesting[samara::host::below(pick, interesting.size())]);
            }
        }
        samara::host::DataSpec spec;
        spec.files = {folder.file("f.jsonl", bytes)};
        try {
            const auto read = data_test::read(spec);
            CHECK(!read.records.empty());
        } catch (const samara::host::Error& error) {
            ++refused;
            CHECK(error.code() == samara::host::Code::data);
            CHECK(error.problems()[0].where.find("f.jsonl:") != std::string::npos);
        }
    }
    CHECK(refused > 1000);
    CHECK(refused < 3000);
}
