// Loading: what is refused before any code of the file runs, what after, and who wins when ids
// meet.
#include "runtime/instance.hpp"
#include "support.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
}

/// The refusal of a named file.
Error refusal(const std::string& file, bool insecure = false) {
    const auto error = thrown([&] { Registry registry(SearchPath{{file}, {}, insecure}); });
    INFO(file);
    REQUIRE(error);
    CHECK(error->code() == Code::plugin);
    return *error;
}

}  // namespace

TEST_CASE("files that are no plugin of ours are refused before they are loaded",
          "[runtime][loader]") {
    const Folder folder;
    const std::string good = slurp(library("good"));
    CHECK_THAT(refusal((folder.path / "absent.so").string()).what(),
               ContainsSubstring("cannot be opened: No such file"));
    CHECK_THAT(refusal("relative.so").what(), ContainsSubstring("absolute path"));
    CHECK_THAT(refusal(folder.path.string()).what(), ContainsSubstring("not a regular file"));
    CHECK_THAT(refusal(write(folder.path / "text.so", "hello")).what(),
               ContainsSubstring("not an ELF shared library"));
    CHECK_THAT(refusal(write(folder.path / "empty.so", "")).what(),
               ContainsSubstring("not an ELF shared library"));
    std::string other = good;
    other[18] = static_cast<char>(0xf3);  // e_machine: RISC-V
    other[19] = 0;
    CHECK_THAT(refusal(write(folder.path / "other.so", other)).what(),
               ContainsSubstring("another processor: riscv"));
    std::string object = good;
    object[16] = 1;  // e_type: ET_REL
    CHECK_THAT(refusal(write(folder.path / "object.so", object)).what(),
               ContainsSubstring("not a shared library"));
}

TEST_CASE("a library cut off anywhere is refused or loads, and never kills the process",
          "[runtime][loader]") {
    const Folder folder;
    const std::string good = slurp(library("good"));
    int truncated = 0;
    for (size_t keep = 64; keep < good.size(); keep += good.size() / 23) {
        const std::string file =
            write(folder.path / (std::to_string(keep) + ".so"), good.substr(0, keep));
        const auto error = thrown([&] { Registry registry(SearchPath{{file}, {}, false}); });
        if (error) {
            CHECK(error->code() == Code::plugin);
            truncated += std::string(error->what()).find("truncated") != std::string::npos ? 1 : 0;
        } else {
            CHECK(keep > good.size() / 2);  // only section headers and debug text are missing
        }
    }
    CHECK(truncated >= 5);
}

TEST_CASE("magic and ABI are judged, a later minor version is fine", "[runtime][loader]") {
    CHECK_THAT(refusal(library("wrong_magic")).what(), ContainsSubstring("wrong magic"));
    CHECK_THAT(refusal(library("wrong_abi")).what(),
               ContainsSubstring("speaks ABI 7, this host speaks ABI 1"));
    CHECK_THAT(refusal(library("no_entry")).what(),
               ContainsSubstring("exports no samara_plugin_entry"));
    const Registry registry(SearchPath{{library("good")}, {}, false});
    REQUIRE(registry.find("test.variant") != nullptr);
    CHECK(registry.find("test.variant")->library->sha256.size() == 64);
    CHECK(registry.find("test.variant")->library->origin == "config");
    CHECK(registry.find("test.other") == nullptr);
}

TEST_CASE("an unresolved symbol keeps the dynamic loader's words", "[runtime][loader]") {
    const Error error = refusal(library("unresolved"));
    CHECK_THAT(error.what(),
               ContainsSubstring("samara_function_that_is_nowhere") && ContainsSubstring("help: "));
}

TEST_CASE("tables may be longer than ours, never shorter than their first release",
          "[runtime][loader]") {
    CHECK_THAT(refusal(library("smaller")).what(), ContainsSubstring("has a table of"));
    for (const auto& [file, id] : std::map<std::string, std::string>{
             {"larger", "test.larger"}, {"old_host_view", "test.old_host_view"}}) {
        const Plugin& p = plugin(library(file), id);
        ObjectiveInstance objective(p, bind(p));
        at::Tensor gap = at::tensor({1.0, 3.0}, at::kDouble).requires_grad_();
        const std::vector<at::Tensor> in{gap}, weights{at::ones({2}, at::kDouble)};
        const at::Tensor total =
            objective.value_and_grad(in, weights, {2, 0, 0}, {}, nullptr, nullptr);
        CHECK(total.item<double>() == 10.0);
        total.backward();
        CHECK(at::equal(gap.grad(), at::tensor({2.0, 6.0}, at::kDouble)));
    }
}

TEST_CASE("a default outside its own range is refused, an unknown kind is a notice",
          "[runtime][loader]") {
    CHECK_THAT(refusal(library("bad_default")).what(),
               ContainsSubstring("'beta'") && ContainsSubstring("default -1.0"));
    const Registry registry(SearchPath{{library("newer_kind")}, {}, false});
    CHECK(registry.list().empty());
    REQUIRE(registry.notices().size() >= 1);
    CHECK_THAT(registry.notices().back(), ContainsSubstring("kind 'objective/9'"));
}

TEST_CASE("who may write to a plugin may run code as us", "[runtime][loader]") {
    const Folder folder;
    const fs::path inner = folder.path / "inner";
    fs::create_directory(inner);
    const std::string file = (inner / "p.so").string();
    fs::copy_file(library("hello"), file);
    ::chmod(file.c_str(), 0666);
    CHECK_THAT(refusal(file).what(),
               ContainsSubstring("world-writable") && ContainsSubstring("chmod o-w"));
    ::chmod(file.c_str(), 0664);  // umask 0002: fine, at most a notice
    ::chmod(inner.c_str(), 0777);
    CHECK_THAT(refusal(file).what(),
               ContainsSubstring(inner.string()) && ContainsSubstring("world-writable"));
    fs::create_directory(folder.path / "link");
    fs::create_symlink(file, folder.path / "link" / "l.so");
    CHECK_THAT(refusal((folder.path / "link" / "l.so").string()).what(),
               ContainsSubstring(inner.string()));
    const Registry allowed(SearchPath{{file}, {}, true});
    CHECK(allowed.find("example.hello_objective") != nullptr);
    CHECK_THAT(allowed.notices().at(0), ContainsSubstring("insecure folders are allowed"));
    ::chmod(inner.c_str(), 01777);  // a sticky folder is fine
    const Registry sticky(SearchPath{{file}, {}, false});
    CHECK(sticky.find("example.hello_objective") != nullptr);
}

TEST_CASE(
    "one file under two names is one library; two files with one id are an error that names both",
    "[runtime][loader]") {
    const Folder folder;
    fs::create_directories(folder.path / "a");
    fs::create_directories(folder.path / "b");
    const auto folder_of = [&](const char* name) { return (folder.path / name).string(); };
    fs::copy_file(library("good"), folder.path / "a" / "one.so");
    fs::create_hard_link(folder.path / "a" / "one.so", folder.path / "a" / "two.so");
    fs::create_symlink(folder.path / "a" / "one.so", folder.path / "a" / "three.so");
    const Registry one(SearchPath{{}, {{folder_of("a"), "--plugin-dir"}}, false});
    CHECK(one.list().size() == 1);
    CHECK(one.list()[0]->library->origin == "--plugin-dir");

    fs::copy_file(library("good"), folder.path / "b" / "copy.so");
    const Registry levels(
        SearchPath{{}, {{folder_of("a"), "--plugin-dir"}, {folder_of("b"), "user"}}, false});
    CHECK_THAT(levels.find("test.variant")->library->path, ContainsSubstring("/a/one.so"));
    CHECK_THAT(levels.notices().back(),
               ContainsSubstring("copy.so is hidden by") && ContainsSubstring("one.so"));

    fs::copy_file(library("good"), folder.path / "b" / "again.so");
    const auto error = thrown([&] {
        Registry both(SearchPath{{}, {{folder_of("b"), "user"}}, false});
    });
    REQUIRE(error);
    CHECK_THAT(error->what(), ContainsSubstring("again.so") && ContainsSubstring("copy.so"));
}

TEST_CASE("a broken file in a folder is a notice, an absent folder is nothing",
          "[runtime][loader]") {
    const Folder folder;
    write(folder.path / "broken.so", "not a library");
    write(folder.path / "readme.txt", "not looked at");
    const Registry registry(
        SearchPath{{}, {{folder.path.string(), "user"}, {"/nonexistent/samara", "system"}}, false});
    CHECK(registry.list().empty());
    REQUIRE(registry.notices().size() == 1);
    CHECK_THAT(registry.notices()[0], ContainsSubstring("broken.so"));
}
