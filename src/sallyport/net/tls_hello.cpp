#include <sallyport/net/tls_hello.hpp>

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/tls_resumption.hpp>

namespace sallyport::net {
namespace {

constexpr char handshake_record = 22;

int no_ticket(SSL*, void*) { return 1; }

// What OpenSSL's callbacks note. They throw nothing, since there is space for what they note.
tls_hello& noted_by(SSL* ssl) noexcept { return *static_cast<tls_hello*>(SSL_get_app_data(ssl)); }

void note_session(SSL* ssl, const SSL_SESSION* session) {
    unsigned size = 0;
    const auto* id = SSL_SESSION_get0_id_context(session, &size);
    auto& found = noted_by(ssl).session_id_context;
    // At most SSL_MAX_SID_CTX_LENGTH bytes.
    if (found.empty()) found.assign(reinterpret_cast<const char*>(id), size);
}

// server_name: the length of a list, then of its first name the type 0, the length and the text.
int note_server_name(SSL* ssl, int*, void*) {
    constexpr std::size_t header = 5;
    const unsigned char* extension = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) != 1 || size < header)
        return SSL_CLIENT_HELLO_SUCCESS;
    const std::size_t length = extension[3] * std::size_t{256} + extension[4];
    const std::string_view name(reinterpret_cast<const char*>(extension) + header, size - header);
    if (extension[2] == TLSEXT_NAMETYPE_host_name && length == name.size() && length <= TLSEXT_MAXLEN_host_name)
        noted_by(ssl).server_name = name;
    return SSL_CLIENT_HELLO_SUCCESS;
}

// The session ID is only read; continuing with the session would send an answer.
SSL_SESSION* note_session_id(SSL* ssl, const unsigned char* id, int size, int*) {
    return without_exception<SSL_SESSION*>(nullptr, [&]() -> SSL_SESSION* {
        const auto found =
            tls_resumption::of(ssl).ids->find({reinterpret_cast<const char*>(id), static_cast<std::size_t>(size)});
        if (found) note_session(ssl, found.get());
        return nullptr;
    });
}

// The ticket is only read. Aborting here would leak the session with TLS 1.3; the missing certificate ends the handshake
// soon enough.
SSL_TICKET_RETURN note_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t, SSL_TICKET_STATUS status,
                              void*) {
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE;
    note_session(ssl, session);
    return SSL_TICKET_RETURN_IGNORE;
}

// OpenSSL only negotiates TLS 1.3 if there may be a certificate; this callback then ends the handshake.
int no_certificate(SSL*, void*) { return 0; }

}  // namespace

std::shared_ptr<ssl_ctx_st> make_hello_reader(ssl_ctx_st* of) {
    std::shared_ptr<ssl_ctx_st> made(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!made) return made;
    auto* c = made.get();
    if (!use_ticket_keys(c) || SSL_CTX_set_session_ticket_cb(c, no_ticket, note_ticket, nullptr) != 1) return nullptr;
    SSL_CTX_set_cert_cb(c, no_certificate, nullptr);
    SSL_CTX_set_client_hello_cb(c, note_server_name, nullptr);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(c, SSL_CTX_get_app_data(of));
    SSL_CTX_sess_set_get_cb(c, note_session_id);
    return made;
}

tls_hello read_tls_hello(const tls_server_context& context, std::string_view bytes) {
    using kind = tls_hello::kind;
    if (bytes.empty()) return {};
    if (bytes.front() != handshake_record) return {kind::not_tls};
    ERR_clear_error();
    const std::unique_ptr<SSL, openssl_delete<SSL_free>> ssl(SSL_new(context.hello_reader()));
    auto* in = BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()));
    auto* out = BIO_new(BIO_s_mem());
    if (!ssl || in == nullptr || out == nullptr) {
        BIO_free(in);
        BIO_free(out);
        return {kind::new_session};
    }
    // The end of the bytes is not the end of the connection.
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl.get(), in, out);
    tls_hello found{kind::new_session};
    found.session_id_context.reserve(SSL_MAX_SID_CTX_LENGTH);
    found.server_name.reserve(TLSEXT_MAXLEN_host_name);
    if (SSL_set_app_data(ssl.get(), &found) != 1) return {kind::new_session};
    const int returned = SSL_accept(ssl.get());
    const bool is_incomplete = SSL_get_error(ssl.get(), returned) == SSL_ERROR_WANT_READ && BIO_pending(out) == 0;
    ERR_clear_error();
    if (!found.session_id_context.empty())
        found.is = kind::resumes;
    else if (is_incomplete && bytes.size() < max_tls_hello)
        found.is = kind::need_more;
    return found;
}

}  // namespace sallyport::net
