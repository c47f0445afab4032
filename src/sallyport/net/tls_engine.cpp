#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sallyport/base/address.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/tls_engine.hpp>

namespace sallyport::net {
namespace {

// A caller that reads this much transfers a file: several records are then read with one system call. Not for less, as bytes
// that are read ahead on a control connection could be the unencrypted bytes after a CCC (RFC 4217 section 12.3).
constexpr std::size_t bulk_read = 32 * 1024;
constexpr std::size_t bulk_buffer = 64 * 1024;

// Output from this size on is in memory that the connections of a thread share.
constexpr std::size_t large_output = 24 * 1024;

std::vector<char>& spare_output() {
    thread_local std::vector<char> spare;
    return spare;
}

tls_engine& engine_of(BIO* b) { return *static_cast<tls_engine*>(BIO_get_data(b)); }

int bio_read(BIO* b, char* into, std::size_t size, std::size_t* count) {
    BIO_clear_retry_flags(b);
    const auto n = engine_of(b).pull(into, size);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(b);
    *count = n > 0 ? static_cast<std::size_t>(n) : 0;
    return n > 0 ? 1 : 0;
}

int bio_write(BIO* b, const char* from, std::size_t size, std::size_t* count) {
    BIO_clear_retry_flags(b);
    *count = size;
    return without_exception(0, [&] {
        engine_of(b).push({from, size});
        return 1;
    });
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* socket_method() {
    static const auto* method = [] {
        auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sallyport socket");
        // The next connection tries again.
        if (m == nullptr) throw std::bad_alloc();
        BIO_meth_set_read_ex(m, bio_read);
        BIO_meth_set_write_ex(m, bio_write);
        BIO_meth_set_ctrl(m, bio_control);
        return m;
    }();
    return method;
}

// SNI contains host names only (RFC 6066 section 3). OpenSSL's macro for this has an old-style cast.
bool name_server(SSL* ssl, std::string name) {
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

// OpenSSL marks a TLS 1.3 session as used once a connection has resumed it. All data connections of a control connection
// resume the same session, as servers expect, so each gets a copy.
bool resume(SSL* ssl, const tls_session& session) {
    const std::unique_ptr<SSL_SESSION, openssl_delete<SSL_SESSION_free>> copy(SSL_SESSION_dup(session.get()));
    return copy && SSL_set_session(ssl, copy.get()) == 1;
}

}  // namespace

// If an SSL is freed without a close_notify, OpenSSL makes its session unusable, so one aborted transfer would make the
// control connection's session unusable. So both shutdown flags are set before.
void tls_engine::ssl_delete::operator()(ssl_st* s) const noexcept {
    SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s);
}

tls_engine::tls_engine(ssl_ctx_st* context, int socket, std::string peer_name)
    : ssl_(SSL_new(context)), socket_(socket), name_(std::move(peer_name)) {
    if (!ssl_) return;
    auto* b = BIO_new(socket_method());
    // The callbacks need this object.
    if (b == nullptr || SSL_set_app_data(ssl_.get(), this) != 1) {
        BIO_free(b);
        ssl_.reset();
        return;
    }
    BIO_set_data(b, this);
    BIO_set_init(b, 1);
    SSL_set_bio(ssl_.get(), b, b);
}

tls_engine::~tls_engine() = default;

result<std::unique_ptr<tls_engine>> tls_engine::accept(const tls_server_context& context, const tls_accept_options& options,
                                                       int socket) {
    std::unique_ptr<tls_engine> made(new tls_engine(context.get(), socket, "the client"));
    if (!made->ssl_) return fail(errc::tls, "TLS: " + openssl_reason());
    const auto& id = options.session_id_context;
    const auto* bytes = reinterpret_cast<const unsigned char*>(id.data());
    if (SSL_set_session_id_context(made->ssl_.get(), bytes, static_cast<unsigned>(id.size())) != 1) {
        return fail(errc::misuse, "a session id context is at most 32 bytes long");
    }
    if (!options.tickets || !options.resumption) SSL_set_num_tickets(made->ssl_.get(), 0);
    if (!options.resumption) {
        SSL_set_options(made->ssl_.get(), SSL_OP_NO_TICKET);
        SSL_set_not_resumable_session_callback(made->ssl_.get(), [](SSL*, int) { return 1; });
    }
    made->ticket_key_ = context.ticket_key();
    made->allow_missing_close_notify_ = options.allow_missing_close_notify;
    made->held_ = static_cast<bool>(options.admit_new_session);
    made->has_signatures_ = options.signatures != nullptr;
    SSL_set_accept_state(made->ssl_.get());
    return made;
}

result<std::unique_ptr<tls_engine>> tls_engine::connect(const tls_client_context& context,
                                                        const tls_connect_options& options, int socket) {
    std::unique_ptr<tls_engine> made(new tls_engine(context.get(), socket, options.server_name));
    auto* ssl = made->ssl_.get();
    if (ssl == nullptr) return fail(errc::tls, "TLS: " + openssl_reason());
    auto name = options.server_name;
    const bool is_address = ip_address::parse(name).has_value();
    // The zone of a link-local address is local to this machine: no certificate contains it.
    if (is_address) name.resize(std::min(name.find('%'), name.size()));
    bool ok = name.empty() || is_address || name_server(ssl, name);
    if (context.verifies()) {
        if (name.empty()) return fail(errc::misuse, "TLS: no name to verify the certificate against");
        ok = ok && (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str())
                               : SSL_set1_host(ssl, name.c_str())) == 1;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    }
    if (options.resume) ok = ok && resume(ssl, options.resume);
    if (!ok) return fail(errc::tls, fmt::format("TLS to \"{}\": {}", name, openssl_reason()));
    SSL_set_connect_state(ssl);
    return made;
}

tls_engine::step tls_engine::handshake() {
    ERR_clear_error();
    return outcome(SSL_do_handshake(ssl_.get()));
}

tls_engine::step tls_engine::handshake_without_socket() {
    without_socket_ = true;
    const auto reached = handshake();
    without_socket_ = false;
    return reached;
}

tls_engine::step tls_engine::reject_new_session() {
    return fail_with(errc::tls_not_resumed, fmt::format("TLS with {}: the client did not resume the TLS session", name_));
}

tls_engine::step tls_engine::read(std::span<char> into, std::size_t& count) {
    count = 0;
    size_input_buffer(into.size());
    // SSL_read returns one record at a time; further records that have arrived are read too.
    do {
        std::size_t n = 0;
        ERR_clear_error();
        const int returned = SSL_read_ex(ssl_.get(), into.data() + count, into.size() - count, &n);
        if (returned != 1) {
            const auto ended = outcome(returned);
            return count > 0 ? step::done : ended;
        }
        count += n;
    } while (count < into.size() && SSL_has_pending(ssl_.get()) == 1);
    return step::done;
}

/// The size takes effect when OpenSSL has released its buffer, that is, between two records.
void tls_engine::size_input_buffer(std::size_t wanted) {
    const bool bulk = wanted >= bulk_read;
    if (bulk == static_cast<bool>(bulk_buffer_) || (!bulk && SSL_has_pending(ssl_.get()) == 1)) return;
    if (bulk) bulk_buffer_ = large_buffers().take(bulk_buffer);
    SSL_set_read_ahead(ssl_.get(), bulk_buffer_ ? 1 : 0);
    SSL_set_default_read_buffer_len(ssl_.get(), bulk_buffer_ ? bulk_buffer : 0);
    if (!bulk) bulk_buffer_.release();
}

tls_engine::step tls_engine::write(std::string_view bytes) {
    std::size_t n = 0;
    ERR_clear_error();
    return bytes.empty() ? step::done : outcome(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n));
}

bool tls_engine::only_tickets_remain() const noexcept {
    return SSL_is_server(ssl_.get()) == 1 && SSL_version(ssl_.get()) >= TLS1_3_VERSION;
}

tls_engine::step tls_engine::close_notify() {
    if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return step::done;
    ERR_clear_error();
    const int returned = SSL_shutdown(ssl_.get());
    return returned >= 0 ? step::done : outcome(returned);
}

bool tls_engine::offer_ticket() {
    ERR_clear_error();
    return SSL_version(ssl_.get()) >= TLS1_3_VERSION && SSL_new_session_ticket(ssl_.get()) == 1;
}

void tls_engine::sent(std::size_t bytes) {
    sent_ += bytes;
    if (sent_ < output_.size()) return;
    output_.clear();
    sent_ = 0;
}

void tls_engine::reserve_output(std::size_t bytes) {
    auto& spare = spare_output();
    if (output_.empty() && output_.capacity() < bytes && bytes >= large_output) output_.swap(spare);
    output_.reserve(output_.size() + bytes);
}

void tls_engine::shrink_output() {
    if (output_.capacity() < large_output) return;
    std::vector<char> rest(output_.begin() + static_cast<std::ptrdiff_t>(sent_), output_.end());
    output_.clear();
    sent_ = 0;
    release_output();
    output_ = std::move(rest);
}

void tls_engine::release_output() {
    if (!output_.empty()) return;
    auto& spare = spare_output();
    if (output_.capacity() > spare.capacity()) output_.swap(spare);
    std::vector<char>().swap(output_);
}

void tls_engine::record_position::advance(std::string_view bytes) noexcept {
    // Type, version, and two bytes of length (RFC 8446 section 5.1).
    constexpr std::size_t header_size = 5;
    while (!bytes.empty()) {
        if (body_remaining_ > 0) {
            const auto skipped = std::min(body_remaining_, bytes.size());
            body_remaining_ -= skipped;
            bytes.remove_prefix(skipped);
            continue;
        }
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (++header_bytes_ < header_size - 1) continue;
        length_ = header_bytes_ == header_size ? length_ + byte : std::size_t{byte} << 8U;
        if (header_bytes_ < header_size) continue;
        header_bytes_ = 0;
        body_remaining_ = length_;
    }
}

std::ptrdiff_t tls_engine::pull(char* into, std::size_t size) {
    if (without_socket_) {
        errno = EAGAIN;
        return -1;
    }
    const auto n = ::recv(socket_, into, size, 0);
    if (n == 0) socket_ended_ = true;
    if (n > 0 && allow_missing_close_notify_) position_.advance({into, static_cast<std::size_t>(n)});
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) socket_error_ = errno;
    return n;
}

tls_engine::step tls_engine::fail_with(errc code, std::string what, int os) {
    cause_ = error{code, os, std::move(what)};
    return step::failed;
}

tls_engine::step tls_engine::outcome(int returned) {
    if (returned > 0) return step::done;
    const int kind = SSL_get_error(ssl_.get(), returned);
    if (kind == SSL_ERROR_WANT_READ) return step::want_read;
    // From the callback that selects the certificate.
    if (kind == SSL_ERROR_WANT_X509_LOOKUP) return step::new_session;
    if (kind == SSL_ERROR_ZERO_RETURN) return step::closed;
    const bool in_handshake = SSL_is_init_finished(ssl_.get()) == 0;
    if (socket_error_ != 0) return fail_with(from_errno(socket_error_), fmt::format("TLS with {}", name_), socket_error_);
    if (socket_ended_ && in_handshake) {
        return fail_with(errc::tls, fmt::format("TLS with {}: the peer closed the connection during the handshake", name_));
    }
    if (socket_ended_ && allow_missing_close_notify_ && position_.between_records()) return step::closed;
    if (socket_ended_) {
        return fail_with(
            errc::truncated,
            fmt::format("TLS with {}: the connection ended without close_notify, so data may be missing", name_));
    }
    return explain(ERR_peek_error());
}

tls_engine::step tls_engine::explain(unsigned long code) {
    const bool from_ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    const int reason = from_ssl ? ERR_GET_REASON(code) : 0;
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return fail_with(errc::tls_untrusted, fmt::format("the certificate of {} is not trusted: {}", name_,
                                                          X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()))));
    }
    const auto* hint = "";
    if (refused_alpn_) hint = " (the peer requested another protocol than FTP)";
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
        hint = " (the peer does not use TLS on this port)";
    if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
        hint = SSL_get_min_proto_version(ssl_.get()) == TLS1_3_VERSION ? " (TLS 1.3 is required)"
                                                                       : " (TLS 1.2 or newer is required)";
    return fail_with(errc::tls, fmt::format("TLS with {}: {}{}", name_, openssl_reason(), hint));
}

tls_facts tls_engine::facts() const {
    const auto* ssl = ssl_.get();
    tls_facts f;
    f.version = SSL_get_version(ssl);
    f.cipher = SSL_get_cipher_name(ssl);
    const unsigned char* alpn = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &size);
    f.alpn.assign(reinterpret_cast<const char*>(alpn), size);
    if (const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) f.server_name = name;
    f.resumed = SSL_session_reused(ssl) == 1;
    f.peer_key = refused_key_;
    if (const auto* certificate = SSL_get0_peer_certificate(ssl)) {
        f.peer_fingerprint = certificate_fingerprint(*certificate);
        f.peer_key = public_key_pin(*certificate);
    }
    return f;
}

}  // namespace sallyport::net
