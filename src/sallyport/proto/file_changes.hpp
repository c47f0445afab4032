#pragma once
// The commands that change facts of a file: MFMT and MFF (draft-somers-ftp-mfxx), and SITE CHMOD and SITE UTIME, which no
// document defines: what their arguments mean.
//
// Values and pure functions; any thread.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// What a command changes of the file with this name; one of the facts at least.
struct file_change {
    std::string name;
    // Seconds since 1970, UTC.
    std::optional<std::int64_t> modified{};
    // Permission bits, up to 0777.
    std::optional<std::uint32_t> mode{};

    friend bool operator==(const file_change&, const file_change&) = default;
};

/// "20260102150405 name". The reply refuses other forms.
[[nodiscard]] std::expected<file_change, reply> parse_mfmt(std::string_view argument);

/// "modify=20260102150405;UNIX.mode=0640; name". The reply refuses other forms and facts; then nothing is changed.
[[nodiscard]] std::expected<file_change, reply> parse_mff(std::string_view argument);

/// "CHMOD 640 name"; "UTIME 20260102150405 name", or "UTIME name ATIME MTIME CTIME UTC" with three times, of which the
/// second one is used. Nothing for another subcommand; the reply refuses other forms of these two.
[[nodiscard]] std::optional<std::expected<file_change, reply>> parse_site_change(std::string_view argument);

/// The facts as in the reply to MFF: "Modify=20260102150405;UNIX.mode=0640;".
[[nodiscard]] std::string text_of_facts(const std::optional<std::int64_t>& modified,
                                        const std::optional<std::uint32_t>& mode);

}  // namespace sallyport::proto
