#pragma once
// What a running session tells of itself. Plain values; any thread. Text of a peer is as it came: escape it to show it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::status {

/// A port at which one peer is expected, and nobody else.
struct opening {
    bool behind = false;  // for the server behind, not for the client
    std::uint16_t port = 0;
    ip_address peer;
    std::optional<std::chrono::milliseconds> left;  // nothing: until it is used or replaced
    std::optional<endpoint> led_to{};               // by the kernel; nothing: the connection is met at the port
};

struct running_transfer {
    std::string verb;
    std::string path;
    bool upload = false;
    std::string method;                  // "EPSV", or "EPSV/PASV" with a side behind; "standing": MODE B
    std::string route;                   // of the bytes at a gateway: "relayed", ...; empty at a server
    std::string data_path_reason{};      // one word: why that way and no other; empty at a server
    std::optional<std::uint64_t> bytes;  // nothing: they don't pass here
    std::chrono::milliseconds age{};
};

struct session_report {
    std::string id;
    endpoint client;
    std::string user;
    bool logged_in = false;
    std::string backend;     // empty: none, or none yet
    std::string tls;         // "TLSv1.3" in front; empty: plain
    std::string tls_behind;  // likewise
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
struct session_survey {
    std::vector<session_report> sessions;
    bool whole = true;  // false: a loop was too busy to tell in time
};

}  // namespace sallyport::status
