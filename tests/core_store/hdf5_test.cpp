// The file as others see it: h5py reads it, hostile files made with h5py are refused before any
// data is read.
#include "core/store/group_file.hpp"
#include "store_help.hpp"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>
#include <sys/wait.h>

using namespace store_test;
using namespace samara::host;

namespace {

std::string need_python() {
    const std::string path = python();
    if (path.empty()) {
        if (std::getenv("CI") != nullptr) {
            FAIL("no test Python: set SAMARA_TEST_PYTHON or make .venv-test");
        }
        SKIP("no test Python: set SAMARA_TEST_PYTHON or make .venv-test");
    }
    return path;
}

int run(const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("Reading refuses to start before HDF5's filter plugins are forbidden") {
    // In a child: the setting is process-global and other tests have made it.
    const pid_t child = fork();
    if (child == 0) {
        // A fresh process image has the default state; the environment names the case to run in it.
        setenv("SAMARA_TEST_FRESH", "1", 1);
        execl("/proc/self/exe", "fresh", "[.fresh-process]", nullptr);
        _exit(99);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("In a fresh process: the group file is written but not read", "[.fresh-process]") {
    const std::string bytes = write_group_file(sample(1));
    const Problem problem = problem_of([&] { (void)read_group_file(bytes, "x"); });
    CHECK(problem.what.find("init_hdf5() was not called") != std::string::npos);
    init_hdf5();
    CHECK(show(read_group_file(bytes, "x")) == show(sample(1)));
}

TEST_CASE("The ten-line h5py example reads the same groups") {
    const std::string interpreter = need_python();
    const Folder folder;
    GroupStore store(folder.path());
    const std::vector<Group> groups = sample(12);
    store.write(key(), groups, "{}");
    const std::string file = folder.path() + "/" + folder.names(".h5").at(0);
    const std::string out = folder.path() + "/out.jsonl";
    REQUIRE(run(interpreter + " " SAMARA_SOURCE_DIR "/examples/read_cache.py " + file + " > " +
                out) == 0);
    std::ifstream lines(out);
    std::string line;
    size_t n = 0;
    while (std::getline(lines, line)) {
        const auto row = nlohmann::json::parse(line);
        const Group& g = groups.at(n++);
        CHECK(row.at("record_id") == g.record_id);
        REQUIRE(row.at("candidates").size() == g.candidates.size());
        for (size_t c = 0; c < g.candidates.size(); ++c) {
            const auto& found = row["candidates"][c];
            CHECK(found.at("prompt").at(1).at(1) == g.candidates[c].prompt[1].content);
            CHECK(found.at("response") == (g.candidates[c].response
                                               ? nlohmann::json(*g.candidates[c].response)
                                               : nlohmann::json()));
            CHECK(found.at("prompt_ids") == nlohmann::json(g.candidates[c].prompt_ids));
            CHECK(found.at("response_ids") == nlohmann::json(g.candidates[c].response_ids));
        }
        REQUIRE(row.at("relations").size() == 2);
        CHECK(row["relations"][1] == nlohmann::json({"inter", 0, 1, 1, 2, 0.25}));
    }
    CHECK(n == 12);
}

TEST_CASE("Hostile files are refused by name before any data is read") {
    const std::string interpreter = need_python();
    init_hdf5();
    const Folder folder;
    const std::string sound = folder.path() + "/sound.h5";
    spill(sound, write_group_file(sample(3)));
    const std::pair<const char*, const char*> cases[] = {
        {"external_link", "'candidates/label' is a link to elsewhere"},
        {"soft_link", "'candidates/label' is a link to elsewhere"},
        {"soft_group", "'candidates' is a link to elsewhere"},
        {"external_storage", "'candidates/label' is not stored in chunks"},
        {"virtual", "'candidates/label' is not stored in chunks"},
        {"filter", "'candidates/label' uses the foreign filter"},
        {"absurd", "'candidates/label' claims"},
        {"no_checksum", "'candidates/label' has no checksum"},
        {"type", "'candidates/label' has another type or shape"},
        {"rank", "'candidates/label' has another type or shape"},
        {"missing", "'candidates/label' is missing"},
        {"extra", "'candidates/extra' is not in the schema"},
        {"version", "not of schema samara.groups version 1"},
        {"no_version", "not of schema samara.groups version 1"},
        {"index", "do not fit together: candidates/response"},
        {"offsets", "do not fit together: groups/candidates"},
        {"relation", "do not fit together: relations"},
        {"short", "do not fit together: candidates"},
        {"none", ""},
    };
    for (const auto& [name, words] : cases) {
        CAPTURE(name);
        const std::string path = folder.path() + "/" + name + ".h5";
        fs::copy_file(sound, path);
        REQUIRE(run(interpreter + " " SAMARA_SOURCE_DIR "/tests/core_store/hostile.py " + path +
                    " " + name) == 0);
        const Problem problem = problem_of([&] { (void)read_group_file(slurp(path), path); });
        CAPTURE(problem.what);
        if (std::string(name) == "none") {  // the script itself leaves a file that reads
            CHECK(problem.what == "no error");
            continue;
        }
        CHECK(problem.code == Code::corrupt);
        CHECK(problem.what.find(words) != std::string::npos);
    }
}
