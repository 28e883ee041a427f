// harness.cpp - the stub host, the loaded library and the oracle runner behind harness.hpp.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace samara::test {
namespace {

thread_local std::string last_error;

const samara_host& host() {
    static const samara_host kHost = [] {
        samara_host h{};
        h.struct_size = sizeof h;
        h.abi = SAMARA_ABI;
        h.build = "instruction tests";
        h.set_error = [](samara_call*, samara_str s) { last_error = std::string(view(s)); };
        h.get_extension = [](samara_call*, const char*) -> const void* { return nullptr; };
        return h;
    }();
    return kHost;
}

samara_call* call() {
    static int anchor;
    return reinterpret_cast<samara_call*>(&anchor);  // opaque to the library
}

}  // namespace

Rows::Rows(std::vector<Row> rows) : rows_(std::move(rows)) {
    for (const Row& row : rows_) {
        texts_.push_back(row.at("chosen"));
        texts_.push_back(row.at("rejected"));
    }
    for (size_t i = 0; i < rows_.size(); ++i) {
        samara_record record{};
        record.struct_size = sizeof record;
        record.chosen = text(texts_[2 * i]);
        record.rejected = text(texts_[2 * i + 1]);
        record.weight = 1;
        records_.push_back(record);
    }
    dataset_ = {sizeof dataset_, this, static_cast<int64_t>(rows_.size()), get, nullptr};
}

const samara_record* Rows::get(void* ctx, int64_t index) {
    auto& self = *static_cast<Rows*>(ctx);
    const bool inside = index >= 0 && index < static_cast<int64_t>(self.records_.size());
    return inside ? &self.records_[static_cast<size_t>(index)] : nullptr;
}

Library::Library(const std::string& id) {
    const std::string path = std::string(SAMARA_PLUGIN_DIR) + "/samara_instructions.so";
    void* file = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed, like in the host
    INFO(path);
    REQUIRE(file != nullptr);
    const auto* entry = static_cast<const samara_entry*>(dlsym(file, "samara_plugin_entry"));
    REQUIRE(entry != nullptr);
    REQUIRE(entry->n_plugins == 2);
    plugin_ = entry->plugins[id == entry->plugins[0]->id ? 0 : 1];
    REQUIRE(plugin_->id == id);
    table_ = static_cast<const samara_instructions*>(plugin_->vtable);
    REQUIRE(table_->create(&host(), call(), nullptr, 0, &self_) == SAMARA_OK);
}

Library::~Library() {
    table_->destroy(self_);
}

std::vector<const samara_instruction_type*> Library::types() const {
    const samara_instruction_type* const* list = nullptr;
    int64_t n = 0;
    if (table_->types(self_, call(), &list, &n) != SAMARA_OK) {
        FAIL(last_error);
    }
    return {list, list + n};
}

int64_t Library::find(const std::string& id) const {
    const auto list = types();
    for (size_t i = 0; i < list.size(); ++i) {
        if (id == list[i]->id) {
            return static_cast<int64_t>(i);
        }
    }
    FAIL("no type " << id);
    return -1;
}

Judged Library::check(const std::string& id,
                      const std::string& kwargs,
                      const std::string& response,
                      bool negated) const {
    last_error.clear();
    samara_check c{text(id), text(kwargs), negated ? 1 : 0, -7, -7};
    const int64_t status = table_->check(self_, call(), nullptr, 0, text(response), &c, 1);
    return {status, c.strict, c.loose, last_error};
}

std::optional<Solution> Library::solve(const samara_dataset& corpus,
                                       int64_t type,
                                       const std::vector<Demand>& demands,
                                       uint64_t seed) const {
    std::vector<samara_demand> wanted;
    for (const Demand& d : demands) {
        wanted.push_back({text(d.response), d.truth ? 1 : 0});
    }
    std::optional<Solution> out;
    const auto put = [](void* ctx, samara_str kwargs, int64_t negated) {
        *static_cast<std::optional<Solution>*>(ctx) = {std::string(view(kwargs)), negated != 0};
    };
    last_error.clear();
    const int64_t status = table_->solve(self_,
                                         call(),
                                         &corpus,
                                         type,
                                         nullptr,
                                         0,
                                         wanted.data(),
                                         static_cast<int64_t>(wanted.size()),
                                         seed,
                                         put,
                                         &out);
    if (status !=
        SAMARA_OK) {  // called often: an assertion each time would cost more than the call
        FAIL(last_error);
    }
    return out;
}

std::string Library::phrase(const std::string& id,
                            const Solution& solution,
                            Wordings set,
                            uint64_t seed,
                            std::string* error) const {
    std::string out;
    const auto put = [](void* ctx, samara_str s) { *static_cast<std::string*>(ctx) = view(s); };
    last_error.clear();
    const int64_t status = table_->phrase(self_,
                                          call(),
                                          text(id),
                                          text(solution.kwargs),
                                          solution.negated ? 1 : 0,
                                          static_cast<int64_t>(set),
                                          seed,
                                          put,
                                          &out);
    if (error != nullptr) {
        *error = last_error;
        return out;
    }
    if (status !=
        SAMARA_OK) {  // called often: an assertion each time would cost more than the call
        FAIL(last_error);
    }
    return out;
}

std::vector<Row> read_rows(const std::string& path) {
    std::ifstream file(path);
    INFO(path);
    REQUIRE(file.good());
    std::vector<Row> out;
    for (std::string line; std::getline(file, line);) {
        out.push_back(Row::parse(line));
    }
    return out;
}

std::string shared_or_skip() {
    const std::string path = SAMARA_TEST_SHARED;
    if (std::filesystem::exists(path + "/data/instructions/ifeval_input_data.jsonl")) {
        return path;
    }
    if (std::getenv("CI") != nullptr) {
        FAIL("the shared data folder is absent, and CI may not skip it");
    }
    SKIP("the shared data folder is absent");
    return {};
}

std::string run_python(const std::string& script, const std::vector<std::string>& arguments) {
    const char* given = std::getenv("SAMARA_TEST_PYTHON");
    const std::string python =
        given != nullptr ? given : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
    if (!std::filesystem::exists(python)) {
        if (std::getenv("CI") != nullptr) {
            FAIL("the test-only Python environment is absent, and CI may not skip it");
        }
        SKIP("the test-only Python environment is absent");
    }
    const std::string errors = scratch(script + ".stderr");
    std::string command = python + " " + SAMARA_SOURCE_DIR "/tests/plugins_instructions/" + script;
    for (const std::string& argument : arguments) {
        command += " '" + argument + "'";
    }
    command += " 2> '" + errors + "'";
    FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string out;
    char buffer[4096];
    for (size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
        out.append(buffer, n);
    }
    const int status = pclose(pipe);
    std::stringstream why;
    why << std::ifstream(errors).rdbuf();
    INFO(command << "\n" << why.str());
    REQUIRE(WEXITSTATUS(status) == 0);
    return out;
}

std::string scratch(const std::string& name) {
    const auto folder = std::filesystem::temp_directory_path() /
                        ("samara_instructions_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    return (folder / name).string();
}

}  // namespace samara::test
