#pragma once
// What a running session tells of itself. Plain values; any thread. Text of a peer is as it came: escape it to show it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::status {

/// A port on which a data connection from one peer, and from no other host, is accepted.
struct opening {
    // False: on the client leg.
    bool backend_leg = false;
    std::uint16_t port = 0;
    ip_address peer;
    // Nothing: open until it is used or replaced.
    std::optional<std::chrono::milliseconds> expires_in;
    // By the kernel; nothing: this process accepts the connection.
    std::optional<endpoint> forwarded_to{};
};

struct running_transfer {
    std::string verb;
    std::string path;
    bool upload = false;
    // "EPSV"; "persistent": the data connection of the transfer before (MODE B).
    std::string client_method;
    // Likewise; empty at a server.
    std::string backend_method{};
    // "relay", "kernel" or "direct"; empty at a server.
    std::string data_path{};
    // One word: why that path and no other; empty at a server.
    std::string data_path_reason{};
    // Nothing: they do not pass through this process.
    std::optional<std::uint64_t> bytes{};
    std::chrono::milliseconds age{};
};

struct session_report {
    std::string id;
    endpoint client;
    std::string user;
    bool logged_in = false;
    // Empty: none, or none yet.
    std::string backend;
    // "TLSv1.3"; empty: plain.
    std::string client_tls;
    // Likewise.
    std::string backend_tls;
    std::chrono::milliseconds age{};
    std::chrono::milliseconds idle{};
    std::optional<running_transfer> transfer;
    std::vector<opening> openings;
};

/// A source (an IPv4 address or an IPv6 /64) that is refused for a while, because of its failed logins.
struct login_penalty {
    ip_address source;
    std::chrono::seconds remaining{};
};

/// The sessions of all loops, each as it was within a moment.
struct session_snapshot {
    std::vector<session_report> sessions;
    // False: an event loop did not answer in time.
    bool complete = true;
};

}  // namespace sallyport::status
