#pragma once
// Connections that a balancer passes on: whom we believe about the client behind, and reading what they say (PROXY
// protocol).
//
// Trust is by the address that the connection comes from. From a trusted one the header must come first; from any other
// one nothing is looked for, so that a header in there is garbage like any other.
//
// proxy_trust is a value; any thread. A header is read on the loop that has accepted the connection, and the connection must
// outlive that: within limits::proxy_header_timeout.

#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::reach {

struct trusted_proxies {
    std::vector<ip_network> networks;
    // Headers stand before data connections too, not only before control connections.
    bool on_data_connections = false;

    [[nodiscard]] bool is_trusted(const ip_address& a) const noexcept;
};

/// Reads the header off a new connection, and not one byte more. Where it names a client, `connection.peer` is that client
/// from then on; `local` stays our own address, on which ports can be opened. errc::closed where nothing came at all, as
/// with a bare health check; timeout after limits::proxy_header_timeout. Loop thread only; the connection is tied to no loop
/// afterwards. It must outlive the call.
net::task<result<proto::proxy_header>> read_proxy_header(net::loop& loop, net::accepted_connection& connection);

}  // namespace sallyport::reach
