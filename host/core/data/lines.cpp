// Plain and gzip lines; see lines.hpp.
#include "core/data/lines.hpp"

#include "core/store/files.hpp"
#include "core/store/hash.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace samara::host {
namespace {

constexpr size_t kPieceBytes = 256UL << 10;
constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib: expect a gzip header
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

[[noreturn]] void fail(const std::string& path) {
    throw Error(Code::io, std::string("cannot read the data file: ") + std::strerror(errno), path);
}

// Bytes that live as long as the object, on disk, under no name.
class Spool {
public:
    Spool() {
        const char* wanted = std::getenv("TMPDIR");
        folder_ = wanted != nullptr && *wanted != '\0' ? wanted : "/var/tmp";
        std::string name = folder_ + "/samara-XXXXXX";
        descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
        if (descriptor_ < 0) {
            throw_io("cannot make a file for decompressed data (TMPDIR names the folder)",
                     folder_,
                     errno);
        }
        ::unlink(name.c_str());
    }
    ~Spool() { ::close(descriptor_); }
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    void append(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
            if (n < 0 && errno != EINTR) {
                throw_io("cannot keep decompressed data (TMPDIR names the folder)",
                         folder_,
                         errno,
                         bytes.size());
            }
            bytes.remove_prefix(n < 0 ? 0 : static_cast<size_t>(n));
        }
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    std::string folder_;
    int descriptor_ = -1;
};

}  // namespace

struct LineReader::State {
    std::string path;
    int descriptor = -1;
    struct stat before {};
    std::string input, output;  // bytes of the file; decompressed bytes (gzip only)
    std::string_view pending;   // decompressed bytes not yet handed out
    z_stream stream{};
    bool gzip = false, stream_open = false, member_ended = false, at_end = false;
    bool again = false;
    uint64_t raw_bytes = 0;
    uint64_t given = 0;  // decompressed bytes handed out
    int64_t number = 0;
    Sha256 hash;
    std::optional<Spool> spool;

    ~State() {
        if (stream_open) {
            inflateEnd(&stream);
        }
        if (descriptor >= 0) {
            ::close(descriptor);
        }
    }

    void open();
    size_t read_raw();
    bool fill();
    bool inflate_piece();
    void check_unchanged() const;
    [[noreturn]] void damaged(const std::string& what) const;
};

void LineReader::State::damaged(const std::string& what) const {
    throw Error(Code::data,
                what,
                path + ":" + std::to_string(number + 1),
                "the file is damaged, or its writer or a download was interrupted: get it again");
}

void LineReader::State::open() {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || ::fstat(descriptor, &before) != 0) {
        const int reason = errno;
        const bool missing = reason == ENOENT || reason == ENOTDIR;
        throw Error(missing ? Code::data : Code::io,
                    std::string("cannot read the data file: ") + std::strerror(reason),
                    path);
    }
    if (!S_ISREG(before.st_mode)) {
        throw Error(Code::data, "the data file is a folder or a device, not a file", path);
    }
    input.resize(kPieceBytes);
    const size_t n = read_raw();
    pending = std::string_view(input).substr(0, n);
    gzip = n >= 2 && input[0] == '\x1f' && input[1] == '\x8b';
    if (gzip) {
        stream.next_in = reinterpret_cast<Bytef*>(input.data());
        stream.avail_in = static_cast<uInt>(n);
        stream_open = inflateInit2(&stream, kGzipOnly) == Z_OK;
        if (!stream_open) {
            throw Error(Code::memory, "zlib has no memory", path);
        }
        output.resize(kPieceBytes);
        pending = {};
        if (again) {
            spool.emplace();
        }
    } else {
        hash.update(pending);
    }
}

size_t LineReader::State::read_raw() {
    while (true) {
        const ssize_t n = ::read(descriptor, input.data(), input.size());
        if (n >= 0) {
            raw_bytes += static_cast<uint64_t>(n);
            return static_cast<size_t>(n);
        }
        if (errno != EINTR) {
            fail(path);
        }
    }
}

// More decompressed bytes into `pending`; false at the end of the file.
bool LineReader::State::fill() {
    while (!at_end && pending.empty()) {
        if (gzip) {
            at_end = !inflate_piece();
        } else {
            const size_t n = read_raw();
            pending = std::string_view(input).substr(0, n);
            at_end = n == 0;
        }
        hash.update(pending);
        if (spool && again) {
            spool->append(pending);
        }
    }
    return !pending.empty();
}

// One step of zlib; several gzip members may follow each other, as with `cat a.gz b.gz`.
bool LineReader::State::inflate_piece() {
    if (stream.avail_in == 0) {
        const size_t n = read_raw();
        if (n == 0) {
            if (!member_ended) {
                damaged("the gzip stream ends too early: the file is probably truncated");
            }
            return false;
        }
        stream.next_in = reinterpret_cast<Bytef*>(input.data());
        stream.avail_in = static_cast<uInt>(n);
    }
    if (member_ended) {
        inflateReset(&stream);
        member_ended = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(output.data());
    stream.avail_out = static_cast<uInt>(output.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        damaged(std::string("damaged gzip stream: ") +
                (stream.msg != nullptr ? stream.msg : "unknown reason"));
    }
    member_ended = result == Z_STREAM_END;
    pending = std::string_view(output).substr(0, output.size() - stream.avail_out);
    return true;
}

void LineReader::State::check_unchanged() const {
    struct stat now {
    }, named{};
    const bool there = ::fstat(descriptor, &now) == 0 && ::stat(path.c_str(), &named) == 0;
    if (!there || !same_file(before, now) || !same_file(before, named) ||
        raw_bytes != static_cast<uint64_t>(before.st_size)) {
        throw Error(Code::data,
                    "the data file changed while it was read",
                    path,
                    "wait until its writer has finished, then run again");
    }
}

LineReader::LineReader(const std::string& path, bool again) : state_(std::make_unique<State>()) {
    state_->path = path;
    state_->again = again;
    state_->open();
}

LineReader::~LineReader() = default;

bool LineReader::next(Line& line) {
    State& s = *state_;
    line = Line{};
    line.offset = s.given;
    bool any = false;
    while (!line.ended && s.fill()) {
        any = true;
        const size_t newline = s.pending.find('\n');
        const size_t length = std::min(newline, s.pending.size());
        const size_t room = kMaxLineBytes - line.text.size();
        line.too_long = line.too_long || length > room;
        line.text += s.pending.substr(0, std::min(length, room));
        line.ended = newline != std::string_view::npos;
        const size_t used = length + (line.ended ? 1 : 0);
        s.pending.remove_prefix(used);
        s.given += used;
    }
    if (!any) {
        return false;
    }
    line.number = ++s.number;
    if (line.number == 1 && line.text.starts_with(kByteOrderMark)) {
        line.text.erase(0, kByteOrderMark.size());
        line.offset += kByteOrderMark.size();
    }
    if (line.text.ends_with('\r')) {
        line.text.pop_back();
    }
    return true;
}

std::string LineReader::finish() {
    state_->again = false;  // no line of the rest was given
    while (state_->fill()) {
        state_->pending = {};
    }
    state_->check_unchanged();
    for (std::string* buffer : {&state_->input, &state_->output}) {
        std::string().swap(*buffer);  // a data set may have many files
    }
    return state_->hash.hex();
}

std::string LineReader::text_at(uint64_t offset, size_t size) const {
    const State& s = *state_;
    std::string out(size, '\0');
    for (size_t done = 0; done < size;) {
        const ssize_t n = ::pread(s.spool ? s.spool->descriptor() : s.descriptor,
                                  out.data() + done,
                                  size - done,
                                  static_cast<off_t>(offset + done));
        if (n < 0 && errno != EINTR) {
            fail(s.path);
        }
        if (n == 0) {
            s.check_unchanged();
            throw Error(Code::io, "the data file ends too early", s.path);
        }
        done += n < 0 ? 0 : static_cast<size_t>(n);
    }
    return out;
}

void LineReader::check_unchanged() const {
    state_->check_unchanged();
}

}  // namespace samara::host
