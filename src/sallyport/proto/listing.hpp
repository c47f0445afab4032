#pragma once
// Directory entries on the wire: LIST in the Unix form, NLST, MLSD and MLST facts (RFC 3659 section 7), both ways.
//
// Time is an argument everywhere; writers append to a buffer so that a listing is streamed, never built as a whole.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::proto {

enum class entry_type : std::uint8_t { file, directory, current, parent, link, other };

struct entry {
    std::string name;
    entry_type type = entry_type::file;
    std::uint64_t size = 0;
    std::int64_t modified = 0;  // seconds since 1970, UTC
    std::uint32_t mode = 0644;  // permission bits only
    std::uint32_t links = 1;
    std::string owner = "ftp";
    std::string group = "ftp";
    std::string link_target;  // for `link` in LIST
    std::string unique;       // MLSx "unique", empty where unknown
    std::string perm;         // MLSx "perm": what this user may do ("adfrw"), computed by the server
    // What the reader could establish (parsers only)
    bool has_size = false;
    bool has_modified = false;
};

/// The facts a session has chosen by OPTS MLST.
struct fact_set {
    bool type = true, size = true, modify = true, perm = true, unique = true, unix_mode = true, unix_owner = false,
         unix_group = false;

    /// "type;size;modify;" -> set; unknown facts are ignored, as the RFC says.
    [[nodiscard]] static fact_set parse(std::string_view list);
    /// For FEAT: "type*;size*;modify*;..." with '*' on those that are on.
    [[nodiscard]] std::string feat() const;
    /// For the reply to OPTS MLST: "type;size;".
    [[nodiscard]] std::string text() const;
};

/// A name as every listing shows it, NLST too: each control character (C0, DEL, C1, also as a single byte) becomes '?', as
/// terminals act on them, and lines end by them (IN-09).
void append_name(std::string& out, std::string_view name);
/// "-rw-r--r--    1 ftp      ftp          1024 Jan 02 15:04 name\r\n"; the year instead of the time where `modified` is more
/// than half a year from `now`.
void append_unix_line(std::string& out, const entry& e, std::int64_t now);
/// "type=file;size=1024;modify=20260102150405; name\r\n".
void append_mlsx(std::string& out, const entry& e, const fact_set& facts);
/// The same without the line end and with one leading blank, as an inner line of a 250 reply to MLST.
[[nodiscard]] std::string mlst_line(const entry& e, const fact_set& facts, std::string_view display_name);

/// "20260102150405" and back (RFC 3659 section 2.3); fractions of a second are accepted and dropped.
[[nodiscard]] std::string format_time(std::int64_t seconds);
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

/// One line of MLSD, without its end. A line whose first word holds no fact is refused: it is some other listing.
[[nodiscard]] result<entry> parse_mlsx(std::string_view line);
/// One line of LIST by itself, in any form that list_parser knows; a whole listing is list_parser's. Nothing for "total 12"
/// and lines that are not entries. `now` guesses the year of a line without one.
[[nodiscard]] std::optional<entry> parse_list_line(std::string_view line, std::int64_t now);

/// True where a name from a server may be used as one local path component (CL-04): not empty, not "." or "..", no '/',
/// no control byte.
[[nodiscard]] bool is_safe_name(std::string_view name) noexcept;

}  // namespace sallyport::proto
