#pragma once
// Directory entries on the wire: LIST in Unix format, NLST, and the facts of MLSD and MLST (RFC 3659, section 7).
//
// The current time is always an argument. Writers append to a buffer, so that a listing can be streamed. Pure functions and
// values; any thread.

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
    // Seconds since 1970, UTC.
    std::int64_t modified = 0;
    // The permission bits only.
    std::uint32_t mode = 0644;
    std::uint32_t links = 1;
    std::string owner = "ftp";
    std::string group = "ftp";
    // The target of a `link` in LIST.
    std::string link_target;
    // The fact "unique" of MLSD and MLST; empty if unknown.
    std::string unique;
    // The fact "perm": the user's permissions ("adfrw").
    std::string perm;
    // Set by parsers: the listing contained a size.
    bool has_size = false;
    // Set by parsers: the listing contained a time.
    bool has_modified = false;
};

/// The facts that a session has selected with OPTS MLST.
struct fact_set {
    bool type = true, size = true, modify = true, perm = true, unique = true, unix_mode = true, unix_owner = false,
         unix_group = false;

    /// From "type;size;modify;". Unknown facts are ignored, as RFC 3659 requires.
    [[nodiscard]] static fact_set parse(std::string_view list);
    /// For FEAT: "type*;size*;modify*;...", with '*' after each selected fact.
    [[nodiscard]] std::string feat() const;
    /// For the reply to OPTS MLST: "type;size;".
    [[nodiscard]] std::string text() const;
};

/// A name as shown in all listings, also NLST: each control character (C0, DEL, C1, also as a single byte) becomes '?',
/// since terminals execute control characters, and some of them end lines (IN-09).
void append_name(std::string& out, std::string_view name);
/// "-rw-r--r--    1 ftp      ftp          1024 Jan 02 15:04 name\r\n", with the year instead of the time if `modified` is
/// more than half a year from `now`.
void append_unix_line(std::string& out, const entry& e, std::int64_t now);
/// "type=file;size=1024;modify=20260102150405; name\r\n".
void append_mlsx(std::string& out, const entry& e, const fact_set& facts);
/// The same line without its end and with one leading blank, for the 250 reply to MLST.
[[nodiscard]] std::string mlst_line(const entry& e, const fact_set& facts, std::string_view display_name);

/// "20260102150405" (RFC 3659, section 2.3).
[[nodiscard]] std::string format_time(std::int64_t seconds);
/// Fractions of a second are accepted and ignored.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

/// One line of MLSD, without its end. A line whose first word has no fact is refused, since it belongs to another format.
[[nodiscard]] result<entry> parse_mlsx(std::string_view line);
/// One line of LIST, in any format that list_parser knows; use list_parser for complete listings. Nothing for "total 12" and
/// other lines that are no entries. `now` determines the year of a line without one.
[[nodiscard]] std::optional<entry> parse_list_line(std::string_view line, std::int64_t now);

/// True if a name from a server can be used as one component of a local path (CL-04): not empty, not "." or "..", without
/// '/' and control bytes.
[[nodiscard]] bool is_safe_name(std::string_view name) noexcept;

}  // namespace sallyport::proto
