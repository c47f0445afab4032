#pragma once
// The way to one backend: its addresses, the connection, TLS, and its greeting, within one time limit.
//
// Loop thread only; the arguments taken by reference must outlive the call.

#include <expected>
#include <string>

#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/own_ends.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/proxy_header.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::gate {

struct backend_link {
    net::stream stream;
    proto::reply greeting;  // the 220
    own_ends::leg leg{};    // for as long as the connection
};

struct backend_failure {
    check_stage at = check_stage::tcp;
    error cause;
    int reply = 0;  // of the server, where it was that

    /// "greeting: timed out", safe to show.
    [[nodiscard]] std::string text() const;
};

/// Connects, says for which client where the backend wants to know (PROXY), and waits for the greeting (120 is waited out,
/// RFC 959 section 5.4); with explicit TLS also AUTH TLS and the handshake. A greeting other than 220 is errc::rejected with
/// the backend's words: another one may have room. A check that looks at less stops at its stage; after `tcp` there is no
/// greeting. An address that is our own is never connected to.
net::task<std::expected<backend_link, backend_failure>> reach_backend(
    net::loop& home, const backend& to, const proto::proxy_header& client, const std::optional<net::tls_client_context>& tls,
    const net::keepalive& keepalive, own_ends& own, net::time_limit limit, check_stage up_to = check_stage::tls);

}  // namespace sallyport::gate
