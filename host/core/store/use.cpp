// Locks of caches; see use.hpp.
#include "core/store/use.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace samara::host {
namespace {

/// A descriptor that holds the lock on the file that has the name now, or -1.  Whoever removes a
/// cache removes its lock file too: a lock on a removed file says nothing, so it is taken again.
int take(const std::string& file, int operation) {
    while (true) {
        const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock < 0) {
            return -1;
        }
        int failed = 0;
        do {
            failed = ::flock(lock, operation);
        } while (failed != 0 && errno == EINTR);
        struct stat held {};
        struct stat named {};
        if (failed == 0 && ::fstat(lock, &held) == 0 && ::stat(file.c_str(), &named) == 0 &&
            held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
            return lock;
        }
        ::close(lock);
        if (failed != 0) {
            return -1;
        }
    }
}

}  // namespace

std::string lock_of(const std::string& path) {
    return path + ".lock";
}

CacheUse::CacheUse(const std::string& path) : lock_(take(lock_of(path), LOCK_SH)) {
    if (lock_ >= 0) {
        ::futimens(lock_, nullptr);
    }
}

CacheUse::~CacheUse() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

std::optional<CacheUse> CacheUse::alone(const std::string& path) {
    const int lock = take(lock_of(path), LOCK_EX | LOCK_NB);
    return lock < 0 ? std::nullopt : std::optional(CacheUse(lock));
}

}  // namespace samara::host
