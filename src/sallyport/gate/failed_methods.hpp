#pragma once
// With which method no data connection with a server was established, in sessions of each client: its next session with this
// server begins with the other mode, active or passive (G8). By client too, since it may be the client's fault.
//
// Any thread. Owned by the state that survives reloads. Entries last for ten minutes, then the first mode is tried again; if
// there are too many, new ones are not kept.

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <sallyport/base/address.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::gate {

/// The addresses of a client and of its server.
struct session_peers {
    ip_address client;
    ip_address server;
    friend auto operator<=>(const session_peers&, const session_peers&) = default;
};

class failed_methods {
public:
    /// Nothing if none has failed, or if that was long ago.
    [[nodiscard]] std::optional<proto::data_method> find(const session_peers& of, net::deadline now) const;
    /// At the end of a session. What is known already does not last longer by it.
    void note(const session_peers& of, std::optional<proto::data_method> failed, net::deadline now);

private:
    struct entry {
        proto::data_method method{};
        net::deadline ends{};
    };

    // Guards the member below.
    mutable std::mutex mutex_;
    std::map<session_peers, entry> entries_;
};

}  // namespace sallyport::gate
