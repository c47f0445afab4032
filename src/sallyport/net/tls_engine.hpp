#pragma once
// The OpenSSL part of one TLS connection. It never waits: it reads from the socket, and gathers its writes in output(),
// which its owner sends. So several records are sent with one system call, and a write never blocks inside OpenSSL.
//
// Owned by a stream; it does not own the socket, which must outlive it. Loop thread only.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>
#include <sallyport/base/error.hpp>
#include <sallyport/base/memory_budget.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/net/tls_session_ids.hpp>

namespace sallyport::net {

class tls_engine {
public:
    enum class step {
        done,
        // The socket has no more bytes for now.
        want_read,
        // The peer has sent close_notify.
        closed,
        // The client resumes no session: admit_new_session() if it is held, then handshake_without_socket() or handshake()
        // continues with the certificate and the signature.
        new_session,
        // cause() is the reason.
        failed,
    };

    [[nodiscard]] static result<std::unique_ptr<tls_engine>> accept(const tls_server_context& context,
                                                                    const tls_accept_options& options, int socket);
    [[nodiscard]] static result<std::unique_ptr<tls_engine>> connect(const tls_client_context& context,
                                                                     const tls_connect_options& options, int socket);
    ~tls_engine();
    tls_engine(const tls_engine&) = delete;
    tls_engine& operator=(const tls_engine&) = delete;

    step handshake();
    /// Continues after `new_session`, on any thread, as neither the socket nor the stream is used: the output is only
    /// prepared. `want_read` means that handshake() continues.
    step handshake_without_socket();
    /// Whether a handshake that resumes no session waits for admit_new_session().
    [[nodiscard]] bool is_held() const noexcept { return held_; }
    void admit_new_session() noexcept { held_ = false; }
    [[nodiscard]] int socket() const noexcept { return socket_; }
    /// The handshake ends as failed, since the new session was not admitted.
    step reject_new_session();
    /// Reads the bytes that are available without waiting into `into`. Returns `done` if `count` is at least 1.
    step read(std::span<char> into, std::size_t& count);
    /// Returns the lease for reading several records at a time, if OpenSSL's buffer is empty; the next large read takes it
    /// again.
    void release_input() { size_input_buffer(0); }
    /// Writes all of `bytes`.
    step write(std::string_view bytes);
    /// Sends close_notify once; further calls have no effect.
    step close_notify();
    /// True for a server with TLS 1.3: only tickets are left to send, which can wait for the next write. REQUIRES:
    /// handshake() is done.
    [[nodiscard]] bool only_tickets_remain() const noexcept;
    /// Puts a new TLS 1.3 ticket into output(), to be sent with the next write. Returns false if that is not possible.
    bool offer_ticket();

    /// Encrypted bytes to be sent.
    [[nodiscard]] std::string_view output() const noexcept { return {output_.data() + sent_, output_.size() - sent_}; }
    /// The first `bytes` of output() were sent.
    void sent(std::size_t bytes);
    /// Before a wait: output() keeps no more memory than it needs.
    void shrink_output();
    /// Frees the memory of an empty output().
    void release_output();
    /// Large memory is shared by the connections of a thread: one that waits for a slow peer has none (RX-03).
    void reserve_output(std::size_t bytes);
    [[nodiscard]] error cause() const { return cause_; }

    [[nodiscard]] tls_facts facts() const;
    /// Implemented in peer_name.cpp.
    [[nodiscard]] std::optional<std::string> peer_name(certificate_field field) const;
    [[nodiscard]] const tls_session& session() const noexcept { return session_; }
    /// The entry of the session that this connection started, if it is found by its ID. The session can be resumed as long
    /// as the entry lives.
    [[nodiscard]] tls_session_ids::entry release_session_entry() noexcept { return std::move(session_entry_); }

    // Called by OpenSSL's callbacks.
    void store_session(tls_session session) { session_ = std::move(session); }
    void store_session_entry(tls_session_ids::entry entry) noexcept { session_entry_ = std::move(entry); }
    void set_alpn_refused() noexcept { refused_alpn_ = true; }
    void set_refused_key(std::string key) { refused_key_ = std::move(key); }
    /// Whether the certificate is sent now. `slow_key`: its signature is not made on an event loop.
    [[nodiscard]] bool continues_with(bool slow_key) const noexcept {
        return !held_ && (!slow_key || without_socket_ || !has_signatures_);
    }
    /// Reads bytes from the socket; 0 at its end, -1 with errno.
    std::ptrdiff_t pull(char* into, std::size_t size);
    void push(std::string_view bytes) { output_.insert(output_.end(), bytes.begin(), bytes.end()); }

private:
    tls_engine(ssl_ctx_st* context, int socket, std::string peer_name);
    step outcome(int returned);
    step explain(unsigned long code);
    void size_input_buffer(std::size_t wanted);
    step fail_with(errc code, std::string what, int os = 0);

    /// The position in the peer's TLS records: between two records or within one.
    class record_position {
    public:
        void advance(std::string_view bytes) noexcept;
        [[nodiscard]] bool between_records() const noexcept { return header_bytes_ == 0 && body_remaining_ == 0; }

    private:
        std::size_t header_bytes_ = 0;
        // The bytes of the length field that were read.
        std::size_t length_ = 0;
        std::size_t body_remaining_ = 0;
    };

    struct ssl_delete {
        void operator()(ssl_st* s) const noexcept;
    };
    std::unique_ptr<ssl_st, ssl_delete> ssl_;
    int socket_;
    int socket_error_ = 0;
    bool socket_ended_ = false;
    bool refused_alpn_ = false;
    bool allow_missing_close_notify_ = false;
    bool held_ = false;
    // Slow signatures are made elsewhere.
    bool has_signatures_ = false;
    // During handshake_without_socket().
    bool without_socket_ = false;
    // Only tracked with allow_missing_close_notify_.
    record_position position_;
    std::vector<char> output_;
    // Bytes of output_ that were sent.
    std::size_t sent_ = 0;
    // For OpenSSL's buffer of several records; without it, that buffer holds one.
    memory_budget::lease bulk_buffer_;
    tls_session session_;
    tls_session_ids::entry session_entry_;
    // For a server: the key that was current when the connection was accepted.
    std::shared_ptr<ticket_key> ticket_key_;
    error cause_;
    // Of a certificate that is not trusted.
    std::string refused_key_;
    // The name that the certificate should have.
    std::string name_;
};

}  // namespace sallyport::net
