#pragma once
// The log: one line per event, a time, a level, the session it belongs to, and text that is already escaped.
//
// One sink for the whole process, set up once by the command that runs; safe from any thread. Peer text must pass
// sallyport::escape before it comes here; passwords never come here (the session log masks them at the source, S7).

#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::log {

enum class level : unsigned char { debug, info, warning, error, off };

/// Where lines go: standard error ("-") or a file that is appended to. A new file gets mode 0640; its directory must exist.
/// Throws std::runtime_error if the file can't be opened.
void open(std::string_view target, level threshold);
/// Opens the file anew by its name, after it was moved away (rotation). Where that fails, lines go on into the old one.
void reopen();
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

/// Writes out what is buffered; called before the process ends.
void flush();

}  // namespace sallyport::log
