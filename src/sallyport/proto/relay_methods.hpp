#pragma once
// By which methods the gateway asks its backend for a data connection, whatever the client asked the gateway for (G8).

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::proto {

enum class backend_data_mode : std::uint8_t {
    match,    // as the client asked
    passive,  // the gateway connects to the backend
    active,   // the backend connects to the gateway
    epsv,     // exactly this one, and no other where it is refused
    pasv,
    eprt,
    port,
};

/// "match", "passive", "active", "epsv", "pasv", "eprt", "port".
[[nodiscard]] std::optional<backend_data_mode> parse_backend_data_mode(std::string_view text);

/// What to ask the backend for, first choice first; the next one follows where one is refused, passive after active. What
/// the backend is known to refuse is left out, but for the last resort. Empty where the policy allows only a method that
/// IPv6 has no room in.
[[nodiscard]] std::vector<data_method> backend_methods(backend_data_mode policy, data_method client_method, bool ipv6,
                                                       method_set refused);

}  // namespace sallyport::proto
