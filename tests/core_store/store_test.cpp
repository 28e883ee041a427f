// The group store: round trip, reuse by key, damage, explanation.
#include "core/store/store.hpp"

#include "core/store/group_file.hpp"
#include "core/store/hash.hpp"
#include "core/store/manifest.hpp"
#include "store_help.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace store_test;
using namespace samara::host;

// The mutants that go past the hash make HDF5's own error paths leak; ours are still watched.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libhdf5";
}

namespace {

const InitHdf5 kInit;

bool mentions(const std::vector<std::string>& lines, const std::string& words) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
        return line.find(words) != std::string::npos;
    });
}

}  // namespace

TEST_CASE("SHA-256 agrees with FIPS 180-4") {
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    Sha256 parts;
    parts.update("a");
    parts.update("bc");
    CHECK(parts.hex() == sha256("abc"));
}

TEST_CASE("Groups come back as they went in") {
    const Folder folder;
    GroupStore store(folder.path() + "/caches");
    CHECK_FALSE(store.read(key()).has_value());
    for (const int count : {0, 1, 50}) {
        const std::vector<Group> groups = sample(count);
        store.write(key(std::to_string(count)), groups, R"({"rows": 3})");
        const auto back = store.read(key(std::to_string(count)));
        REQUIRE(back.has_value());
        CHECK(show(back->groups) == show(groups));
        CHECK(back->summary == R"({"rows": 3})");
    }
    const std::vector<CacheEntry> all = store.list();
    REQUIRE(all.size() == 3);
    for (const CacheEntry& entry : all) {
        CHECK(entry.problem.empty());
        CHECK(entry.relations == 2 * entry.groups);
        store.verify(entry.name);
    }
    CHECK(store.remove(all[0].name) > 0);
    CHECK(store.list().size() == 2);
    CHECK(problem_of([&] { store.verify(all[0].name); }).code == Code::config);
}

TEST_CASE("Equal groups give equal bytes, and one string is stored once") {
    const std::string once = write_group_file(sample(20));
    CHECK(once == write_group_file(sample(20)));
    std::vector<Group> large = sample(1);
    large[0].candidates[0].prompt[1].content = std::string(1 << 20, 'x');
    for (size_t k = 0; k < 1000000; k += 7) {
        large[0].candidates[0].prompt[1].content[k] = static_cast<char>('a' + k * k % 23);
    }
    const size_t one = write_group_file(large).size();
    large[0].candidates[1].prompt = large[0].candidates[0].prompt;
    large[0].candidates[2].prompt = large[0].candidates[0].prompt;
    CHECK(write_group_file(large).size() < one + 4096);
}

TEST_CASE("Token ids that do not fit int32 are refused, not cut") {
    std::vector<Group> groups = sample(1);
    groups[0].candidates[0].prompt_ids = {int64_t{1} << 31};
    CHECK(problem_of([&] { write_group_file(groups); }).what.find("2147483648") !=
          std::string::npos);
}

TEST_CASE("The key follows every part and no other thing") {
    const std::string digest = key().digest();
    CHECK(digest == key().digest());
    CHECK(digest != key("d2").digest());
    CacheKey shifted;
    shifted.parts = {{"ab", "c"}};
    CacheKey other;
    other.parts = {{"a", "bc"}};
    CHECK(shifted.digest() != other.digest());
    CacheKey swapped = key();
    std::swap(swapped.parts[0], swapped.parts[1]);
    CHECK(swapped.digest() != digest);
}

TEST_CASE("A miss is explained part by part against the nearest cache") {
    const Folder folder;
    GroupStore store(folder.path());
    CHECK(mentions(store.explain(key()), "holds no caches"));
    store.write(key(), sample(2), "{}");
    CacheKey far = key("far");
    far.parts.push_back({"limits", "max_tokens=1"});
    store.write(far, sample(3), "{}");
    CHECK(mentions(store.explain(key()), "cached and reused"));

    CacheKey changed = key();
    changed.parts[1].value = "version=2;file=aa;params=x";
    const auto lines = store.explain(changed);
    REQUIRE(lines.size() == 3);
    CHECK(lines[1].find("(2 groups)") != std::string::npos);
    CHECK(lines[2] == "  synthesizer 0 samara.pairs: version was 1, is 2");
    CacheKey tokenizer = key();
    tokenizer.parts[2].value = "t2";
    CHECK(mentions(store.explain(tokenizer), "tokenizer: was t1, is t2"));
    CacheKey more = key();
    more.parts.push_back({"synthesizer 1 x.y", "version=1"});
    CHECK(mentions(store.explain(more), "synthesizer 1 x.y: is new"));
    CacheKey fewer = key();
    fewer.parts.pop_back();
    CHECK(mentions(store.explain(fewer), "tokenizer: is gone"));
}

TEST_CASE("Damage of every kind is found, kept as .bad, and the caller rebuilds") {
    const auto damage = [](const std::string& suffix,
                           const std::function<void(const std::string&)>& harm) {
        const Folder folder;
        std::string said;
        GroupStore store(folder.path(), [&](const std::string& text) { said = text; });
        store.write(key(), sample(5), "{}");
        const std::string path = folder.path() + "/" + folder.names(suffix).at(0);
        harm(path);
        const bool exists = fs::exists(path);
        const std::string harmed = exists ? slurp(path) : "";
        const Problem problem = problem_of([&] { (void)store.read(key(), OnCorrupt::fail); });
        CAPTURE(suffix, problem.what);
        CHECK(problem.code == Code::corrupt);
        CHECK(fs::exists(path) == exists);  // fail changes nothing
        CHECK_FALSE(store.read(key()).has_value());
        CHECK(said.find("rebuilt") != std::string::npos);
        if (exists) {
            CHECK(slurp(path + ".bad") == harmed);
        }
        store.write(key(), sample(5), "{}");
        const auto rebuilt = store.read(key());
        REQUIRE(rebuilt.has_value());
        CHECK(show(rebuilt->groups) == show(sample(5)));
    };
    for (const std::string suffix : {".h5", ".json"}) {
        damage(suffix, [](const std::string& path) { spill(path, ""); });
        damage(suffix, [](const std::string& path) { spill(path, "not HDF5, not JSON"); });
        damage(suffix, [](const std::string& path) { spill(path, slurp(path).substr(0, 300)); });
        damage(suffix, [](const std::string& path) { spill(path, slurp(path) + "x"); });
    }
    damage(".h5", [](const std::string& path) { fs::remove(path); });
}

TEST_CASE("A manifest of another cache under this name is not believed") {
    const Folder folder;
    GroupStore store(folder.path());
    store.write(key("other"), sample(3), "{}");
    const std::string name = key("other").digest();
    fs::copy_file(folder.path() + "/" + name + ".json",
                  folder.path() + "/" + key().digest() + ".json");
    CHECK(problem_of([&] {
              (void)store.read(key(), OnCorrupt::fail);
          }).what.find("another cache") != std::string::npos);
}

TEST_CASE("Several hundred random mutants of both files: never a wrong value") {
    const Folder folder;
    GroupStore store(folder.path());
    store.write(key(), sample(8), "{\"a\": 1}");
    const std::string expected = show(sample(8));
    const uint32_t seed = 20240611;
    std::mt19937 random(seed);
    int refused = 0;
    for (const std::string suffix : {".h5", ".json"}) {
        const std::string path = folder.path() + "/" + folder.names(suffix).at(0);
        const std::string sound = slurp(path);
        for (int trial = 0; trial < 400; ++trial) {
            std::string mutant = sound;
            const size_t at = random() % mutant.size();
            if (trial % 4 == 3) {
                mutant.resize(at);
            } else {
                mutant[at] = static_cast<char>(mutant[at] ^ (1 << random() % 8));
            }
            spill(path, mutant);
            CAPTURE(seed, suffix, trial, at);
            const Problem problem = problem_of([&] { (void)store.read(key(), OnCorrupt::fail); });
            CHECK(problem.code == Code::corrupt);
            refused += problem.code == Code::corrupt ? 1 : 0;
        }
        spill(path, sound);
    }
    CHECK(refused == 800);
    const auto back = store.read(key());
    REQUIRE(back.has_value());
    CHECK(show(back->groups) == expected);
}

TEST_CASE("Even without the hash a mutant is refused or reads the same: HDF5's own checksums") {
    const std::string sound = write_group_file(sample(8));
    const std::string expected = show(sample(8));
    std::mt19937 random(7);
    int refused = 0;
    for (int trial = 0; trial < 600; ++trial) {
        std::string mutant = sound;
        const size_t at = trial < 200 ? random() % 4096 : random() % mutant.size();
        mutant[at] = static_cast<char>(mutant[at] ^ (1 << random() % 8));
        std::string text = expected;
        const Problem problem = problem_of([&] { text = show(read_group_file(mutant, "mutant")); });
        CAPTURE(trial, at, problem.what);
        CHECK(text == expected);
        CHECK((problem.what == "no error" || problem.code == Code::corrupt));
        refused += problem.code == Code::corrupt ? 1 : 0;
    }
    CHECK(refused > 100);
}

namespace {

// 40 groups of 1 MiB of text each: more than one file holds.
std::vector<samara::host::Group> many() {
    std::vector<samara::host::Group> out = sample(40);
    uint32_t state = 1;
    for (auto& group : out) {
        std::string text(1 << 20, ' ');
        for (char& c : text) {
            state = state * 1664525 + 1013904223;
            c = static_cast<char>('a' + (state >> 24) % 26);
        }
        group.candidates.front().response = text;
    }
    return out;
}

}  // namespace

TEST_CASE("Many groups go to several files and come back in order, one file at a time") {
    const Folder folder;
    GroupStore store(folder.path());
    const auto groups = many();
    store.write(key(), groups, "{}");
    const auto files = folder.names(".h5");
    CHECK(files.size() == 3);
    CHECK(store.find(key()) == "{}");
    const auto read = store.read(key());
    REQUIRE(read.has_value());
    CHECK((show(read->groups) == show(groups)));
    std::vector<samara::host::Group> passed;
    store.each(key(), [&](samara::host::Group&& group) { passed.push_back(std::move(group)); });
    CHECK((show(passed) == show(groups)));
    const auto entries = store.list();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].sha256.size() == 3);
    CHECK(entries[0].groups == 40);

    // Damage in the last file is damage of the cache.
    std::vector<std::string> last;
    for (const std::string& file : files) {
        if (file.find(entries[0].sha256[2].substr(0, 16)) != std::string::npos) {
            last.push_back(folder.path() + "/" + file);
        }
    }
    REQUIRE(last.size() == 1);
    std::string bytes = slurp(last[0]);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    spill(last[0], bytes);
    CHECK(problem_of([&] { (void)store.find(key(), OnCorrupt::fail); }).code == Code::corrupt);
    CHECK(problem_of([&] { store.each(key(), [](samara::host::Group&&) {}); }).code ==
          Code::corrupt);
    CHECK_FALSE(store.find(key()).has_value());
    CHECK(folder.names(".bad").size() == 4);  // the manifest and its files
}

TEST_CASE("A writer that gives up leaves nothing, and takes nothing from another one") {
    const Folder folder;
    GroupStore store(folder.path());
    const auto groups = many();
    {
        GroupStore::Writer left = store.writer(key());
        for (const auto& group : groups) {
            left.add(group);
        }
        store.write(key(), groups, "{}");
    }
    CHECK(folder.names(".h5").size() == 3);
    CHECK(folder.names().size() == 5);  // with the manifest and the lock file of use.hpp
    CHECK(store.read(key(), OnCorrupt::fail).has_value());
}
