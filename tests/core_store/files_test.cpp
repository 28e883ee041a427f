// Atomic files and folders under failing calls, kills and concurrent writers.
#include "core/store/files.hpp"

#include "store_help.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace store_test;
using namespace samara::host;

namespace {

const InitHdf5 kInit;

// A child process that runs `work` and nothing of the test framework: exit status 0 when it
// returned true.
template <class Work>
pid_t in_child(const Work& work) {
    const pid_t child = fork();
    if (child == 0) {
        int status = 2;
        try {
            status = work() ? 0 : 1;
        } catch (...) {
        }
        _exit(status);
    }
    return child;
}

// Fails the k-th call that changes the disk with `reason`, or with 0 kills the process there as
// kill -9 does; every write before it may be short.
class Failing final : public FileLayer {
public:
    Failing(int k, int reason) : left_(k), reason_(reason) {}
    int open(const char* path, int flags, unsigned mode) override {
        return fails() ? -1 : FileLayer::open(path, flags, mode);
    }
    ssize_t write(int fd, const void* bytes, size_t size) override {
        return fails() ? -1 : FileLayer::write(fd, bytes, std::min<size_t>(size, 4000));
    }
    int sync(int fd) override { return fails() ? -1 : FileLayer::sync(fd); }
    int close(int fd) override {
        const int done = FileLayer::close(fd);
        return fails() ? -1 : done;
    }
    int rename(const char* a, const char* b) override {
        return fails() ? -1 : FileLayer::rename(a, b);
    }
    int exchange(const char* a, const char* b) override {
        return fails() ? -1 : FileLayer::exchange(a, b);
    }
    [[nodiscard]] bool fired() const { return left_ < 0; }

private:
    bool fails() {
        if (left_-- == 0) {
            if (reason_ == 0) {
                kill(getpid(), SIGKILL);
            }
            errno = reason_;
            return true;
        }
        return false;
    }
    int left_;
    int reason_;
};

void fill(AtomicFolder& folder, const std::string& text) {
    spill(folder.path() + "/a.txt", text);
    fs::create_directory(folder.path() + "/sub");
    spill(folder.path() + "/sub/b.txt", text + text);
}

}  // namespace

TEST_CASE("A failure of any single call leaves the old file and says which file and how much") {
    const std::string old_text = "old";
    const std::string new_text(9000, 'n');
    for (const int reason : {ENOSPC, EIO, EDQUOT}) {
        int k = 0;
        int silent = 0;
        for (bool fired = true; fired; ++k) {
            const Folder folder;
            const std::string path = folder.path() + "/file";
            spill(path, old_text);
            Failing files(k, reason);
            const Problem problem = problem_of([&] { atomic_write(path, new_text, files); });
            fired = files.fired();
            CAPTURE(k, reason, problem.what);
            const std::string now = slurp(path);
            CHECK((now == old_text || now == new_text));
            if (fired && problem.what == "no error") {
                ++silent;
            } else if (fired) {
                CHECK(problem.code == Code::io);
                CHECK(problem.what.find(std::strerror(reason)) != std::string::npos);
                CHECK(problem.where.find(folder.path()) == 0);
                CHECK(folder.names().size() == 1);
            }
            if (now == old_text) {
                CHECK(problem.what.find("9000 bytes") != std::string::npos);
            }
            if (!fired) {
                CHECK(now == new_text);
            }
        }
        CHECK(silent == 1);  // the folder's descriptor, read-only: its close has nothing to report
        CHECK(k > 8);        // open, three writes, sync, close, rename, open, sync, close
    }
}

TEST_CASE("A full disk during a cache or folder write keeps what was there") {
    int k = 0;
    for (bool fired = true; fired; ++k) {
        const Folder folder;
        GroupStore(folder.path()).write(key(), sample(2), "{}");
        {
            AtomicFolder f(folder.path() + "/step-1");
            fill(f, "one");
            f.publish();
        }
        Failing files(k, ENOSPC);
        const Problem cache =
            problem_of([&] { GroupStore(folder.path(), {}, files).write(key(), sample(3), "{}"); });
        fired = files.fired();
        CAPTURE(k, cache.what);
        const auto read = GroupStore(folder.path()).read(key(), OnCorrupt::fail);
        REQUIRE(read.has_value());
        CHECK((read->groups.size() == 2 || read->groups.size() == 3));
        if (!fired) {
            CHECK(read->groups.size() == 3);
        }
        Failing more(k, ENOSPC);
        const Problem saved = problem_of([&] {
            AtomicFolder f(folder.path() + "/step-1", more);
            fill(f, "two");
            f.publish();
        });
        AtomicFolder::verify(folder.path() + "/step-1");
        const std::string text = slurp(folder.path() + "/step-1/a.txt");
        CHECK((text == "one" || text == "two"));
        fired = fired || more.fired();
        if (saved.what == "no error") {
            CHECK(text == "two");
        } else {
            CHECK(saved.code == Code::io);
        }
    }
    CHECK(k > 15);
}

TEST_CASE("Folders that cannot be written are an I/O error before anything is changed") {
    const Folder folder;
    if (geteuid() != 0) {
        fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
        CHECK(problem_of([&] { GroupStore(folder.path()).write(key(), sample(1), "{}"); }).code ==
              Code::io);
        CHECK(problem_of([&] { AtomicFolder f(folder.path() + "/x"); }).code == Code::io);
        fs::permissions(folder.path(), fs::perms::owner_all);
    }
    // Root may write anywhere, so the other refusals: a file where a folder is needed, /proc, too
    // long a name.
    spill(folder.path() + "/file", "x");
    CHECK(problem_of([&] {
              GroupStore(folder.path() + "/file/sub").write(key(), sample(1), "{}");
          }).code == Code::io);
    CHECK(problem_of([&] { GroupStore("/proc/samara").write(key(), sample(1), "{}"); }).code ==
          Code::io);
    CHECK(problem_of([&] { AtomicFolder f("/proc/samara/x"); }).code == Code::io);
    const Problem problem =
        problem_of([&] { atomic_write(folder.path() + "/" + std::string(300, 'n'), "x"); });
    CHECK(problem.code == Code::io);
    CHECK(problem.help.find("shorter path") != std::string::npos);
    CHECK(problem_of([&] { (void)read_file(folder.path() + "/none"); }).code == Code::io);
    Failing readonly(0, EROFS);
    const Problem rofs =
        problem_of([&] { GroupStore(folder.path(), {}, readonly).write(key(), sample(1), "{}"); });
    CHECK(rofs.code == Code::io);
    CHECK(rofs.help.find("may write to") != std::string::npos);
    CHECK(folder.names("file") == std::vector<std::string>{"file"});
    CHECK(folder.names().size() == 2);  // and the lock file of use.hpp
}

TEST_CASE("Folders appear whole, verify says what differs, and nothing is left without publish") {
    const Folder folder;
    const std::string target = folder.path() + "/deep/step-1";
    {
        AtomicFolder f(target);
        fill(f, "x");
    }
    CHECK(fs::is_empty(folder.path() + "/deep"));
    {
        AtomicFolder f(target);
        fill(f, "x");
        CHECK_FALSE(fs::exists(target));
        f.publish();
    }
    AtomicFolder::verify(target);
    {
        AtomicFolder f(target);
        fill(f, "y");
        f.publish();
    }
    AtomicFolder::verify(target);
    CHECK(slurp(target + "/sub/b.txt") == "yy");
    CHECK(std::distance(fs::directory_iterator(folder.path() + "/deep"), {}) == 1);

    const auto broken = [&](const std::function<void()>& harm, const std::string& words) {
        {
            AtomicFolder f(target);
            fill(f, "z");
            f.publish();
        }
        harm();
        const Problem problem = problem_of([&] { AtomicFolder::verify(target); });
        CHECK(problem.code == Code::corrupt);
        CAPTURE(problem.what);
        CHECK(problem.what.find(words) != std::string::npos);
    };
    broken([&] { spill(target + "/a.txt", "Z"); }, "does not match its hash");
    broken([&] { fs::remove(target + "/sub/b.txt"); }, "is missing");
    broken([&] { spill(target + "/c.txt", "new"); }, "does not list");
    broken([&] { fs::remove(target + "/manifest.json"); }, "no manifest.json");
    broken([&] { fs::create_symlink("/etc/passwd", target + "/link"); },
           "neither a file nor a folder");
    broken(
        [&] {
            std::string text = slurp(target + "/manifest.json");
            text[text.find("a.txt")] = 'b';
            spill(target + "/manifest.json", text);
        },
        "does not match its own hash");
}

TEST_CASE("Two processes that write one key both end right, with equal and with different groups") {
    for (const bool equal : {true, false}) {
        const Folder folder;
        std::vector<pid_t> children;
        for (int writer = 0; writer < 2; ++writer) {
            children.push_back(in_child([&] {
                const std::vector<Group> mine = sample(20, equal ? 0 : writer);
                for (int n = 0; n < 25; ++n) {
                    GroupStore store(folder.path());
                    store.write(key(), mine, "{}");
                    const auto seen = store.read(key(), OnCorrupt::fail);
                    const std::string text = seen ? show(seen->groups) : "";
                    if (text != show(sample(20, 0)) && text != show(sample(20, 1))) {
                        return false;
                    }
                }
                return true;
            }));
        }
        for (const pid_t child : children) {
            int status = 0;
            waitpid(child, &status, 0);
            CHECK(WIFEXITED(status));
            CHECK(WEXITSTATUS(status) == 0);
        }
        CHECK(GroupStore(folder.path()).read(key(), OnCorrupt::fail).has_value());
        CHECK(folder.names(".json").size() == 1);
        CHECK(folder.names(".bad").empty());
        CHECK(folder.names(".h5").size() ==
              (equal ? 1 : 2));  // the loser's data file waits a day for the sweep
        CHECK(folder.names().size() == (equal ? 3 : 4));  // and the lock file of use.hpp
    }
}

TEST_CASE("A writer killed at any call leaves the old state or the new one; orphans are swept") {
    int k = 0;
    int orphans = 0;
    int old_caches = 0;
    int old_folders = 0;
    for (bool died = true; died; ++k) {
        const Folder folder;
        const std::string target = folder.path() + "/step-1";
        GroupStore(folder.path()).write(key(), sample(4, 0), "{}");
        {
            AtomicFolder f(target);
            fill(f, "old");
            f.publish();
        }
        const pid_t child = in_child([&] {
            Failing files(k, 0);  // 0: dies instead of failing
            GroupStore(folder.path(), {}, files).write(key(), sample(4, 1), "{}");
            AtomicFolder f(target, files);
            fill(f, "new");
            f.publish();
            return true;
        });
        int status = 0;
        waitpid(child, &status, 0);
        died = WIFSIGNALED(status);
        CAPTURE(k, status);
        CHECK((died ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0));
        const auto read = GroupStore(folder.path()).read(key(), OnCorrupt::fail);
        REQUIRE(read.has_value());
        const std::string text = show(read->groups);
        CHECK((text == show(sample(4, 0)) || text == show(sample(4, 1))));
        AtomicFolder::verify(target);
        const std::string inside = slurp(target + "/sub/b.txt");
        CHECK((inside == "oldold" || inside == "newnew"));
        old_caches += text == show(sample(4, 0)) ? 1 : 0;
        old_folders += inside == "oldold" ? 1 : 0;
        if (!died) {
            CHECK(text == show(sample(4, 1)));
            CHECK(inside == "newnew");
        }
        const auto temporary = [&] {
            const std::vector<std::string> names = folder.names();
            return std::count_if(names.begin(), names.end(), [](const std::string& name) {
                return name.find(".tmp.") != std::string::npos;
            });
        };
        orphans += temporary() > 0 ? 1 : 0;
        sweep_orphans(folder.path());
        CHECK(temporary() == 0);
    }
    CHECK(k > 30);
    CHECK(orphans > 10);
    CHECK(old_caches > 5);  // deaths before the manifest's rename
    CHECK(old_folders > old_caches);
}

TEST_CASE("The sweep takes dead writers' files and day-old ones, nothing else") {
    const Folder folder;
    const std::string mine = temporary_name(folder.path() + "/mine");
    spill(mine, "living writer");
    const pid_t child = in_child([&] {
        spill(temporary_name(folder.path() + "/dead"), "x");
        return true;
    });
    int status = 0;
    waitpid(child, &status, 0);
    spill(folder.path() + "/other.tmp.1.0123456789abcdef", "another machine");
    spill(folder.path() + "/old.tmp.1.0123456789abcdef", "another machine, yesterday");
    fs::last_write_time(folder.path() + "/old.tmp.1.0123456789abcdef",
                        fs::file_time_type::clock::now() - std::chrono::hours(25));
    spill(folder.path() + "/notes.tmp.txt", "not ours");
    CHECK(folder.names().size() == 5);
    CHECK(sweep_orphans(folder.path()) == 2);
    CHECK(folder.names().size() == 3);
    CHECK(slurp(mine) == "living writer");
}
