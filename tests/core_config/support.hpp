// A folder with a small run in it, and what loading it gives.  Shared by the tests of this folder.
#pragma once
#include "core/config/config.hpp"
#include "runtime/error.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace samara::host::test {

namespace fs = std::filesystem;

/// Eighteen lines that load without a complaint; tests append from line 19 on, or replace parts.
inline const std::string kBase =
    "[run]\n"                          // 1
    "output = \"out\"\n"               // 2
    "\n"                               // 3
    "[model]\n"                        // 4
    "path = \"model\"\n"               // 5
    "\n"                               // 6
    "[data]\n"                         // 7
    "train = [\"train.jsonl\"]\n"      // 8
    "\n"                               // 9
    "[[synthesizer]]\n"                // 10
    "plugin = \"test.pairs\"\n"        // 11
    "\n"                               // 12
    "[[objective]]\n"                  // 13
    "plugin = \"test.loss\"\n"         // 14
    "params = { beta = 0.5 }\n"        // 15
    "\n"                               // 16
    "[optimizer]\n"                    // 17
    "plugin = \"test.plain_step\"\n";  // 18

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

/// A temporary folder with train.jsonl, held.jsonl and model/, removed at the end.
class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "samara-config-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
        fs::create_directory(path_ / "model");
        write("train.jsonl", "{}\n");
        write("held.jsonl", "{}\n");
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ / name, std::ios::binary) << bytes;
        return (path_ / name).string();
    }
    [[nodiscard]] std::string path(const std::string& name) const {
        return (path_ / name).string();
    }

    [[nodiscard]] LoadedConfig load(const std::string& text,
                                    const std::vector<std::string>& overrides = {}) const {
        SearchPath search;
        search.files = {CONFIG_TEST_PLUGINS};
        Registry registry(search);
        return load_plan(write("run.toml", text), overrides, registry);
    }

    /// What is wrong with a text; the folder's name is cut out of the places: "run.toml:3:7".
    [[nodiscard]] std::vector<Problem> problems(
        const std::string& text,
        const std::vector<std::string>& overrides = {}) const {
        try {
            (void)load(text, overrides);
        } catch (const Error& error) {
            std::vector<Problem> found = error.problems();
            for (Problem& problem : found) {
                for (std::string* part : {&problem.where, &problem.help, &problem.what}) {
                    for (size_t at = 0;
                         (at = part->find(path_.string() + "/")) != std::string::npos;) {
                        part->erase(at, path_.string().size() + 1);
                    }
                }
            }
            return found;
        }
        return {};
    }

    /// The one thing that is wrong.
    [[nodiscard]] Problem problem(const std::string& text,
                                  const std::vector<std::string>& overrides = {}) const {
        const std::vector<Problem> found = problems(text, overrides);
        for (const Problem& each : found) {
            UNSCOPED_INFO(render(each));
        }
        REQUIRE(found.size() == 1);
        return found.front();
    }

private:
    fs::path path_;
};

/// Sets an environment variable for a scope; null unsets it.
class Environment {
public:
    Environment(const char* name, const char* value) : name_(name) {
        const char* old = std::getenv(name);
        had_ = old != nullptr;
        old_ = had_ ? old : "";
        set(value);
    }
    ~Environment() { set(had_ ? old_.c_str() : nullptr); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    void set(const char* value) const {
        value != nullptr ? ::setenv(name_.c_str(), value, 1) : ::unsetenv(name_.c_str());
    }
    std::string name_, old_;
    bool had_ = false;
};

}  // namespace samara::host::test
