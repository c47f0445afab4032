#pragma once
// The forms of a log line: for people, for programs, and for the log daemons of Linux. Pure functions; any thread. The
// caller keeps what a subject refers to.

#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>

namespace sallyport::log {

/// How the lines of one destination are written.
enum class form : std::uint8_t {
    // "2026-01-31T12:00:00.123+00:00 W [SESSION] TEXT"
    text,
    // One JSON object with "time", "level", "text" and what is known of "session", "user" and "client".
    json,
    // The same fields as key=value.
    logfmt,
    // "<4>[SESSION] TEXT", as systemd reads the standard error of a unit; sd-daemon(3).
    prefixed,
    // "<92>Jan 31 12:00:00 sallyport[PID]: [SESSION] TEXT"; RFC 3164 section 4.1, facility ftp.
    syslog,
    // Fields of systemd's native journal protocol: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, SALLYPORT_SESSION and so on.
    journal,
};

/// What line_writer puts around a message: its pattern, in spdlog's notation.
[[nodiscard]] std::string pattern_of(form f);
/// The message for "%v" in that pattern. Throws std::bad_alloc.
[[nodiscard]] std::string message_of(form f, level at, const subject& about, std::string_view text);

}  // namespace sallyport::log
