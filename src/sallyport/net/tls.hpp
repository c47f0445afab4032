#pragma once
// TLS contexts, options and connection facts, with OpenSSL 3 (FTP over TLS: RFC 4217; TLS-04 session reuse, TLS-07 ALPN,
// TLS-10 minimum version TLS 1.2).
//
// A server context holds certificates, their keys and the settings for sessions; a client context holds the trusted CAs.
// Both are references to shared state, so copies are cheap, and the state lives as long as one of them or a connection. Any
// thread. A context is immutable, except that reload() replaces the certificates of a server for new handshakes; sessions
// can still be resumed after that.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/asio.hpp>

struct ssl_ctx_st;
struct ssl_session_st;

namespace sallyport::net {

/// A resumable TLS session, which this object shares. Empty if there is none.
class tls_session {
public:
    tls_session() = default;
    explicit tls_session(std::shared_ptr<ssl_session_st> s) : session_(std::move(s)) {}
    [[nodiscard]] ssl_session_st* get() const noexcept { return session_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return session_ != nullptr; }

private:
    std::shared_ptr<ssl_session_st> session_;
};

/// Names of PEM files. If `key` is empty, the private key is in the certificate's file.
struct tls_files {
    std::string certificate;
    std::string key;
};

class worker_pool;
class tls_identities;
class ticket_key;
struct tls_resumption;

class tls_server_context {
public:
    /// The client gets the certificate for the server name that it requests (SNI), or, without a name, for the address that
    /// it has connected to; otherwise the first one.
    [[nodiscard]] static result<tls_server_context> from_files(std::vector<tls_files> files);
    /// PEM text, as made by make_self_signed().
    [[nodiscard]] static result<tls_server_context> from_pem(std::string_view certificate, std::string_view key);

    /// Requests client certificates and verifies them against the CAs in `ca_file`. A handshake with another certificate
    /// fails; one without a certificate fails if it is `required`. Must be called before the first handshake.
    [[nodiscard]] result<void> request_client_certificates(const std::string& ca_file, bool required);

    /// Rereads the files if they have changed, and uses their certificates from now on. Returns true if they have changed.
    /// On an error the current certificates stay in use. Blocks on the disk; any thread, but one at a time.
    [[nodiscard]] result<bool> reload() const;

    [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }
    /// For read_tls_hello().
    [[nodiscard]] ssl_ctx_st* hello_reader() const noexcept { return hello_reader_.get(); }
    /// The current key of session tickets, to be held by connections (ticket_keys.hpp).
    [[nodiscard]] std::shared_ptr<net::ticket_key> ticket_key() const;
    /// SHA-256 of the first certificate, "AB:CD:...", for users to compare.
    [[nodiscard]] std::string fingerprint() const;
    /// Whether one of the certificates is valid for this host name or address.
    [[nodiscard]] bool has_certificate_for(std::string_view name) const;

private:
    [[nodiscard]] static result<tls_server_context> make(std::shared_ptr<tls_identities> identities);

    std::shared_ptr<ssl_ctx_st> context_;
    // Has the ticket keys and session IDs of context_.
    std::shared_ptr<ssl_ctx_st> hello_reader_;
    std::shared_ptr<tls_identities> identities_;
    std::shared_ptr<tls_resumption> resumption_;
};

struct tls_client_options {
    bool verify = true;
    // Empty: the system's CA certificates.
    std::string ca_file;
    bool tls12_only = false;
    bool tls13_only = false;
    // Sent to servers that request a client certificate.
    std::optional<tls_files> client_certificate;
};

class tls_client_context {
public:
    [[nodiscard]] static result<tls_client_context> make(const tls_client_options& options);
    [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }
    [[nodiscard]] bool verifies() const noexcept { return verify_; }

private:
    std::shared_ptr<ssl_ctx_st> context_;
    bool verify_ = true;
};

/// Whether data connections resume the TLS session of their control connection (TLS-04).
enum class tls_reuse : std::uint8_t {
    // A data connection that does not resume it is rejected.
    require,
    // Each data connection may resume it or not.
    prefer,
    // Sessions cannot be resumed.
    off,
};

/// The threads of a pool for slow signatures: half of the processors, so that the others are left to the event loops.
[[nodiscard]] std::size_t signature_threads();

struct tls_accept_options {
    /// A session can be resumed only by handshakes with the same ID context. It is unique per control connection and used
    /// for its data connections, so that resumption identifies the session (TLS-04). At most 32 bytes.
    std::string session_id_context;
    /// Send TLS 1.3 session tickets. Not for a connection on which the peer only writes: it would close without reading the
    /// tickets, its system would send a reset, and bytes on their way to this process would be lost.
    bool tickets = true;
    /// False: sessions are neither issued nor resumed.
    bool resumption = true;
    /// True: a FIN between two TLS records is accepted as the end, like a close_notify. A truncation at this point cannot be
    /// detected then (TLS-05).
    bool allow_missing_close_notify = false;
    /// Called if the client resumes no session, before the certificate is sent. The handshake continues if the result is
    /// true, and fails with errc::tls_not_resumed otherwise. May be empty.
    std::function<task<bool>()> admit_new_session{};
    /// Makes slow signatures (TLS-04, RX-03): one with an RSA key of 4096 bits takes some milliseconds. If the queue is
    /// full, the handshake fails. It outlives the handshake. Null: they are made on the event loop.
    worker_pool* signatures = nullptr;
};

struct tls_connect_options {
    // For SNI and for the verification of the certificate; an address is verified as an address.
    std::string server_name;
    // For a data connection: the session of the control connection.
    tls_session resume;
};

struct tls_facts {
    // For example "TLSv1.3".
    std::string version;
    std::string cipher;
    std::string alpn;
    // The name that the client requested (SNI), or empty.
    std::string server_name;
    bool resumed = false;
    // SHA-256 of the peer's certificate, or empty.
    std::string peer_fingerprint;
    // public_key_pin() of the peer's certificate, also of one that was refused as untrusted; or empty.
    std::string peer_key;
};

/// The field of a certificate that holds a user's name.
enum class certificate_field : std::uint8_t {
    common_name,
    // The first alternative name of type e-mail.
    email,
    // The first alternative name of type DNS.
    dns,
};

/// A certificate and its private key as PEM text.
struct self_signed {
    std::string certificate;
    std::string key;
};

/// Makes a self-signed certificate (EC P-256), valid for `days`, for the given host names and addresses.
[[nodiscard]] result<self_signed> make_self_signed(const std::vector<std::string>& names, int days);

}  // namespace sallyport::net
