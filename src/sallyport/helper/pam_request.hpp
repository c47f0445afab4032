#pragma once
// The request to check the password of a system user, and its reply: messages of one fixed size between a daemon and its PAM
// process (pam_client.hpp).
//
// Values; any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace sallyport::helper {

/// Each text ends with NUL.
struct pam_request {
    std::array<char, 257> user{};
    // PAM accepts no longer one.
    std::array<char, 513> password{};
    // Of the client.
    std::array<char, 64> address{};
};
static_assert(std::is_trivially_copyable_v<pam_request>);

enum class pam_verdict : std::uint32_t {
    // The password could not be checked. A reply of zeros lets no user log in.
    unavailable,
    refused,
    accepted,
};

struct pam_reply {
    pam_verdict verdict = pam_verdict::unavailable;
    // Of an accepted user: the home directory that the system has for it.
    std::array<char, 1024> home{};
    // Otherwise: the reason, for the log.
    std::array<char, 256> reason{};
};
static_assert(std::is_trivially_copyable_v<pam_reply>);

/// Nothing if the text has no end.
template <std::size_t Size>
[[nodiscard]] std::optional<std::string> text_in(const std::array<char, Size>& field) {
    const auto end = std::ranges::find(field, '\0');
    if (end == field.end()) return std::nullopt;
    return std::string(field.begin(), end);
}
/// False if it does not fit, or has a NUL in it.
template <std::size_t Size>
[[nodiscard]] bool put_text(std::string_view text, std::array<char, Size>& field) {
    if (text.size() >= Size || text.find('\0') != text.npos) return false;
    std::ranges::copy(text, field.begin());
    return true;
}

/// Printable ASCII without blanks, ':' and '/', which no name in /etc/passwd has and which mean something to programs that
/// modules of PAM start; not longer than fits, and with no hyphen at its beginning.
[[nodiscard]] inline bool is_system_name(std::string_view name) {
    const auto is_good = [](char c) { return c > ' ' && c < '\x7f' && c != ':' && c != '/'; };
    return !name.empty() && name.size() < sizeof(pam_request::user) && name.front() != '-' &&
           std::ranges::all_of(name, is_good);
}

[[nodiscard]] inline pam_reply make_pam_reply(pam_verdict verdict, std::string_view reason) {
    pam_reply out{.verdict = verdict};
    (void)put_text(reason.substr(0, out.reason.size() - 1), out.reason);
    return out;
}

}  // namespace sallyport::helper
