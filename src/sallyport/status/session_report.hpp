#pragma once
// The state of a running session for `status`. Plain values; any thread. Texts of peers are not escaped.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::status {

/// A port on which one data connection, from one peer, is accepted.
struct opening {
    // True for the backend leg, false for the client leg.
    bool backend_leg = false;
    std::uint16_t port = 0;
    ip_address peer;
    // Nothing if it stays open until it is used or replaced.
    std::optional<std::chrono::milliseconds> expires_in;
    // The target of kernel forwarding; nothing if this process accepts the connection.
    std::optional<endpoint> forwarded_to{};
    // Since when it is open; nothing if that is not known.
    std::optional<std::chrono::milliseconds> age{};
    // Connection requests were forwarded, and none of them was answered yet.
    bool attempted = false;
};

struct running_transfer {
    std::string verb;
    std::string path;
    bool upload = false;
    // The data method, for example "EPSV"; "persistent" for the data connection of an earlier transfer (MODE B).
    std::string client_method;
    // The same for the backend leg; empty for a server.
    std::string backend_method{};
    // "relay", "kernel" or "direct"; empty for a server.
    std::string data_path{};
    // Why this data path was chosen, in one word; empty for a server.
    std::string data_path_reason{};
    // Nothing if the data does not pass through this process.
    std::optional<std::uint64_t> bytes{};
    std::chrono::milliseconds age{};
};

struct session_report {
    std::string id;
    endpoint client;
    // What the client has connected to.
    endpoint client_destination{};
    std::string user;
    bool logged_in = false;
    // Empty if there is none yet, or for a server.
    std::string backend;
    // The client has connected to the backend itself, and this gateway was on the way.
    bool intercepted = false;
    // The TLS version, for example "TLSv1.3"; empty without TLS.
    std::string client_tls;
    // The same for the backend leg.
    std::string backend_tls;
    std::chrono::milliseconds age{};
    std::chrono::milliseconds idle{};
    // What the last reply to PASV or EPSV advertised; nothing before one.
    std::optional<endpoint> advertised{};
    std::optional<running_transfer> transfer;
    std::vector<opening> openings;
};

/// A source (an IPv4 address or an IPv6 /64) that is rejected temporarily after failed logins.
struct login_penalty {
    ip_address source;
    std::chrono::seconds remaining{};
};

/// The sessions of all event loops, at nearly the same time.
struct session_snapshot {
    std::vector<session_report> sessions;
    // False: an event loop did not answer in time.
    bool complete = true;
};

}  // namespace sallyport::status
