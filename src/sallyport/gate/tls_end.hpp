#pragma once
// Where TLS of an intercepted session ends, with tls=end: at this gateway if a certificate of its own is valid for the
// server, otherwise at the server, and the gateway passes it without reading (G10).
//
// A client that requests a server name in its ClientHello (SNI, RFC 6066 section 3) compares the certificate with that name,
// so this name alone decides. Without a name, the address that the client has connected to decides.
//
// A value, and a pure function; any thread.

#include <functional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::gate {

struct tls_end {
    bool here = false;
    // The server name that the client requests, if TLS ends here: the server's own certificate must have it too.
    std::string host{};
    // Completes "TLS ..." in the log. Contains text of the client.
    std::string reason{};

    /// `requested`: the server name in the ClientHello; empty if it has none. `has_certificate_for`: whether a certificate
    /// of this gateway is valid for a host name or an address.
    [[nodiscard]] static tls_end choose(std::string_view requested, const ip_address& destination,
                                        const std::function<bool(std::string_view)>& has_certificate_for);
};

}  // namespace sallyport::gate
