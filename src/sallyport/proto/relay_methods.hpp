#pragma once
// The data methods that the gateway sends to its backend, whichever one the client has sent to the gateway (G8). Values and
// pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::proto {

enum class backend_data_mode : std::uint8_t {
    // The client's method.
    match,
    // The gateway connects to the backend.
    passive,
    // The backend connects to the gateway.
    active,
    // This method, and no other if it is refused.
    epsv,
    pasv,
    eprt,
    port,
};

/// "match", "passive", "active", "epsv", "pasv", "eprt", "port".
[[nodiscard]] std::optional<backend_data_mode> parse_backend_data_mode(std::string_view text);

/// The methods to send to the backend, one after the other until it accepts one; passive ones after active ones. Methods
/// that the backend is known to refuse are left out, except the last one. Empty if the policy allows only a method that
/// cannot name an IPv6 address. `failed`: no data connection with the backend was established with this method; the other
/// mode, active or passive, is next if the policy allows both.
[[nodiscard]] std::vector<data_method> backend_methods(backend_data_mode policy, data_method client_method, bool ipv6,
                                                       method_set refused, std::optional<data_method> failed = {});

}  // namespace sallyport::proto
