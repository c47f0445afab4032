#pragma once
// Which way the bytes of a transfer go through a gateway, and why: one pure function of what is known at that moment.
//
// It is asked again whenever a negotiation has learned more: what the backend refuses, which address its 227 advertises,
// whether the kernel took the opening. Direct wins over the kernel, and the kernel over the relay. Without TLS on either leg
// the relay splices the bytes from socket to socket; else they pass through its memory. Values; any thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::proto {

/// How a transfer's bytes travel.
enum class data_path : std::uint8_t {
    relay,   // the gateway process reads and writes, or splices, them
    direct,  // between client and backend, bypassing the gateway
    kernel,  // a NAT rule of the kernel forwards the data connection
};
/// "relay", "direct", "kernel".
[[nodiscard]] std::string_view name(data_path r) noexcept;

/// Which of a backend's data connections bypass the gateway.
struct direct_data {
    bool passive = false;                          // the client connects to the backend, where its 227 says ...
    std::optional<ip_address> external_address{};  // ... or here, an IPv4 address
    bool active = false;                           // the backend connects to the client, if it will

    friend bool operator==(const direct_data&, const direct_data&) = default;
};

/// Whether the address of a backend's 227 leads anywhere for this client.
[[nodiscard]] bool can_reach(const ip_address& client, const ip_address& advertised) noexcept;

enum class kernel_forwarding : std::uint8_t { disabled, unavailable, available };

/// What the settings and the system of a gateway say about data paths, alike for all negotiations of a session.
struct data_path_rules {
    kernel_forwarding kernel = kernel_forwarding::disabled;
    bool rate_limited = false;   // by a token bucket in this process
    bool single_port = false;    // several sessions share one passive port
    bool proxy_headers = false;  // begin the data connections that come from a load balancer
};

struct data_path_facts {
    data_path_rules rules{};
    bool tls_required = false;  // data connections must be encrypted
    // Of the backend
    direct_data direct{};
    bool backend_proxy_headers = false;  // begin the data connections to it
    bool backend_refuses_pasv = false;
    // Of the session
    ip_address client;  // the peers of its two control connections
    ip_address backend;
    bool client_data_tls = false;
    bool backend_data_tls = false;
    bool epsv_all = false;
    // Of the negotiation
    data_method client_method = data_method::pasv;
    std::optional<data_method> backend_method{};  // nothing: the backend was not asked yet
    bool direct_refused = false;                  // the backend refused the client's method, or the client's address
    std::optional<ip_address> advertised{};       // by the backend's 227
    bool kernel_refused = false;                  // the kernel did not take the opening
};

enum class data_path_reason : std::uint8_t {
    // Direct
    backend_allows_direct,
    // Kernel
    kernel_enabled,
    // Relayed
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
/// For people: "a rate limit applies".
[[nodiscard]] std::string_view text(data_path_reason r) noexcept;

struct data_path_choice {
    data_path path = data_path::relay;
    data_path_reason reason = data_path_reason::nothing_else_enabled;

    friend bool operator==(const data_path_choice&, const data_path_choice&) = default;
};

[[nodiscard]] data_path_choice choose_data_path(const data_path_facts& facts) noexcept;

}  // namespace sallyport::proto
