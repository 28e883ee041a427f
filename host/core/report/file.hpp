// The few file operations that the writers of this room share.  Not an interface of the room.
#pragma once
#include "runtime/error.hpp"

#include <cstdint>
#include <string>

namespace samara::host {

/// Error(Code::io) with the system's reason, from errno.
Error io_error(const std::string& what, const std::string& path);
/// Opens or creates a file for appending, closed on exec.  Throws Error(Code::io).
int open_for_append(const std::string& path);
/// Bytes up to and with the last newline.  Throws Error(Code::io).
int64_t end_of_last_line(const std::string& path);
/// Writes all bytes, however the system splits them.  Throws Error(Code::io).
void write_all(int file, const std::string& bytes, const std::string& path);
/// Returns when the bytes are on the disk.  Throws Error(Code::io).
void sync_file(int file, const std::string& path);

}  // namespace samara::host
