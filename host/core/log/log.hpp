// The one log interface of the host: plain strings in, a sink behind it.  No formatting library
// shows here, so it may be used beside LibTorch's headers.  Silent until the command (or an
// embedding program) gives it a sink.
#pragma once
#include <functional>
#include <string>

namespace samara::host::log {

enum class Level { debug, info, warning, error };

/// Receives every message at or above the level, one call at a time.
using Sink = std::function<void(Level, const std::string&)>;

/// Sends one message (no newline at its end) to the sink; dropped when there is none or the level
/// is lower than set_level's.  Never throws.  A message logged from inside a sink is dropped.
/// [any-thread]
void log(Level level, const std::string& text) noexcept;
void debug(const std::string& text) noexcept;
void info(const std::string& text) noexcept;
void warning(const std::string& text) noexcept;
void error(const std::string& text) noexcept;

/// Replaces the sink; an empty one silences the library.  [any-thread]
void set_sink(Sink sink);
/// Lowest level that is passed on; info at first.  [any-thread]
void set_level(Level level);
[[nodiscard]] Level level();
/// "debug", "info", "warning", "error".
[[nodiscard]] const char* name_of(Level level);

/// Writes messages to stderr: info as it is, the others behind "debug: ", "warning: ", "error: ".
/// For the command; `colour` is its decision (terminal, NO_COLOR).
void init_stderr(bool colour);

}  // namespace samara::host::log
