// Shared by the tests of runtime: test plugins by file name, bound parameters, and what an Error
// said.
#pragma once
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#undef CHECK  // c10's ends the process; below it is Catch2's

#include "runtime/error.hpp"
#include "runtime/instances.hpp"
#include "runtime/objective.hpp"
#include "runtime/optimizer.hpp"
#include "runtime/registry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

namespace samara::test {

using namespace samara::host;
using Given = std::map<std::string, ParamValue>;

inline std::string library(const std::string& name) {
    return std::string(SAMARA_TEST_PLUGIN_DIR) + "/rt_" + name + ".so";
}
inline std::string own(const std::string& name) {
    return std::string(SAMARA_PLUGIN_DIR) + "/" + name + ".so";
}

/// A plugin of a library, loaded for the life of the process.
inline const Plugin& plugin(const std::string& file, const std::string& id) {
    static auto* registries = new std::map<std::string, std::unique_ptr<Registry>>;
    auto& registry = (*registries)[file];
    if (!registry) {
        registry = std::make_unique<Registry>(SearchPath{{file}, {}, false});
    }
    const Plugin* found = registry->find(id);
    INFO(id << " in " << file);
    REQUIRE(found != nullptr);
    return *found;
}

inline BoundParams bind(const Plugin& p, const Given& given = {}) {
    BoundParams out;
    const auto issues = bind_params(*p.descriptor, given, out);
    INFO((issues.empty() ? "" : issues.front().key + ": " + issues.front().what));
    REQUIRE(issues.empty());
    return out;
}

/// What `body` threw, as the command would print it; nothing when it did not.
template <class Body>
std::optional<Error> thrown(Body&& body) {
    try {
        body();
    } catch (const Error& error) {
        return error;
    }
    return std::nullopt;
}

/// A folder that goes away.
struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() /
        ("samara_test_" + std::to_string(::getpid()) + "_" + std::to_string(counter()++));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    static int& counter() {
        static int n = 0;
        return n;
    }
};

}  // namespace samara::test
