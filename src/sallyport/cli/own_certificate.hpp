#pragma once
// The certificate of 'sallyport up': made once per user and kept, so that a client that trusted it goes on doing so.

#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::cli {

struct own_certificate {
    net::tls_server_context context;
    std::string file;  // the certificate, for clients' --cacert; empty where it could only be kept in memory
};

/// Takes the one in $XDG_STATE_HOME/sallyport (or ~/.local/state/sallyport), or makes one for this host's names and
/// `address`, the one that others on the network use.
[[nodiscard]] result<own_certificate> load_or_make_certificate(const std::string& address);

}  // namespace sallyport::cli
