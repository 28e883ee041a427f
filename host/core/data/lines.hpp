// Lines of a text file, plain or gzip (by magic bytes), hashed as they pass, and again by their
// place in the file.  Knows nothing of JSON.  A reader of the data room; memory is bounded by one
// line of at most kMaxLineBytes.
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
    uint64_t offset = 0;    ///< of the text's first byte in the decompressed file
};

/// [one thread at a time]  Throws Error(Code::data) for a missing file, a folder, a damaged gzip
/// stream or a file that changed while it was read; Error(Code::io) when the system cannot read it.
class LineReader {
public:
    /// `again`: text_at() will be called.  A gzip file is then spooled, decompressed, to a file
    /// without a name in $TMPDIR, else /var/tmp; Error(Code::io) when that is full.
    explicit LineReader(const std::string& path, bool again = false);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    /// False at the end.
    bool next(Line& line);

    /// Reads what is left, checks that the file did not change, returns the SHA-256 of the
    /// decompressed bytes.
    std::string finish();

    /// [any-thread]  The bytes of a line that next() gave.
    [[nodiscard]] std::string text_at(uint64_t offset, size_t size) const;

    /// Throws Error(Code::data) when the file is no longer the one that was opened.
    void check_unchanged() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace samara::host
