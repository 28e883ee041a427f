// JSON lines without a JSON library, because the order and the digits are part of the contract; see
// metrics.hpp.
#include "core/report/metrics.hpp"

#include "core/report/file.hpp"
#include "runtime/error.hpp"
#include "runtime/params.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace samara::host {

// Numbers and texts are written as in TOML, whose finite floats and basic strings are JSON's.
std::string to_json(double value) {
    return std::isfinite(value) ? to_toml(value) : "null";
}

std::string to_json(const std::string& text) {
    return to_toml(text);
}

std::string to_json(const Row& row) {
    std::string out = "{";
    for (const auto& [name, value] : row.fields) {
        out += (out.size() > 1 ? ", " : "") + to_json(name) + ": ";
        if (const auto* whole = std::get_if<int64_t>(&value)) {
            out += std::to_string(*whole);
        } else if (const auto* number = std::get_if<double>(&value)) {
            out += to_json(*number);
        } else {
            out += to_json(std::get<std::string>(value));
        }
    }
    return out + "}";
}

MetricsWriter::MetricsWriter(std::string path) : path_(std::move(path)) {
    file_ = open_for_append(path_);
    offset_ = ::lseek(file_, 0, SEEK_END);
    // A row that a full disk or a kill cut short would make one broken line with the next.
    if (offset_ > 0) {
        truncate(end_of_last_line(path_));
    }
}

MetricsWriter::MetricsWriter(std::string path, int64_t bytes) : MetricsWriter(std::move(path)) {
    truncate(bytes);
}

MetricsWriter::~MetricsWriter() {
    ::close(file_);
}

void MetricsWriter::write(const Row& row) {
    const std::string line = to_json(row) + "\n";
    write_all(file_, line, path_);
    offset_ += static_cast<int64_t>(line.size());
}

void MetricsWriter::truncate(int64_t bytes) {
    if (bytes > offset_ || bytes < 0) {
        throw Error(
            Code::corrupt,
            "the file has " + std::to_string(offset_) + " bytes, the checkpoint counted " +
                std::to_string(bytes),
            path_,
            "the file was cut or replaced; resume from another checkpoint or start a new run");
    }
    if (::ftruncate(file_, bytes) != 0) {
        throw io_error("cannot shorten", path_);
    }
    offset_ = bytes;
}

void MetricsWriter::flush() {
    sync_file(file_, path_);
}

}  // namespace samara::host
