#pragma once
// What is known of an FTP server on this host without a session: its configuration, and what the host does with its ports.
// The input of the rules in server_rules.hpp. The readers of configurations and the probes of the host fill it (folder
// `doctor`).
//
// A fact that was not measured is absent. No fact holds a password. Plain values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::diagnosis {

/// A socket that listens on this host.
struct listening_socket {
    endpoint at;
    // The name of the program; empty if this process may not see it.
    std::string program;
};

/// Ports that the host's own packet filter does not accept.
struct blocked_range {
    port_range ports;
    bool v4 = true;
    bool rejects = false;
    // Other rules could accept it for some clients or interfaces.
    bool depends = false;
    // "table inet filter, chain input", and the rule or "policy drop".
    std::string place;
    std::string rule;
};

/// Ports of a container that are forwarded to it, in the same order.
struct published_ports {
    port_range outside;
    port_range inside;

    friend bool operator==(const published_ports&, const published_ports&) = default;
};

/// What publishes them.
enum class port_publisher : std::uint8_t { none, compose, kubernetes };

/// What the host does with the ports of its server.
struct host_facts {
    std::vector<ip_address> addresses;
    port_range ephemeral{};
    // Parts of it that the system does not use.
    std::vector<port_range> reserved;
    std::vector<listening_socket> listeners;
    // Ports with connections that have got no answer to the server's SYN-ACK.
    std::vector<std::uint16_t> half_open;
    // "docker", "podman", "kubernetes", "container"; empty: no container.
    std::string container;
    // Nothing: the packet filter could not be read.
    std::optional<std::vector<blocked_range>> blocked;
    bool accepts_related = false;
    // Rules and settings that assign the kernel's FTP helper.
    std::vector<std::string> helper_rules;
    // Seconds after which conntrack forgets an idle connection; nothing: conntrack is not used.
    std::optional<std::int64_t> conntrack_timeout;
};

struct server_facts {
    // "sallyport", "vsftpd", "proftpd", "pure-ftpd"; empty: not known.
    std::string program;
    // Its configuration file; empty: none.
    std::string source;
    std::vector<std::uint16_t> control_ports;
    bool passive = true;
    // {0, 0}: the system chooses the ports.
    port_range passive_ports{};
    // The address in 227 replies as it is configured; empty: the one that the client connected to.
    std::string external_address;
    // Whether TLS is offered; nothing: not known.
    std::optional<bool> tls;
    // Seconds until the first TCP keepalive on control connections; nothing: none is sent.
    std::optional<std::int64_t> keepalive;
    // Nothing: no limit, or not known.
    std::optional<std::uint64_t> max_sessions;
    // One passive port serves only one session at a time, whatever the clients' addresses.
    bool port_per_session = true;
    // Ports that routers inspect for other protocols are left out.
    bool leaves_out_alg_ports = false;
    // Listed for the settings that make no sense: "pasv_min_port is above pasv_max_port".
    std::vector<std::string> contradictions;
    port_publisher publisher = port_publisher::none;
    std::vector<published_ports> published;

    host_facts host;
    // What could not be looked at, and why.
    std::vector<std::string> not_measured;
};

}  // namespace sallyport::diagnosis
