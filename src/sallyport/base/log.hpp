#pragma once
// The log of the process: one line per event with time, level, what it is about, and text.
//
// It is opened once by the command and lives until the process ends. All functions are safe from any thread, and only
// flush() waits: a thread of its own writes the lines (line_writer.hpp), so a blocked disk or reader costs lines, which are
// counted, but never delays a session. Callers must pass text of peers through sallyport::escape, and must not log
// passwords (the session log masks them at the source, S7).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::log {

using clock = std::chrono::steady_clock;

enum class level : unsigned char { debug, info, warning, error, off };

/// What a line is about: as much as is known.
struct subject {
    // The ID of the session; empty for a line that belongs to no session.
    std::string_view session{};
    // After the login.
    std::string_view user{};
    std::optional<ip_address> client{};
};

/// The form of lines in files and on standard error (log_form.hpp).
enum class line_format : std::uint8_t { text, json, logfmt };

/// Opens the log: standard error ("-"), the journal of systemd ("journal"), the system's log daemon ("syslog"), or a file
/// that lines are appended to. A new file gets mode 0640; its directory must exist. `format` does not matter to the journal
/// and to the log daemon, and standard error that leads to the journal has the priority in front of each line of text. The
/// error says why it cannot be opened. Must not be called while another thread logs.
[[nodiscard]] result<void> open(std::string_view target, level threshold, line_format format = line_format::text);
/// Whether this target of open() is a file with this name.
[[nodiscard]] bool is_file(std::string_view target) noexcept;
/// Reopens the file by its name after rotation, or connects to the daemon again. If that fails, the old file stays in use.
void reopen() noexcept;
[[nodiscard]] bool enabled(level at) noexcept;

void write(level at, const subject& about, std::string_view text);

/// For lines that a peer can cause without a login: the number of lines per source is limited (line_budget.hpp). The next
/// line of the source contains the number of suppressed lines.
void write_limited(level at, const subject& about, const ip_address& source, std::string_view text);

inline void debug(const subject& about, std::string_view text) { write(level::debug, about, text); }
inline void info(const subject& about, std::string_view text) { write(level::info, about, text); }
inline void warning(const subject& about, std::string_view text) { write(level::warning, about, text); }
inline void error(const subject& about, std::string_view text) { write(level::error, about, text); }

/// Writes a line to standard error, unformatted and independent of the log's target and level. Waits only before open().
void print(std::string_view line);

/// Waits until all lines are written. Returns false if they are not by `until`.
bool flush(clock::time_point until);
/// Until when the program may wait for its logs at its end: limits::log_flush_timeout after the first call.
[[nodiscard]] clock::time_point end_deadline() noexcept;

/// Lines lost since the start: the queue was full, or they could not be written.
[[nodiscard]] std::uint64_t lost() noexcept;

}  // namespace sallyport::log
