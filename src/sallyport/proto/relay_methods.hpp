#pragma once
// By which methods the gateway asks its backend for a data connection, whatever the client asked the gateway for (G8).

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::proto {

enum class backend_data : std::uint8_t {
    as_client,  // as the client asked
    passive,    // the gateway connects to the backend
    active,     // the backend connects to the gateway
    epsv,       // exactly this one, and no other where it is refused
    pasv,
    eprt,
    port,
};

/// By which way a transfer's bytes go.
enum class data_route : std::uint8_t {
    relayed,  // by the gateway's hands
    direct,   // from client to backend or back, past the gateway
    kernel,   // through the gateway's machine, led by the kernel
};
/// "relayed", "direct", "kernel".
[[nodiscard]] std::string_view name(data_route r) noexcept;

/// What may go past the gateway: only in the clear, since TLS ends here, and never by EPSV, which names no address.
struct direct_data {
    bool passive = false;                 // the client connects to the backend, where its 227 says ...
    std::optional<ip_address> outside{};  // ... or here, an IPv4 address
    bool active = false;                  // the backend connects to the client, if it will

    friend bool operator==(const direct_data&, const direct_data&) = default;
};

/// Whether the address of a backend's 227 leads anywhere for this client.
[[nodiscard]] bool is_direct_for(const ip_address& client, const ip_address& told) noexcept;

/// "as-client", "passive", "active", "epsv", "pasv", "eprt", "port".
[[nodiscard]] std::optional<backend_data> parse_backend_data(std::string_view text);

/// What to ask the backend for, first choice first; the next one follows where one is refused, passive after active. What
/// the backend is known to refuse is left out, but for the last resort. Empty where the policy allows only a method that
/// IPv6 has no room in.
[[nodiscard]] std::vector<data_method> methods_behind(backend_data policy, data_method asked, bool ipv6, method_set refused);

}  // namespace sallyport::proto
