// POSIX calls with their errors; see file.hpp.
#include "core/report/file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace samara::host {

Error io_error(const std::string& what, const std::string& path) {
    const int code = errno;
    return Error(
        Code::io,
        what + ": " + std::strerror(code),
        path,
        code == ENOSPC || code == EDQUOT ? "free some space, then run again with --resume" : "");
}

int open_for_append(const std::string& path) {
    // O_APPEND: after a truncation the next row lands at the new end.
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) {
        throw io_error("cannot open for writing", path);
    }
    return file;
}

int64_t end_of_last_line(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    int64_t end = 0;
    for (std::string line; std::getline(in, line) && !in.eof();) {
        end += static_cast<int64_t>(line.size()) + 1;
    }
    if (in.bad() || !in.is_open()) {
        throw io_error("cannot read", path);
    }
    return end;
}

void write_all(int file, const std::string& bytes, const std::string& path) {
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(file, bytes.data() + done, bytes.size() - done);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            throw io_error("cannot write (" + std::to_string(bytes.size()) + " bytes)", path);
        }
        done += static_cast<size_t>(written);
    }
}

void sync_file(int file, const std::string& path) {
    // Pipes and some special files cannot be synced, and have nothing to lose.
    if (::fdatasync(file) != 0 && errno != EINVAL && errno != EROFS) {
        throw io_error("cannot sync", path);
    }
}

}  // namespace samara::host
