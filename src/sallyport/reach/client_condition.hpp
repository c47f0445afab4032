#pragma once
// Which clients a setting is for: conditions joined by commas, all of which must hold. A network that the client is in
// (10.0.0.0/8), the listener that it has connected to (192.0.2.1:990, or :990 for any address), `tls` or `plain` for its
// control connection. Values; any thread.

#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::reach {

/// Who asks, and how it came to us.
struct client_info {
    ip_address address;
    endpoint client_destination;
    bool tls = false;
};

struct client_condition {
    std::optional<ip_network> clients;
    // Any address where it is unspecified.
    std::optional<endpoint> client_destination;
    std::optional<bool> tls;

    /// At least one condition. The error says what is none, or stands there twice.
    [[nodiscard]] static result<client_condition> parse(std::string_view text);
    [[nodiscard]] bool matches(const client_info& v) const noexcept;
    friend bool operator==(const client_condition&, const client_condition&) = default;

private:
    [[nodiscard]] bool add(std::string_view text);
};

[[nodiscard]] bool any_matches(const std::vector<client_condition>& conditions, const client_info& v) noexcept;

}  // namespace sallyport::reach
