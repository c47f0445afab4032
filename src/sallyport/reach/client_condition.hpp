#pragma once
// Conditions that select the clients to which a setting applies, joined by commas; a client must match all of them.
//
// A condition is a network that contains the client's address (10.0.0.0/8), the client destination (192.0.2.1:990, or :990
// for any address), or `tls` or `plain` for the state of its control connection.
//
// Values; any thread may use them.

#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::reach {

/// What the conditions are checked against: the client's address, what it connected to, and whether its control connection
/// is encrypted.
struct client_info {
    ip_address address;
    endpoint client_destination;
    bool tls = false;
};

struct client_condition {
    std::optional<ip_network> clients;
    // An unspecified address matches any address.
    std::optional<endpoint> client_destination;
    std::optional<bool> tls;

    /// Requires at least one condition, and at most one of each kind. Fails with errc::syntax and names the invalid one.
    [[nodiscard]] static result<client_condition> parse(std::string_view text);
    [[nodiscard]] bool matches(const client_info& v) const noexcept;
    friend bool operator==(const client_condition&, const client_condition&) = default;

private:
    [[nodiscard]] bool add(std::string_view text);
};

/// Whether at least one of `conditions` matches the client.
[[nodiscard]] bool any_matches(const std::vector<client_condition>& conditions, const client_info& v) noexcept;

}  // namespace sallyport::reach
