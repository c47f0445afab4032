#pragma once
// TLS of the client side for all connections of a run. All servers are measured with one cipher, AES-256-GCM, since their
// defaults differ. Certificates are not verified; they were made for the run. Values; one thread.

#include <memory>

#include <openssl/ssl.h>

#include <sallyport/base/error.hpp>

namespace sallyport::load {

struct free_ssl {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    void operator()(SSL* connection) const noexcept { SSL_free(connection); }
    void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using ssl_context = std::unique_ptr<SSL_CTX, free_ssl>;
using ssl_connection = std::unique_ptr<SSL, free_ssl>;
using ssl_session = std::unique_ptr<SSL_SESSION, free_ssl>;

[[nodiscard]] result<ssl_context> make_client_context();

/// The oldest entry of OpenSSL's error queue.
[[nodiscard]] error tls_error(const char* during);

}  // namespace sallyport::load
