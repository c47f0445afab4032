#include <array>
#include <span>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/pem_files.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/net/tls_engine.hpp>
#include <sallyport/net/tls_hello.hpp>
#include <sallyport/net/tls_identities.hpp>
#include <sallyport/net/tls_resumption.hpp>

namespace sallyport::net {
namespace {

// A control connection may last a day, and its data connections must be able to resume its session during that time.
constexpr long session_seconds = 24 * 60 * 60;
// The key exchange groups of servers, in the order of preference. The finite-field groups (ffdhe2048 to ffdhe8192), which
// OpenSSL adds by default, are missing: with them a client makes the server compute for milliseconds, before it has computed
// anything itself (CVE-2002-20001). OpenSSL 3.5 has the first of the two lists.
constexpr std::string_view groups = "X25519MLKEM768:X25519:P-256:P-384:P-521";
constexpr std::string_view groups_without_mlkem = "X25519:P-256:P-384:P-521";
// RFC 7301; "ftp" is in IANA's registry.
constexpr std::array<unsigned char, 4> alpn_ftp{3, 'f', 't', 'p'};

using context_ptr = std::shared_ptr<ssl_ctx_st>;

// OpenSSL's macro for this has an old-style cast.
bool set_groups(SSL_CTX* c, std::string list) { return SSL_CTX_ctrl(c, SSL_CTRL_SET_GROUPS_LIST, 0, list.data()) == 1; }

bool limit_groups(SSL_CTX* c) {
    if (set_groups(c, std::string(groups))) return true;
    ERR_clear_error();
    return set_groups(c, std::string(groups_without_mlkem));
}

context_ptr make_context(const SSL_METHOD* method) {
    context_ptr made(SSL_CTX_new(method), SSL_CTX_free);
    auto* c = made.get();
    if (c == nullptr) return made;
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // For TLS 1.2.
    SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20");
    // Idle connections have no record buffers.
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_timeout(c, session_seconds);
    return made;
}

// TLS-07: a client that offers protocols must offer FTP; otherwise the connection may come from a browser whose traffic was
// redirected (the ALPACA attack).
int choose_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                unsigned size, void*) {
    unsigned char* match = nullptr;
    const int found = SSL_select_next_proto(&match, chosen_size, alpn_ftp.data(), alpn_ftp.size(), offered, size);
    if (found == OPENSSL_NPN_NEGOTIATED) {
        *chosen = match;
        return SSL_TLSEXT_ERR_OK;
    }
    static_cast<tls_engine*>(SSL_get_app_data(ssl))->set_alpn_refused();
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// TLS 1.3 tickets arrive after the handshake, and each replaces the one before.
int store_client_session(SSL* ssl, SSL_SESSION* session) {
    return without_exception(1, [&] {
        // Owns the session, also if it cannot be stored.
        static_cast<tls_engine*>(SSL_get_app_data(ssl))->store_session(tls_session({session, SSL_SESSION_free}));
        return 1;
    });
}

// OPENSSL_free is a macro.
void free_bytes(unsigned char* bytes) noexcept { OPENSSL_free(bytes); }

// Keeps the key of a certificate that is refused, for the message.
int on_verified(int accepted, X509_STORE_CTX* store) {
    if (accepted == 1) return 1;
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* engine = static_cast<tls_engine*>(SSL_get_app_data(ssl));
    return without_exception(0, [&] {
        if (const auto* certificate = X509_STORE_CTX_get0_cert(store)) engine->set_refused_key(public_key_pin(*certificate));
        return 0;
    });
}

// Only TLS 1.2 sessions without a ticket are found by an ID. A copy is stored, as a failed handshake makes its session
// unusable, and anyone who has seen an ID on the network can cause one.
int store_by_id(SSL* ssl, SSL_SESSION* session) {
    unsigned size = 0;
    const auto* id = SSL_SESSION_get_id(session, &size);
    auto* engine = static_cast<tls_engine*>(SSL_get_app_data(ssl));
    if (engine == nullptr || size == 0 || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) return 0;
    return without_exception(0, [&] {
        tls_session copy({SSL_SESSION_dup(session), SSL_SESSION_free});
        if (copy)
            engine->store_session_entry(
                tls_resumption::of(ssl).ids->store({reinterpret_cast<const char*>(id), size}, std::move(copy)));
        return 0;
    });
}

SSL_SESSION* find_by_id(SSL* ssl, const unsigned char* id, int size, int* shared) {
    *shared = 0;
    return without_exception<SSL_SESSION*>(nullptr, [&] {
        const auto found =
            tls_resumption::of(ssl).ids->find({reinterpret_cast<const char*>(id), static_cast<std::size_t>(size)});
        return found ? SSL_SESSION_dup(found.get()) : nullptr;
    });
}

}  // namespace

std::string openssl_reason() {
    const auto code = ERR_peek_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "the operation failed without a reason" : reason;
}

std::string certificate_fingerprint(const X509& certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
    return fmt::format("{:02X}", fmt::join(std::span(digest).first(size), ":"));
}

std::string public_key_pin(const X509& certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &bytes);
    if (size <= 0) return {};
    const std::unique_ptr<unsigned char, openssl_delete<free_bytes>> owner(bytes);
    std::array<unsigned char, 32> digest{};
    if (EVP_Digest(bytes, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) return {};
    // With the NUL that OpenSSL adds.
    std::array<unsigned char, 45> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
    return "sha256//" + std::string(text.begin(), text.begin() + length);
}

result<tls_server_context> tls_server_context::from_files(std::vector<tls_files> files) {
    auto loaded = tls_identities::from_files(std::move(files));
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    return make(std::move(*loaded));
}

result<tls_server_context> tls_server_context::from_pem(std::string_view certificate, std::string_view key) {
    auto loaded = tls_identities::from_pem(certificate, key);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    return make(std::move(*loaded));
}

result<tls_server_context> tls_server_context::make(std::shared_ptr<tls_identities> identities) {
    ERR_clear_error();
    tls_server_context made;
    made.context_ = make_context(TLS_server_method());
    made.identities_ = std::move(identities);
    auto* c = made.context_.get();
    if (c == nullptr || !limit_groups(c) || !made.identities_->attach_to(c))
        return fail(errc::tls, "TLS: " + openssl_reason());
    // Sessions are stored in tickets, encrypted with keys of this context, so event loops share nothing and no table grows.
    // Sessions of clients without ticket support are found by ID.
    made.resumption_ = std::make_shared<tls_resumption>();
    SSL_CTX_set_app_data(c, made.resumption_.get());
    if (!use_ticket_keys(c)) return fail(errc::tls, "TLS: " + openssl_reason());
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, store_by_id);
    SSL_CTX_sess_set_get_cb(c, find_by_id);
    SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_alpn_select_cb(c, choose_alpn, nullptr);
    made.hello_reader_ = make_hello_reader(c);
    if (!made.hello_reader_) return fail(errc::tls, "TLS: " + openssl_reason());
    return made;
}

result<void> tls_server_context::request_client_certificates(const std::string& ca_file, bool required) {
    auto* c = get();
    // The names of the CAs are sent, so that a client with several certificates can choose.
    if (auto trusted = trust_certificates_of(c, ca_file, true); !trusted) return trusted;
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    return {};
}

ticket_key_ptr tls_server_context::ticket_key() const { return resumption_->tickets.current(ticket_keys::clock::now()); }

result<bool> tls_server_context::reload() const { return identities_->reload(); }

std::string tls_server_context::fingerprint() const { return identities_->fingerprint(); }

bool tls_server_context::has_certificate_for(std::string_view name) const { return identities_->has_one_for(name); }

result<tls_client_context> tls_client_context::make(const tls_client_options& options) {
    ERR_clear_error();
    tls_client_context made;
    made.context_ = make_context(TLS_client_method());
    made.verify_ = options.verify;
    auto* c = made.context_.get();
    if (c == nullptr) return fail(errc::tls, "TLS: " + openssl_reason());
    if (options.tls12_only) SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
    if (options.tls13_only) SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
    SSL_CTX_set_alpn_protos(c, alpn_ftp.data(), alpn_ftp.size());
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, store_client_session);
    if (options.client_certificate) {
        auto used = tls_identities::use_for_client(c, *options.client_certificate);
        if (!used) return std::unexpected(std::move(used.error()));
    }
    if (!options.verify) return made;
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, on_verified);
    if (!options.ca_file.empty()) {
        auto trusted = trust_certificates_of(c, options.ca_file, false);
        if (!trusted) return std::unexpected(std::move(trusted.error()));
    } else if (SSL_CTX_set_default_verify_paths(c) != 1) {
        return fail(errc::tls, "cannot read the CA certificates of the system's store: " + openssl_reason());
    }
    return made;
}

}  // namespace sallyport::net
