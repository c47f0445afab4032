#pragma once
// The data of a server context for session resumption: ticket keys, and the sessions of clients without ticket support. For
// use inside net only.
//
// Owned by the server context, and the app data of its OpenSSL context and of its hello reader. Any thread.

#include <memory>

#include <openssl/ssl.h>
#include <sallyport/net/ticket_keys.hpp>
#include <sallyport/net/tls_session_ids.hpp>

namespace sallyport::net {

struct tls_resumption {
    ticket_keys tickets;
    const std::shared_ptr<tls_session_ids> ids = std::make_shared<tls_session_ids>();

    [[nodiscard]] static tls_resumption& of(const SSL* ssl) {
        return *static_cast<tls_resumption*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    }
};

}  // namespace sallyport::net
