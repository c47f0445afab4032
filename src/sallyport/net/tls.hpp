#pragma once
// TLS contexts and facts, over OpenSSL 3 (RFC 4217 use; TLS-04 binding, TLS-07 ALPN, TLS-10 floor: TLS 1.2).
//
// A server context holds certificates, their keys and the rules for sessions; a client context holds what is trusted.
// Both are shared by all loops and cheap to copy (a reference). They never change, but for the certificates of a server,
// which reload() replaces for the handshakes to come; sessions can be resumed across that.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

struct ssl_ctx_st;
struct ssl_session_st;

namespace sallyport::net {

/// A resumable session, kept alive by this object. Empty where there is none.
class tls_session {
public:
    tls_session() = default;
    explicit tls_session(std::shared_ptr<ssl_session_st> s) : session_(std::move(s)) {}
    [[nodiscard]] ssl_session_st* get() const noexcept { return session_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return session_ != nullptr; }

private:
    std::shared_ptr<ssl_session_st> session_;
};

/// Names of PEM files; without `key` it stands in the certificate's file.
struct tls_files {
    std::string certificate;
    std::string key;
};

class tls_identities;
class ticket_key;
struct tls_resumption;

class tls_server_context {
public:
    /// The client gets the certificate for the server name that it asks for (SNI), else the first.
    [[nodiscard]] static result<tls_server_context> from_files(std::vector<tls_files> files);
    /// PEM text, as made by make_self_signed().
    [[nodiscard]] static result<tls_server_context> from_pem(std::string_view certificate, std::string_view key);

    /// Asks clients for a certificate that `ca_file` signs; without one the handshake fails where it is required, and with
    /// another one always. Before the first handshake.
    [[nodiscard]] result<void> request_client_certificates(const std::string& ca_file, bool required);

    /// Reads the files again where they have changed since, and presents what they hold from then on. True where that was
    /// so; where a file can't be used all stays as it was. Blocks on the disk; any thread, one at a time.
    [[nodiscard]] result<bool> reload() const;

    [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }
    /// For read_tls_hello().
    [[nodiscard]] ssl_ctx_st* hello_reader() const noexcept { return hello_reader_.get(); }
    /// The present key of session tickets, for connections to hold (ticket_keys.hpp).
    [[nodiscard]] std::shared_ptr<net::ticket_key> ticket_key() const;
    /// SHA-256 of the first certificate, "AB:CD:...", for people to compare.
    [[nodiscard]] std::string fingerprint() const;

private:
    [[nodiscard]] static result<tls_server_context> make(std::shared_ptr<tls_identities> identities);

    std::shared_ptr<ssl_ctx_st> context_;
    std::shared_ptr<ssl_ctx_st> hello_reader_;  // with the tickets' keys and the session ids of the first
    std::shared_ptr<tls_identities> identities_;
    std::shared_ptr<tls_resumption> resumption_;
};

struct tls_client_options {
    bool verify = true;
    std::string ca_file;  // empty: the system's store
    bool tls12_only = false;
    std::optional<tls_files> client_certificate;  // shown to servers that ask for a certificate
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
    require,  // those that don't are refused
    prefer,   // each may or may not
    off,      // sessions can't be resumed at all
};

struct tls_accept_options {
    /// Sessions can be resumed only by handshakes with the same id: unique per control connection, and used for its data
    /// connections, so that resumption proves the session (TLS-04). At most 32 bytes.
    std::string session_id_context;
    /// Send TLS 1.3 session tickets. Not on a connection that the peer only writes to: it closes with our tickets unread,
    /// its system answers with a reset, and what is still on its way to us is lost.
    bool tickets = true;
    /// False: no session is ever given out or taken back.
    bool resumption = true;
    /// True: a FIN between two TLS records ends the data as a close_notify does. A cut there can't be noticed then (TLS-05).
    bool allow_missing_close_notify = false;
};

struct tls_connect_options {
    std::string server_name;  // SNI and the name to verify; an address is verified as an address
    tls_session resume;       // the control connection's, for a data connection
};

struct tls_facts {
    std::string version;  // "TLSv1.3"
    std::string cipher;
    std::string alpn;
    std::string server_name;  // that the client asked for (SNI), empty where it asked for none
    bool resumed = false;
    std::string peer_fingerprint;  // SHA-256 of the peer's certificate, empty where none
};

/// Where a certificate has its owner's name.
enum class certificate_field : std::uint8_t {
    common_name,
    email,  // the first alternative name of its kind
    dns,    // likewise
};

struct self_signed {
    std::string certificate;  // PEM
    std::string key;          // PEM
};

/// EC P-256, valid for `days`, for the given host names and addresses.
[[nodiscard]] result<self_signed> make_self_signed(const std::vector<std::string>& names, int days);

}  // namespace sallyport::net
