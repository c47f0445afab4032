#pragma once
// One TLS connection as OpenSSL sees it, without any waiting: reads come from the socket, writes are gathered in
// output(), which its owner sends. So several records leave in one system call, and a write never waits inside OpenSSL.
// Loop thread only.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>
#include <sallyport/base/error.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/net/tls_session_ids.hpp>

namespace sallyport::net {

class tls_engine {
public:
    enum class step {
        done,
        want_read,  // the socket has no more for now
        closed,     // close_notify came
        failed,     // cause() says why
    };

    [[nodiscard]] static result<std::unique_ptr<tls_engine>> accept(const tls_server_context& context,
                                                                    const tls_accept_options& options, int socket);
    [[nodiscard]] static result<std::unique_ptr<tls_engine>> connect(const tls_client_context& context,
                                                                     const tls_connect_options& options, int socket);
    ~tls_engine();
    tls_engine(const tls_engine&) = delete;
    tls_engine& operator=(const tls_engine&) = delete;

    step handshake();
    /// Fills `into` with what can be had without waiting; `count` bytes. `done` where there is at least one.
    step read(std::span<char> into, std::size_t& count);
    step write(std::string_view bytes);  // all of it
    step close_notify();                 // once; what follows finds it done
    /// True for a server in TLS 1.3: tickets may leave with what is sent next. REQUIRES: handshake() is done.
    [[nodiscard]] bool only_tickets_remain() const noexcept;
    /// A server's fresh ticket for TLS 1.3, in output() behind what is written next. False where there is none to give.
    bool offer_ticket();

    /// Encrypted bytes on their way out.
    [[nodiscard]] std::string_view output() const noexcept { return {output_.data() + sent_, output_.size() - sent_}; }
    /// The first `bytes` of output() have left.
    void sent(std::size_t bytes);
    /// Gives the memory of an empty output() back.
    void release_output();
    void reserve_output(std::size_t bytes) { output_.reserve(sent_ + bytes); }
    [[nodiscard]] error cause() const { return cause_; }

    [[nodiscard]] tls_facts facts() const;
    [[nodiscard]] std::optional<std::string> peer_name(certificate_field field) const;  // peer_name.cpp
    [[nodiscard]] const tls_session& session() const noexcept { return session_; }
    /// Of the session that this connection began, where it is found by its id. Who takes it keeps it findable.
    [[nodiscard]] tls_session_ids::entry release_session_entry() noexcept { return std::move(session_entry_); }

    // For OpenSSL's callbacks.
    void store_session(tls_session session) { session_ = std::move(session); }
    void store_session_entry(tls_session_ids::entry entry) noexcept { session_entry_ = std::move(entry); }
    void set_alpn_refused() noexcept { refused_alpn_ = true; }
    /// Bytes from the socket; 0 at its end, -1 with errno.
    std::ptrdiff_t pull(char* into, std::size_t size);
    void push(std::string_view bytes) { output_.insert(output_.end(), bytes.begin(), bytes.end()); }

private:
    tls_engine(ssl_ctx_st* context, int socket, std::string peer_name);
    step outcome(int returned);
    step explain(unsigned long code);
    step fail_with(errc code, std::string what, int os = 0);

    /// Where in the peer's TLS records its bytes end: between two of them, or within one.
    class record_position {
    public:
        void advance(std::string_view bytes) noexcept;
        [[nodiscard]] bool between_records() const noexcept { return header_bytes_ == 0 && body_remaining_ == 0; }

    private:
        std::size_t header_bytes_ = 0;
        std::size_t length_ = 0;  // as far as the header has it
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
    record_position position_;  // only kept where it is asked for
    std::vector<char> output_;
    std::size_t sent_ = 0;  // of output_
    tls_session session_;
    tls_session_ids::entry session_entry_;
    std::shared_ptr<ticket_key> ticket_key_;  // current when a server's connection began
    error cause_;
    std::string name_;  // whom the certificate should name
};

}  // namespace sallyport::net
