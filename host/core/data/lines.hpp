// Lines of a text file, plain or gzip (by magic bytes), hashed as they pass.  Knows nothing of
// JSON. A reader of the data room; memory is bounded by one line of at most kMaxLineBytes.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace samara::host {

inline constexpr size_t kMaxLineBytes = 64UL << 20;  ///< longer lines are bad rows

struct Line {
    std::string text;       ///< without newline, carriage return and the file's byte order mark
    int64_t number = 0;     ///< from 1
    bool too_long = false;  ///< more than kMaxLineBytes; text is cut
    bool ended = false;     ///< a newline followed
};

/// [one thread at a time]  Throws Error(Code::data) for a missing file, a folder, a damaged gzip
/// stream or a file that changed while it was read; Error(Code::io) when the system cannot read it.
class LineReader {
public:
    explicit LineReader(const std::string& path);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    /// False at the end.
    bool next(Line& line);

    /// Reads what is left, checks that the file did not change, returns the SHA-256 of the
    /// decompressed bytes.
    std::string finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace samara::host
