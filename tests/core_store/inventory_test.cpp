// Checking and removing caches, and locks: what is in use stays, what is damaged is named.
#include "core/store/inventory.hpp"

#include "core/store/manifest.hpp"
#include "core/store/reference_store.hpp"
#include "core/store/rollout_store.hpp"
#include "store_help.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <sys/wait.h>
#include <unistd.h>

using namespace store_test;
using namespace samara::host;

namespace {

const InitHdf5 kInit;
constexpr int64_t kDay = 86400;

int64_t now() {
    return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

LogpsOfGroups some_logps(char digit) {
    return {{std::string(64, digit), {{-1.5, -2.25}, {-1.0, -0.5, -2.25}, {}, 0.1}}};
}

/// Two group caches and two shards of one reference; nobody uses them when this returns.
void fill(const std::string& folder) {
    GroupStore(folder + "/groups").write(key("one"), sample(3), "{}");
    GroupStore(folder + "/groups").write(key("two"), sample(30), "{}");
    ReferenceStore store(folder + "/reference", key("r"));
    store.write(some_logps('a'));
    store.write(some_logps('b'));
}

void age(const std::string& path, int64_t days) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
}

/// All files of a cache and its lock as if last used so long ago.
void age(const CacheItem& item, int64_t days) {
    for (const std::string& file : item.files) {
        age(file, days);
    }
    age(lock_of(item.use), days);
}

void flip_byte(const std::string& path, size_t at) {
    std::string bytes = slurp(path);
    bytes.at(at) = static_cast<char>(bytes[at] ^ 4);
    spill(path, bytes);
}

std::string group_file(const std::string& folder, const std::string& data, const char* suffix) {
    for (const auto& entry : fs::directory_iterator(folder + "/groups")) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(key(data).digest()) && name.ends_with(suffix)) {
            return entry.path().string();
        }
    }
    return "";
}

size_t count(const std::vector<Pruned>& pruned, bool in_use) {
    return static_cast<size_t>(std::count_if(
        pruned.begin(), pruned.end(), [&](const Pruned& one) { return one.in_use == in_use; }));
}

}  // namespace

TEST_CASE("Every cache is listed and sound; damage is named with its file") {
    const Folder folder;
    CHECK(inventory(folder.path() + "/absent").empty());
    fill(folder.path());
    std::vector<CacheItem> items = inventory(folder.path());
    REQUIRE(items.size() == 4);
    for (const CacheItem& item : items) {
        CHECK_FALSE(verify(item).has_value());
        CHECK(item.bytes > 100);
        CHECK(now() - item.last_use < 100);
    }
    const std::string data = group_file(folder.path(), "one", ".h5");
    flip_byte(data, 500);
    std::string shard;
    for (const CacheItem& item : items) {
        shard = item.kind == CacheItem::Kind::reference ? item.files.front() : shard;
    }
    flip_byte(shard, 700);
    std::map<std::string, std::string> found;
    for (const CacheItem& item : inventory(folder.path())) {
        if (const auto problem = verify(item)) {
            CHECK(problem->code == Code::corrupt);
            found[problem->where] = problem->what;
        }
    }
    REQUIRE(found.size() == 2);
    CHECK(found[data].find("does not match its SHA-256") != std::string::npos);
    CHECK(found[shard].find("does not match the SHA-256 at its end") != std::string::npos);
}

TEST_CASE("A shard in the folder of another key is refused") {
    const Folder folder;
    ReferenceStore(folder.path(), key("x")).write(some_logps('a'));
    const std::string from = folder.path() + "/" + key("x").digest();
    const std::string to = folder.path() + "/" + key("y").digest();
    fs::copy(from, to);
    std::string said;
    CHECK(ReferenceStore(folder.path(), key("y"), [&](const std::string& text) { said = text; })
              .read()
              .empty());
    CHECK(said.find("of another key") != std::string::npos);
    CHECK(ReferenceStore(folder.path(), key("x")).read().size() == 1);
}

TEST_CASE("Rollouts are checked by the number in their name") {
    const Folder folder;
    std::vector<Group> batch = sample(2);
    for (Group& group : batch) {
        for (Candidate& c : group.candidates) {
            const std::vector<double> values(c.response_ids.size(), -0.5);
            c.ref_tok_logp = values;
            auto rollout = std::make_shared<Rollout>();
            rollout->old_logp = values;
            rollout->advantage = values;
            c.rollout = std::move(rollout);
        }
    }
    for (const int64_t n : {0, 12}) {
        char name[32];
        std::snprintf(name, sizeof name, "/batch-%06ld.h5", static_cast<long>(n));
        write_rollouts(folder.path() + name, std::to_string(n), batch);
        CHECK_FALSE(verify_rollouts(folder.path() + name).has_value());
    }
    fs::rename(folder.path() + "/batch-000012.h5", folder.path() + "/batch-000013.h5");
    const auto moved = verify_rollouts(folder.path() + "/batch-000013.h5");
    REQUIRE(moved.has_value());
    CHECK(moved->where == folder.path() + "/batch-000013.h5");
    flip_byte(folder.path() + "/batch-000000.h5", 900);
    CHECK(verify_rollouts(folder.path() + "/batch-000000.h5").has_value());
}

TEST_CASE("Prune takes what is old, what is too much and what is damaged, and says so first") {
    const Folder folder;
    const std::string& cache = folder.path();
    fill(cache);
    const std::vector<CacheItem> items = inventory(cache);
    const auto files = [&] {
        return static_cast<size_t>(std::distance(fs::recursive_directory_iterator(cache),
                                                 fs::recursive_directory_iterator()));
    };
    const size_t before = files();
    SECTION("by the time of the last use") {
        age(items[0], 10);
        const PruneRules rules{.unused_seconds = 5 * kDay, .most_bytes = {}, .damaged = false};
        const auto told = prune(cache, rules, now(), true);
        CHECK(files() == before);
        const auto done = prune(cache, rules, now(), false);
        REQUIRE(done.size() == told.size());
        CHECK(done[0].item.files == told[0].item.files);
        CHECK(done[0].why == "not used for 10 days");
        CHECK(prune(cache, rules, now(), false).empty());
        CHECK(inventory(cache).size() == 4 - done.size());
    }
    SECTION("a use makes a cache young") {
        for (const CacheItem& item : items) {
            age(item, 10);
        }
        CHECK(GroupStore(cache + "/groups").read(key("two")).has_value());
        const PruneRules rules{.unused_seconds = 5 * kDay, .most_bytes = {}, .damaged = false};
        CHECK(prune(cache, rules, now(), false).size() == 3);
        CHECK(GroupStore(cache + "/groups").read(key("two")).has_value());
        CHECK_FALSE(GroupStore(cache + "/groups").read(key("one")).has_value());
        CHECK(fs::is_empty(cache + "/reference"));  // no shard, no folder, no lock
    }
    SECTION("by size, the least recently used first") {
        int64_t days = 40;
        uint64_t total = 0;
        for (const CacheItem& item : items) {
            total += item.bytes;
            if (item.kind == CacheItem::Kind::groups) {
                age(item, days -= 10);
            }
        }
        const auto sorted = inventory(cache);
        const PruneRules rules{.unused_seconds = {}, .most_bytes = total - 1, .damaged = false};
        const auto done = prune(cache, rules, now(), false);
        REQUIRE(done.size() == 1);
        CHECK(done[0].item.files == sorted[0].files);
        const PruneRules all{.unused_seconds = {}, .most_bytes = 0, .damaged = false};
        CHECK(prune(cache, all, now(), false).size() == 3);
        CHECK(inventory(cache).empty());
    }
    SECTION("what is damaged, and what was set aside") {
        flip_byte(group_file(cache, "one", ".json"), 40);
        spill(cache + "/groups/x.h5.bad", "x");
        const PruneRules rules{.unused_seconds = {}, .most_bytes = {}, .damaged = true};
        CHECK(prune(cache, rules, now(), true).size() == 2);
        CHECK(prune(cache, rules, now(), false).size() == 2);
        CHECK(group_file(cache, "one", "").empty());  // data and lock too
        CHECK(inventory(cache).size() == 3);
        for (const CacheItem& item : inventory(cache)) {
            CHECK_FALSE(verify(item).has_value());
        }
    }
}

TEST_CASE("What somebody uses is never removed") {
    const Folder folder;
    fill(folder.path());
    const PruneRules all{.unused_seconds = {}, .most_bytes = 0, .damaged = true};
    {
        GroupStore groups(folder.path() + "/groups");
        REQUIRE(groups.read(key("one")).has_value());
        ReferenceStore reference(folder.path() + "/reference", key("r"));
        REQUIRE(reference.read().size() == 2);
        for (const bool dry_run : {true, false}) {
            const auto pruned = prune(folder.path(), all, now(), dry_run);
            CHECK(count(pruned, true) == 3);   // the cache that is read and both shards
            CHECK(count(pruned, false) == 1);  // the other one
        }
        CHECK(groups.read(key("one")).has_value());
        CHECK(reference.read().size() == 2);
    }
    CHECK(count(prune(folder.path(), all, now(), false), false) == 3);
    CHECK(inventory(folder.path()).empty());
}

TEST_CASE("Users and a pruner at the same time: always right values, nothing set aside") {
    const Folder folder;
    const std::string groups = folder.path() + "/groups", stop = folder.path() + "/stop";
    std::vector<pid_t> users;
    for (int user = 0; user < 2; ++user) {
        const pid_t child = fork();
        if (child == 0) {
            bool right = true;
            for (useconds_t pause = 500; !fs::exists(stop); pause = pause * 7 % 5003) {
                {
                    GroupStore store(groups, [&](const std::string&) { right = false; });
                    if (const auto seen = store.read(key())) {
                        right = right && show(seen->groups) == show(sample(3));
                    } else {
                        store.write(key(), sample(3), "{}");
                        right = right && store.read(key(), OnCorrupt::fail).has_value();
                    }
                }
                usleep(pause);  // now and then nobody uses it
            }
            _exit(right ? 0 : 1);
        }
        users.push_back(child);
    }
    const PruneRules all{.unused_seconds = {}, .most_bytes = 0, .damaged = false};
    size_t removed = 0, in_use = 0;
    for (const int64_t start = now(); (removed < 5 || in_use < 5) && now() - start < 120;) {
        const auto pruned = prune(folder.path(), all, now(), false);
        removed += count(pruned, false);
        in_use += count(pruned, true);
    }
    spill(stop, "");
    for (const pid_t user : users) {
        int status = 0;
        waitpid(user, &status, 0);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
    }
    CHECK(removed >= 5);
    CHECK(in_use >= 5);
}

TEST_CASE("A published model folder is held to its manifest; files beside it and others' are not") {
    const Folder folder;
    const std::string model = folder.path() + "/model";
    {
        AtomicFolder out(model);
        spill(out.path() + "/config.json", R"({"a": 1})");
        spill(out.path() + "/model.safetensors", "weights");
        out.publish();
    }
    CHECK(verify_published(model) == model);
    spill(model + "/README.md", "mine");
    CHECK(verify_published(model) == model);
    spill(model + "/config.json", R"({"a": 2})");
    const Problem changed = problem_of([&] { (void)verify_published(model); });
    CHECK(changed.code == Code::corrupt);
    CHECK(changed.where == model + "/config.json");
    CHECK(changed.help.find("remove manifest.json") != std::string::npos);
    fs::remove(model + "/model.safetensors");
    spill(model + "/config.json", R"({"a": 1})");
    CHECK(problem_of([&] { (void)verify_published(model); }).what.find("missing") !=
          std::string::npos);
    spill(model + "/manifest.json", R"({"name": "somebody else's"})");
    CHECK(verify_published(model) == model);
    fs::remove(model + "/manifest.json");
    CHECK(verify_published(model) == model);
}
