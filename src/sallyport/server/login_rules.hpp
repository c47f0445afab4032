#pragma once
// When an account may log in: networks, hours, expiry, TLS. Values and functions that read nothing but the time zone; any
// thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::server {

/// A part of some days of the week, in the time zone of this machine.
struct login_hours {
    // Bit 0: Monday.
    std::uint8_t days = 0x7f;
    // Minutes since midnight. If `to` is not later, it is that of the next day.
    std::uint16_t from = 0;
    std::uint16_t to = 0;
    friend bool operator==(const login_hours&, const login_hours&) = default;
};

/// "08:00-18:00", "mon-fri 22:00-06:00", "sat 00:00-24:00".
[[nodiscard]] std::optional<login_hours> parse_hours(std::string_view text);
/// `minute`: since the beginning of Monday.
[[nodiscard]] bool contains(const login_hours& hours, unsigned minute) noexcept;

struct login_rules {
    // Clients of these networks only; empty: of all.
    std::vector<ip_network> allow_from{};
    // Not those of these networks, even if they are in the above.
    std::vector<ip_network> refuse_from{};
    // Only at these times; empty: always.
    std::vector<login_hours> hours{};
    // From this time on, in seconds since 1970, no login.
    std::optional<std::int64_t> expires{};
    // On control and data connections.
    bool tls_required = false;
    // At a time; 0: no limit.
    std::size_t max_sessions = 0;
};

/// Whether a client with this address may log in now; the number of sessions is not part of it. errc::login_refused: with
/// the reason for the log only, since the reply is that of a wrong password. errc::not_allowed: with the text of the reply.
[[nodiscard]] result<void> check_login_rules(const login_rules& rules, const ip_address& client, bool tls, std::int64_t now);

}  // namespace sallyport::server
