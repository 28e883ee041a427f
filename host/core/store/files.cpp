// Atomic files over POSIX calls; see files.hpp.
#include "core/store/files.hpp"

#include "core/store/hash.hpp"
#include "runtime/error.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace samara::host {
namespace fs = std::filesystem;

int FileLayer::open(const char* path, int flags, unsigned mode) {
    return ::open(path, flags | O_CLOEXEC, mode);
}
ssize_t FileLayer::write(int descriptor, const void* bytes, size_t size) {
    return ::write(descriptor, bytes, size);
}
int FileLayer::sync(int descriptor) {
    return ::fsync(descriptor);
}
int FileLayer::close(int descriptor) {
    return ::close(descriptor);
}
int FileLayer::rename(const char* from, const char* to) {
    return ::rename(from, to);
}
int FileLayer::exchange(const char* a, const char* b) {
    // renameat2 by number: glibc has the wrapper only from 2.28 on.
    return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
}

FileLayer& system_files() {
    static FileLayer layer;
    return layer;
}

namespace {

std::string parent_of(const std::string& path) {
    const std::string parent = fs::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

// Closes on every way out; close() reports the error where it matters.
class Descriptor {
public:
    Descriptor(FileLayer& files, int descriptor) : files_(files), descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) {
            files_.close(descriptor_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }
    int close() {
        const int descriptor = descriptor_;
        descriptor_ = -1;
        return files_.close(descriptor);
    }

private:
    FileLayer& files_;
    int descriptor_;
};

void sync_path(const std::string& path, int flags, FileLayer& files) {
    Descriptor file(files, files.open(path.c_str(), O_RDONLY | flags, 0));
    if (file.get() < 0) {
        throw_io("cannot open for sync", path, errno);
    }
    // Some file systems cannot sync a folder and say EINVAL; there is nothing more to be done on
    // them.
    if (files.sync(file.get()) != 0 && !(errno == EINVAL && (flags & O_DIRECTORY) != 0)) {
        throw_io("cannot sync", path, errno);
    }
}

void write_all(int descriptor, const std::string& path, std::string_view bytes, FileLayer& files) {
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = files.write(descriptor, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            throw_io("cannot write", path, n < 0 ? errno : ENOSPC, bytes.size());
        }
        done += static_cast<size_t>(n);
    }
}

}  // namespace

void throw_io(const std::string& doing,
              const std::string& path,
              int reason,
              uint64_t bytes_needed) {
    std::string what = doing;
    if (bytes_needed > 0) {
        what += " (" + std::to_string(bytes_needed) + " bytes)";
    }
    what += ": ";
    what += std::strerror(reason);
    std::string help;
    if (reason == ENOSPC || reason == EDQUOT) {
        struct statvfs disk {};
        help = "free some space; what was there before is intact";
        if (::statvfs(parent_of(path).c_str(), &disk) == 0) {
            help = std::to_string(disk.f_bavail * disk.f_frsize) + " bytes are free there; " + help;
        }
    } else if (reason == EACCES || reason == EPERM || reason == EROFS) {
        help = "choose a folder that you may write to, or change its permissions";
    } else if (reason == EFBIG) {
        help = "a limit on the size of files is in force (`ulimit -f`); what was there is intact";
    } else if (reason == ENAMETOOLONG) {
        help = "use a shorter path";
    } else if (reason == EIO) {
        help = "the disk reports an error; what was there before is intact";
    }
    throw Error(Code::io, what, path, help);
}

void atomic_write(const std::string& path, std::string_view bytes, FileLayer& files) {
    const std::string temporary = temporary_name(path);
    Descriptor file(files, files.open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666));
    if (file.get() < 0) {
        throw_io("cannot create the file", path, errno, bytes.size());
    }
    try {
        write_all(file.get(), path, bytes, files);
        if (files.sync(file.get()) != 0) {
            throw_io("cannot sync", path, errno, bytes.size());
        }
        if (file.close() != 0) {
            throw_io("cannot close", path, errno, bytes.size());
        }
        if (files.rename(temporary.c_str(), path.c_str()) != 0) {
            throw_io("cannot rename into place", path, errno, bytes.size());
        }
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    fsync_dir(parent_of(path), files);
}

void fsync_dir(const std::string& folder, FileLayer& files) {
    sync_path(folder, O_DIRECTORY, files);
}

void fsync_file(const std::string& path, FileLayer& files) {
    sync_path(path, 0, files);
}

namespace {

template <class Take>
void read_pieces(const std::string& path, const Take& take) {
    Descriptor file(system_files(), system_files().open(path.c_str(), O_RDONLY, 0));
    if (file.get() < 0) {
        throw_io("cannot open", path, errno);
    }
    std::string buffer(1 << 20, '\0');
    while (true) {
        const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            throw_io("cannot read", path, errno);
        }
        if (n == 0) {
            return;
        }
        take(std::string_view(buffer.data(), static_cast<size_t>(n)));
    }
}

}  // namespace

std::string read_file(const std::string& path) {
    std::string out;
    read_pieces(path, [&](std::string_view piece) { out += piece; });
    return out;
}

std::string sha256_file(const std::string& path) {
    Sha256 hash;
    read_pieces(path, [&](std::string_view piece) { hash.update(piece); });
    return hash.hex();
}

}  // namespace samara::host
