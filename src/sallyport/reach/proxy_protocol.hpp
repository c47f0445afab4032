#pragma once
// PROXY protocol: which load balancers are trusted, and reading the PROXY header from a connection of theirs.
//
// A connection from a trusted address must begin with a PROXY header. On connections from any other address no header is
// looked for, so that one is treated like any other invalid input.
//
// trusted_proxies is a value; any thread. A header is read on the event loop that accepted the connection. The connection
// outlives the call, which ends within the PROXY header's time limit.

#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::reach {

struct trusted_proxies {
    std::vector<ip_network> networks;
    // Data connections begin with a header as well, not only control connections.
    bool on_data_connections = false;

    [[nodiscard]] bool is_trusted(const ip_address& a) const noexcept;
};

/// Reads the header from a new connection, and no byte after it. If the header names a client, `connection.peer` is set to
/// it; `local` stays the local address, on which ports can be opened. Fails with errc::closed if the peer closes without a
/// byte, as some health checks do, with errc::truncated if it closes within the header, with errc::syntax if there is no
/// header, and with errc::timeout. On the thread of `loop`; the connection belongs to no loop afterwards.
net::task<result<proto::proxy_header>> read_proxy_header(net::loop& loop, net::accepted_connection& connection);

}  // namespace sallyport::reach
