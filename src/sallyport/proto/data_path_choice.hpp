#pragma once
// The choice of a transfer's data path in a gateway, with its reason: one pure function of the known facts.
//
// It is called again when a negotiation has learned more: what the backend refuses, which address its 227 advertises,
// whether the kernel has accepted the opening. `direct` is preferred to `kernel`, and `kernel` to `relay`. Without TLS on
// both legs the relay splices the bytes from socket to socket; otherwise they pass through its memory. Values; any thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::proto {

/// How a transfer's bytes travel.
enum class data_path : std::uint8_t {
    // The gateway process reads and writes, or splices, the bytes.
    relay,
    // The data connection is between client and backend and bypasses the gateway.
    direct,
    // A NAT rule of the kernel forwards the data connection.
    kernel,
};
/// "relay", "direct", "kernel".
[[nodiscard]] std::string_view name(data_path r) noexcept;

/// Which of a backend's data connections bypass the gateway.
struct direct_data {
    // The client connects to the address in the backend's 227.
    bool passive = false;
    // An IPv4 address that replaces the address in the 227.
    std::optional<ip_address> external_address{};
    // The backend connects to the client.
    bool active = false;

    friend bool operator==(const direct_data&, const direct_data&) = default;
};

/// True if this client may be able to connect to the address in a backend's 227.
[[nodiscard]] bool can_reach(const ip_address& client, const ip_address& advertised) noexcept;

enum class kernel_forwarding : std::uint8_t { disabled, unavailable, available };

/// The facts about data paths from a gateway's settings and system, the same for all negotiations of a session.
struct data_path_rules {
    kernel_forwarding kernel = kernel_forwarding::disabled;
    // A token bucket in this process limits the rate.
    bool rate_limited = false;
    // Several sessions share one passive port.
    bool single_port = false;
    // Data connections from a load balancer start with a PROXY header.
    bool proxy_headers = false;
};

struct data_path_facts {
    data_path_rules rules{};
    // Data connections must be encrypted.
    bool tls_required = false;

    // ---- The backend

    direct_data direct{};
    // Data connections to the backend start with a PROXY header.
    bool backend_proxy_headers = false;
    bool backend_refuses_pasv = false;

    // ---- The session

    // The peers of the two control connections.
    ip_address client;
    ip_address backend;
    bool client_data_tls = false;
    bool backend_data_tls = false;
    bool epsv_all = false;

    // ---- The negotiation

    data_method client_method = data_method::pasv;
    // Nothing before the first command to the backend.
    std::optional<data_method> backend_method{};
    // The backend has refused the client's method, or the client's address.
    bool direct_refused = false;
    // The address in the backend's 227.
    std::optional<ip_address> advertised{};
    // The kernel has not accepted the opening.
    bool kernel_refused = false;
};

enum class data_path_reason : std::uint8_t {
    // Reasons for `direct`.
    backend_allows_direct,
    // Reasons for `kernel`.
    kernel_enabled,
    // Reasons for `relay`.
    nothing_else_enabled,
    tls,
    tls_required,
    rate_limit,
    direct_other_mode,
    epsv_all,
    ipv6,
    backend_refused,
    advertised_address,
    kernel_unavailable,
    single_port,
    proxy_headers,
    different_modes,
    different_ip_versions,
    kernel_refused,
};
/// One word, for records: "rate_limit".
[[nodiscard]] std::string_view name(data_path_reason r) noexcept;
/// A text for people: "a rate limit applies".
[[nodiscard]] std::string_view text(data_path_reason r) noexcept;

struct data_path_choice {
    data_path path = data_path::relay;
    data_path_reason reason = data_path_reason::nothing_else_enabled;

    friend bool operator==(const data_path_choice&, const data_path_choice&) = default;
};

[[nodiscard]] data_path_choice choose_data_path(const data_path_facts& facts) noexcept;

}  // namespace sallyport::proto
