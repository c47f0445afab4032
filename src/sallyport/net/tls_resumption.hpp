#pragma once
// What a server context keeps so that clients can resume their sessions: the keys of tickets, and the sessions of clients
// that take no tickets. It is the app data of the OpenSSL context and of its hello reader. Inside net only.

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
