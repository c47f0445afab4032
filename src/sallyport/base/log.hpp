#pragma once
// The log of the process: one line per event with time, level, session ID and text.
//
// It is opened once by the command and lives until the process ends. All functions are safe from any thread, and only
// flush() waits: a thread of its own writes the lines (line_writer.hpp), so a blocked disk or reader costs lines, which are
// counted, but never delays a session. Callers must pass text of peers through sallyport::escape, and must not log
// passwords (the session log masks them at the source, S7).

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::log {

using clock = std::chrono::steady_clock;

enum class level : unsigned char { debug, info, warning, error, off };

/// Opens the log: standard error ("-"), or a file that lines are appended to. A new file gets mode 0640; its directory must
/// exist. The error says why the file cannot be opened. Must not be called while another thread logs.
[[nodiscard]] result<void> open(std::string_view target, level threshold);
/// Reopens the file by its name after rotation. If that fails, the old file stays in use.
void reopen() noexcept;
[[nodiscard]] bool enabled(level at) noexcept;

/// `session` is empty for lines that belong to no session.
void write(level at, std::string_view session, std::string_view text);

/// For lines that a peer can cause without a login: the number of lines per source is limited (line_budget.hpp). The next
/// line of the source contains the number of suppressed lines.
void write_limited(level at, std::string_view session, const ip_address& source, std::string_view text);

inline void debug(std::string_view session, std::string_view text) { write(level::debug, session, text); }
inline void info(std::string_view session, std::string_view text) { write(level::info, session, text); }
inline void warning(std::string_view session, std::string_view text) { write(level::warning, session, text); }
inline void error(std::string_view session, std::string_view text) { write(level::error, session, text); }

/// Writes a line to standard error, unformatted and independent of the log's target and level. Waits only before open().
void print(std::string_view line);

/// Waits until all lines are written. Returns false if they are not by `until`.
bool flush(clock::time_point until);
/// Until when the program may wait for its logs at its end: limits::log_flush_timeout after the first call.
[[nodiscard]] clock::time_point end_deadline() noexcept;

/// Lines lost since the start: the queue was full, or they could not be written.
[[nodiscard]] std::uint64_t lost() noexcept;

}  // namespace sallyport::log
