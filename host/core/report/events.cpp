// Framing, checksums and protobuf fields of event files; see events.hpp.
#include "core/report/events.hpp"

#include "core/report/file.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace samara::host {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0U);  // reflected 0x1edc6f41
        }
        table[i] = value;
    }
    return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

// TFRecord stores checksums rotated and shifted, so that a checksum of checksums is not special.
uint32_t masked(uint32_t crc) {
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

// Little-endian bytes of an unsigned integer.
template <class T>
std::string little(T value) {
    std::string out;
    for (size_t i = 0; i < sizeof(T); ++i) {
        out += static_cast<char>(value >> (8 * i) & 0xff);
    }
    return out;
}

std::string varint(uint64_t value) {
    std::string out;
    while (value >= 0x80) {
        out += static_cast<char>((value & 0x7f) | 0x80);
        value >>= 7;
    }
    return out + static_cast<char>(value);
}

// A protobuf key: field number and wire type (0 varint, 1 64 bits, 2 bytes, 5 32 bits).
std::string key(uint64_t field, uint64_t wire) {
    return varint(field << 3 | wire);
}

std::string bytes_field(uint64_t field, const std::string& bytes) {
    return key(field, 2) + varint(bytes.size()) + bytes;
}

// Event.wall_time = 1 (double), Event.step = 2 (int64).
std::string event_head(int64_t step) {
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    return key(1, 1) + little(std::bit_cast<uint64_t>(now)) + key(2, 0) +
           varint(static_cast<uint64_t>(step));
}

}  // namespace

uint32_t crc32c(const std::string& bytes) {
    uint32_t crc = 0xffffffffU;
    for (const char c : bytes) {
        crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}

EventsWriter::EventsWriter(const std::string& folder, int64_t step) {
    // Readers take a folder's files in the order of their names: ten digits of seconds, then a
    // counter.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
    for (int n = 0; file_ < 0; ++n) {
        std::array<char, 80> name{};
        std::snprintf(name.data(),
                      name.size(),
                      "/events.out.tfevents.%010lld.%04d.samara",
                      static_cast<long long>(seconds),
                      n);
        path_ = folder + name.data();
        file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
        if (file_ < 0 && errno != EEXIST) {
            throw io_error("cannot create", path_);
        }
    }
    record(event_head(0) + bytes_field(3, "brain.Event:2"));  // Event.file_version
    if (step > 0) {
        // Event.session_log = 7 { status = 1: START }: "forget what was said of this step and later
        // ones".
        record(event_head(step) + bytes_field(7, key(1, 0) + varint(1)));
    }
    write_pending();
}

EventsWriter::~EventsWriter() {
    try {
        write_pending();
    } catch (const Error&) {  // a destructor may not throw; flush() reports
    }
    ::close(file_);
}

void EventsWriter::value(const std::string& entry, int64_t step) {
    if (step != step_) {
        write_pending();
        step_ = step;
    }
    // Event.summary = 5 { value = 1 }
    record(event_head(step) + bytes_field(5, bytes_field(1, entry)));
}

void EventsWriter::scalar(const std::string& name, double number, int64_t step) {
    // { tag = 1, simple_value = 2 (float) }
    value(bytes_field(1, name) + key(2, 5) +
              little(std::bit_cast<uint32_t>(static_cast<float>(number))),
          step);
}

void EventsWriter::text(const std::string& name, const std::string& markdown, int64_t step) {
    // { tag = 1, metadata = 9 { plugin_data = 1 { plugin_name = 1 } },
    //   tensor = 8 { dtype = 1: DT_STRING = 7, tensor_shape = 2 { dim = 2 { size = 1 } },
    //                string_val = 8 } }
    const std::string shape = bytes_field(2, key(1, 0) + varint(1));
    value(bytes_field(1, name) + bytes_field(9, bytes_field(1, bytes_field(1, "text"))) +
              bytes_field(8,
                          key(1, 0) + varint(7) + bytes_field(2, shape) + bytes_field(8, markdown)),
          step);
}

void EventsWriter::record(const std::string& event) {
    const std::string length = little(static_cast<uint64_t>(event.size()));
    pending_ += length + little(masked(crc32c(length))) + event + little(masked(crc32c(event)));
}

void EventsWriter::write_pending() {
    write_all(file_, pending_, path_);
    pending_.clear();
}

void EventsWriter::flush() {
    write_pending();
    sync_file(file_, path_);
}

}  // namespace samara::host
