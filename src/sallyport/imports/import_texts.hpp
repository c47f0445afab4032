#pragma once
// What Sallyport does, in the sentences that the reports of several importers share. Constants and a pure function; any
// thread.

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sallyport::imports::import_texts {

// Accounts.
inline constexpr std::string_view confined = "every account is confined to its home";
inline constexpr std::string_view named_users =
    "users with a section of their own can log in, and with --pam those of the system";
inline constexpr std::string_view system_users =
    "users of the system log in if pam names a service; the others need a section [user.NAME] each, see --users";
inline constexpr std::string_view system_homes =
    "home = \"~\": the home of each user of the system, which must be below DIR";
inline constexpr std::string_view shared_home =
    "users of the system share it, and owners and modes of files do not separate them: set home";
inline constexpr std::string_view pam_service = "set pam to the name of the service, so that users of the system can log in";
inline constexpr std::string_view directory_users =
    "users of a directory service or database need sections, or a PAM module and --pam";
inline constexpr std::string_view file_owner = "files belong to the user of the process, see docs/trust.md";
/// What has become of the login of users of the system.
[[nodiscard]] inline std::string with_pam(std::string_view line) {
    return fmt::format("{}; files are used as the user of the process, see --run-as, not as the user who logs in", line);
}
inline constexpr std::string_view chmod = "the right overwrite includes SITE CHMOD";
// Limits.
inline constexpr std::string_view no_ratios = "there are no ratios";
inline constexpr std::string_view no_load = "the load of the machine does not matter";
// The process.
inline constexpr std::string_view sandbox = "the process has its own sandbox, see docs/hardening.md";
inline constexpr std::string_view log =
    "use --transfer-log FILE with --transfer-log-format xferlog or common, and --log FILE for the other events";
// TLS.
inline constexpr std::string_view ciphers = "the ciphers are fixed, and all of them are strong";

}  // namespace sallyport::imports::import_texts
