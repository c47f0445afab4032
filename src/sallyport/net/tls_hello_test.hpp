#pragma once
// A TLS client in memory, made with OpenSSL alone: its ClientHello, and sessions to resume. Owned by a test, on its thread.

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::net {

using ssl_ptr = std::unique_ptr<SSL, openssl_delete<SSL_free>>;
using ctx_ptr = std::unique_ptr<SSL_CTX, openssl_delete<SSL_CTX_free>>;
using session_ptr = std::unique_ptr<SSL_SESSION, openssl_delete<SSL_SESSION_free>>;

inline tls_server_context made_up_server() {
    const auto made = make_self_signed({"localhost"}, 30);
    return *tls_server_context::from_pem(made->certificate, made->key);
}

class memory_tls_client {
public:
    explicit memory_tls_client(int version) : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_.get(), version);
        SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT);
    }

    /// Its first message.
    std::string hello(SSL_SESSION* resume = nullptr, const std::string& server_name = {}) const {
        const auto ssl = connection(resume);
        // What SSL_set_tlsext_host_name() does, without its cast.
        auto name = server_name;
        if (!name.empty()) SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
        SSL_do_handshake(ssl.get());
        return read_from(SSL_get_wbio(ssl.get()));
    }

    /// A session with the ID context `id`.
    session_ptr session_with(const tls_server_context& server, const std::string& id) const {
        const auto near = connection(nullptr);
        const ssl_ptr far(SSL_new(server.get()));
        SSL_set_session_id_context(far.get(), reinterpret_cast<const unsigned char*>(id.data()),
                                   static_cast<unsigned>(id.size()));
        SSL_set_accept_state(far.get());
        SSL_set_bio(far.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        char byte = 0;
        for (int i = 0; i < 6; ++i) {
            SSL_read(near.get(), &byte, 1);
            pass(near.get(), far.get());
            SSL_do_handshake(far.get());
            pass(far.get(), near.get());
        }
        EXPECT_EQ(SSL_is_init_finished(near.get()), 1);
        // Otherwise the session could not be resumed.
        SSL_set_shutdown(near.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        return session_ptr(SSL_get1_session(near.get()));
    }

private:
    ssl_ptr connection(SSL_SESSION* resume) const {
        ssl_ptr made(SSL_new(context_.get()));
        SSL_set_connect_state(made.get());
        SSL_set_bio(made.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        if (resume != nullptr) SSL_set_session(made.get(), resume);
        return made;
    }
    static std::string read_from(BIO* from) {
        std::string bytes(static_cast<std::size_t>(BIO_pending(from)), '\0');
        BIO_read(from, bytes.data(), static_cast<int>(bytes.size()));
        return bytes;
    }
    static void pass(SSL* from, SSL* to) {
        const auto bytes = read_from(SSL_get_wbio(from));
        BIO_write(SSL_get_rbio(to), bytes.data(), static_cast<int>(bytes.size()));
    }
    ctx_ptr context_;
};

}  // namespace sallyport::net
