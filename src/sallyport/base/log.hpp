#pragma once
// The log: one line per event, a time, a level, the session it belongs to, and text that is already escaped.
//
// One log for the whole process, opened once by the command that runs and kept until the process ends. Every function is
// safe from any thread, and only flush() waits: a thread of the log's own writes the lines (line_writer.hpp), so a disk or a
// reader that has stopped costs lines, which are counted, and never holds up a session. Peer text must pass
// sallyport::escape before it comes here; passwords never come here (the session log masks them at the source, S7).

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::log {

using clock = std::chrono::steady_clock;

enum class level : unsigned char { debug, info, warning, error, off };

/// Where lines go: standard error ("-") or a file that is appended to. A new file gets mode 0640; its directory must exist.
/// The error's particulars say why the file can't be opened. Not while another thread logs.
[[nodiscard]] result<void> open(std::string_view target, level threshold);
/// Opens the file again by its name, after it was moved away (rotation). Where that fails, lines go on into the old one.
void reopen() noexcept;
[[nodiscard]] bool enabled(level at) noexcept;

/// `session` is empty for lines of the program itself.
void write(level at, std::string_view session, std::string_view text);

/// For lines that anybody can cause without a login: a few for each source (line_budget.hpp), then none. How many were left
/// out is said in the source's next line.
void write_limited(level at, std::string_view session, const ip_address& source, std::string_view text);

inline void debug(std::string_view session, std::string_view text) { write(level::debug, session, text); }
inline void info(std::string_view session, std::string_view text) { write(level::info, session, text); }
inline void warning(std::string_view session, std::string_view text) { write(level::warning, session, text); }
inline void error(std::string_view session, std::string_view text) { write(level::error, session, text); }

/// Writes a line to standard error as it is, wherever the log goes and whatever its level. Waits only before open().
void print(std::string_view line);

/// Waits until all lines are written; false where that takes longer than `until`.
bool flush(clock::time_point until);
/// How long the end of the program may wait for its logs: limits::log_flush_timeout from the first call on.
[[nodiscard]] clock::time_point end_deadline() noexcept;

/// Lines that were lost since the start: they found no room in the queue, or could not be written.
[[nodiscard]] std::uint64_t lost() noexcept;

}  // namespace sallyport::log
