#pragma once
// When an account may log in: networks, expiry, TLS. Values and a pure function; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::server {

struct login_rules {
    // Clients of these networks only; empty: of all.
    std::vector<ip_network> allow_from{};
    // Not those of these networks, even if they are in the above.
    std::vector<ip_network> refuse_from{};
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
