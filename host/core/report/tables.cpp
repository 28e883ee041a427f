// Tables, numbers and the progress line; see tables.hpp.
#include "core/report/tables.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace samara::host {
namespace {

// Characters, not bytes: UTF-8 continuation bytes take no place.
size_t width_of(const std::string& text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool is_number(const std::string& text) {
    return text.find_first_not_of("0123456789+-.,% []") == std::string::npos;
}

std::string padded(const std::string& text, size_t width, bool right) {
    const std::string fill(width - std::min(width, width_of(text)), ' ');
    return right ? fill + text : text + fill;
}

std::string percent(double fraction) {
    return fixed(100 * fraction, 1);
}

std::string with_sign(const std::string& number) {
    return number.front() == '-' ? number : std::string(1, '+') + number;
}

}  // namespace

std::string fixed(double value, int digits) {
    if (!std::isfinite(value)) {
        return "-";
    }
    std::array<char, 400> buffer{};  // 309 digits before the point at most
    const auto end = std::to_chars(buffer.data(),
                                   buffer.data() + buffer.size(),
                                   value,
                                   std::chars_format::fixed,
                                   std::min(digits, 60));
    std::string text(buffer.data(), end.ptr);
    // -0.00 says nothing that 0.00 does not.
    const bool zero = text.find_first_not_of("-0.") == std::string::npos;
    return zero && text.front() == '-' ? text.substr(1) : text;
}

std::string grouped(int64_t value) {
    std::string text = std::to_string(value);
    const size_t first = text.front() == '-' ? 1 : 0;
    for (size_t at = text.size(); at > first + 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

std::string bytes_text(int64_t bytes) {
    constexpr double kMiB = 1024.0 * 1024.0;
    const double size = static_cast<double>(bytes) / kMiB;
    return size < 1024 ? fixed(size, 0) + " MiB" : fixed(size / 1024, 1) + " GiB";
}

std::string duration_text(double seconds) {
    if (!(seconds >= 0) || seconds > 1e9) {
        return "-";
    }
    const auto all = static_cast<int64_t>(std::llround(seconds));
    const auto two = [](int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    const int64_t hours = all / 3600, minutes = all / 60 % 60;
    return (hours > 0 ? std::to_string(hours) + ":" + two(minutes) : std::to_string(minutes)) +
           ":" + two(all % 60);
}

std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> widths;
    std::vector<bool> right;
    for (size_t c = 0; c < header.size(); ++c) {
        size_t width = width_of(header[c]);
        bool numbers = !rows.empty();
        for (const auto& row : rows) {
            width = std::max(width, width_of(row.at(c)));
            numbers = numbers && is_number(row[c]);
        }
        widths.push_back(width);
        right.push_back(numbers);
    }
    std::string out;
    const auto add = [&](const std::vector<std::string>& row) {
        std::string line;
        for (size_t c = 0; c < header.size(); ++c) {
            line += (c > 0 ? "  " : "") + padded(row[c], widths[c], right[c]);
        }
        out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    };
    add(header);
    for (const auto& row : rows) {
        add(row);
    }
    return out;
}

std::string change_table(const std::vector<ChangeRow>& rows) {
    std::vector<std::vector<std::string>> cells;
    for (const ChangeRow& row : rows) {
        const bool whole = row.part.empty();
        if (!whole && row.part.find('=') == std::string::npos) {
            continue;
        }
        cells.push_back({row.set,
                         whole ? row.tag : row.tag + ", " + row.part,
                         grouped(row.relations),
                         percent(row.accuracy_before),
                         percent(row.accuracy_after),
                         with_sign(percent(row.accuracy_after - row.accuracy_before)),
                         std::string("[") + with_sign(percent(row.low)) + ", " +
                             with_sign(percent(row.high)) + "]",
                         whole ? fixed(row.loss_before, 4) : "-",
                         whole ? fixed(row.loss_after, 4) : "-"});
    }
    return text_table({"set",
                       "tag",
                       "relations",
                       "accuracy % before",
                       "after",
                       "change",
                       "95 %",
                       "loss before",
                       "after"},
                      cells);
}

std::string progress_line(const ProgressState& state, int64_t width) {
    std::string line = state.phase;
    if (state.total_steps > 0 && state.step >= 0) {
        line += " " + grouped(state.step) + "/" + grouped(state.total_steps) + " " +
                std::to_string(100 * state.step / state.total_steps) + "%";
    }
    if (state.todo > 0 && state.done >= 0) {
        line += " | group " + grouped(state.done) + "/" + grouped(state.todo);
    }
    if (std::isfinite(state.loss)) {
        line += " | loss " + fixed(state.loss, 4);
    }
    if (state.tokens_per_second >= 0) {
        line += " | " + grouped(std::llround(state.tokens_per_second)) + " tok/s";
    }
    if (state.resident_bytes >= 0) {
        line += " | " + bytes_text(state.resident_bytes);
    }
    if (state.seconds_left >= 0) {
        line += " | ETA " + duration_text(state.seconds_left);
    }
    if (width > 0 && width_of(line) > static_cast<size_t>(width)) {
        size_t end = 0;
        for (int64_t seen = 0; end < line.size() && seen <= width; ++end) {
            seen += (line[end] & 0xc0) != 0x80 ? 1 : 0;
        }
        line.resize(end - 1);
    }
    return line;
}

int64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    int64_t pages = 0, resident = 0;
    return file >> pages >> resident ? resident * ::sysconf(_SC_PAGESIZE) : -1;
}

int64_t peak_bytes() {
    struct rusage usage = {};
    return ::getrusage(RUSAGE_SELF, &usage) == 0 ? int64_t{usage.ru_maxrss} * 1024 : -1;
}

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace samara::host
