// TensorBoard event files: scalars and texts.  TFRecord framing and the protobuf messages it needs
// are written by hand (tensorboard/compat/proto/event.proto, summary.proto, tensor.proto).  Wall
// times stand in it, so it is no part of what must be equal between two runs; metrics.jsonl is.
#pragma once
#include <cstdint>
#include <string>

namespace samara::host {

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(const std::string& bytes);

/// Writes one new file events.out.tfevents.TIME.N.samara in the folder.  [one thread at a time]
/// Throws Error(io).
class EventsWriter {
public:
    /// `step` > 0: a resumed run; readers then forget what older files of the folder say of steps
    /// >= `step`.
    explicit EventsWriter(const std::string& folder, int64_t step = 0);
    ~EventsWriter();
    EventsWriter(const EventsWriter&) = delete;
    EventsWriter& operator=(const EventsWriter&) = delete;

    /// Kept in memory until the step changes or flush() is called.  Stored as float32, as
    /// TensorBoard does.
    void scalar(const std::string& name, double value, int64_t step);
    /// UTF-8, shown as Markdown; kept in memory likewise.
    void text(const std::string& name, const std::string& markdown, int64_t step);
    void flush();
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    /// One Summary.Value of a step.
    void value(const std::string& entry, int64_t step);
    void record(const std::string& event);
    void write_pending();

    std::string path_, pending_;
    int file_ = -1;
    int64_t step_ = 0;
};

}  // namespace samara::host
