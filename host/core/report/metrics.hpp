// Rows of numbers as JSON lines: metrics.jsonl (deterministic) and timing.jsonl.  A row's bytes
// depend on its values alone, never on locale, time or machine.  What the numbers mean is the
// trainer's business.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace samara::host {

/// One line: fields in the order in which they were added.
struct Row {
    std::vector<std::pair<std::string, std::variant<int64_t, double, std::string>>> fields;
};

/// Shortest text that reads back as the same number, with a point or an exponent ("0.1", "1.0",
/// "1e-05"); "null" for what JSON has no word for (NaN, infinities).
std::string to_json(double value);
/// A JSON string with its quotes; bytes above 0x7f are passed through.
std::string to_json(const std::string& text);
/// {"step": 1, "loss": 0.5}, without a newline.
std::string to_json(const Row& row);

/// Appends rows to a file.  Every row is handed to the system whole and at once, so that a killed
/// process leaves at most one incomplete line.  [one thread at a time]  Throws Error: io; corrupt
/// when the file is shorter than `bytes`.
class MetricsWriter {
public:
    /// Opens or creates the file and appends to what it holds.
    explicit MetricsWriter(std::string path);
    /// Opens or creates the file and cuts it back to its first `bytes` bytes: resume.
    MetricsWriter(std::string path, int64_t bytes);
    ~MetricsWriter();
    MetricsWriter(const MetricsWriter&) = delete;
    MetricsWriter& operator=(const MetricsWriter&) = delete;

    void write(const Row& row);
    /// Length of the file after the last row: what a checkpoint stores.
    [[nodiscard]] int64_t offset() const { return offset_; }
    void truncate(int64_t bytes);
    /// Returns when the rows are on the disk.
    void flush();

private:
    std::string path_;
    int file_ = -1;
    int64_t offset_ = 0;
};

}  // namespace samara::host
