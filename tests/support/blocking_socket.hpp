#pragma once
// Test support: a TCP connection with blocking calls, with or without TLS, as the peer of the tested code. Owned by one test
// thread.
//
// Every call times out after ten seconds. Failures are values: an empty line, false.

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <support/free_ports.hpp>

namespace sallyport::testing {

inline sockaddr_in loopback(std::uint16_t port, std::uint32_t address = INADDR_LOOPBACK) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(address);
    return a;
}

inline const sockaddr* generic(const sockaddr_in& a) { return reinterpret_cast<const sockaddr*>(&a); }

inline void set_timeouts(int fd) {
    const timeval ten{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof ten);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &ten, sizeof ten);
}

/// TLS of a server from PEM text. Its connections share TLS sessions.
class tls_identity {
public:
    tls_identity(const std::string& certificate, const std::string& key)
        : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
        const std::unique_ptr<BIO, decltype(&BIO_free)> cert_text(BIO_new_mem_buf(certificate.data(), -1), BIO_free);
        const std::unique_ptr<BIO, decltype(&BIO_free)> key_text(BIO_new_mem_buf(key.data(), -1), BIO_free);
        const std::unique_ptr<X509, decltype(&X509_free)> cert(PEM_read_bio_X509(cert_text.get(), nullptr, nullptr, nullptr),
                                                               X509_free);
        const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> private_key(
            PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
        SSL_CTX_use_certificate(context_.get(), cert.get());
        SSL_CTX_use_PrivateKey(context_.get(), private_key.get());
        static constexpr std::array<unsigned char, 4> id{'t', 'e', 's', 't'};
        SSL_CTX_set_session_id_context(context_.get(), id.data(), id.size());
    }
    [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

class blocking_socket {
public:
    blocking_socket() = default;
    explicit blocking_socket(int fd) : fd_(fd) { set_timeouts(fd); }

    /// From `from` (an address of this host; 127.0.0.2 is an unexpected peer) to a port of `to`.
    static blocking_socket connect(std::uint16_t port, std::uint32_t to = INADDR_LOOPBACK, std::uint32_t from = INADDR_ANY) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto source = loopback(0, from);
        const auto target = loopback(port, to);
        set_timeouts(fd);
        blocking_socket out(fd);
        if (::bind(fd, generic(source), sizeof source) != 0 || ::connect(fd, generic(target), sizeof target) != 0) return {};
        return out;
    }

    [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }
    [[nodiscard]] int get() const { return fd_.get(); }

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                                : static_cast<int>(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    /// The available data; empty at the end and on failure.
    std::string receive() {
        if (!pending_.empty()) return std::exchange(pending_, {});
        std::array<char, 65536> block;
        const auto n = tls_ ? SSL_read(tls_.get(), block.data(), static_cast<int>(block.size()))
                            : static_cast<int>(::recv(fd_.get(), block.data(), block.size(), 0));
        was_reset_ = n < 0 && !tls_ && errno == ECONNRESET;
        return n > 0 ? std::string(block.data(), static_cast<std::size_t>(n)) : std::string();
    }
    /// The next line without its end; empty if there is none.
    std::string read_line() {
        for (;;) {
            if (const auto end = pending_.find('\n'); end != pending_.npos) {
                std::string line = pending_.substr(0, end);
                pending_.erase(0, end + 1);
                if (line.ends_with('\r')) line.pop_back();
                return line;
            }
            std::string before = std::exchange(pending_, {});
            const std::string more = receive();
            if (more.empty()) return {};
            pending_ = before + more;
        }
    }
    std::string read_to_end() {
        std::string all;
        for (std::string more = receive(); !more.empty(); more = receive()) all += more;
        return all;
    }

    /// Returns when the peer sends or closes, at the latest after `limit`.
    void wait_for_end(std::chrono::milliseconds limit) const {
        pollfd p{fd_.get(), POLLIN, 0};
        ::poll(&p, 1, static_cast<int>(limit.count()));
    }

    bool accept_tls(const tls_identity& identity) {
        tls_.reset(SSL_new(identity.get()));
        SSL_set_fd(tls_.get(), fd_.get());
        return SSL_accept(tls_.get()) == 1;
    }
    /// As the connecting side, without verifying the server. `resume` may be empty.
    bool connect_tls(const blocking_socket* resume = nullptr) {
        static const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                               SSL_CTX_free);
        tls_.reset(SSL_new(context.get()));
        SSL_set_fd(tls_.get(), fd_.get());
        if (resume != nullptr) {
            // A copy, since OpenSSL invalidates a TLS 1.3 session after it was resumed.
            const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> copy(
                SSL_SESSION_dup(SSL_get0_session(resume->tls_.get())), SSL_SESSION_free);
            SSL_set_session(tls_.get(), copy.get());
        }
        return SSL_connect(tls_.get()) == 1;
    }
    /// The same for a client that offers this protocol (ALPN), or none if it is empty. True if the server selects it.
    bool connect_tls_as(std::string_view protocol) {
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
        tls_.reset(SSL_new(context.get()));
        SSL_set_fd(tls_.get(), fd_.get());
        std::string offer(1, static_cast<char>(protocol.size()));
        offer += protocol;
        if (!protocol.empty())
            SSL_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(offer.data()),
                                static_cast<unsigned>(offer.size()));
        const unsigned char* chosen = nullptr;
        unsigned size = 0;
        if (SSL_connect(tls_.get()) != 1) return false;
        SSL_get0_alpn_selected(tls_.get(), &chosen, &size);
        return std::string_view(reinterpret_cast<const char*>(chosen), size) == protocol;
    }
    [[nodiscard]] SSL* tls() const { return tls_.get(); }
    [[nodiscard]] bool tls_resumed() const { return tls_ && SSL_session_reused(tls_.get()) == 1; }

    /// Whether receive() ended with an error instead of a clean end.
    [[nodiscard]] bool was_reset() const { return was_reset_; }

    /// Ends sending, while the peer may still send: close_notify with TLS, then FIN.
    void finish() {
        if (tls_) SSL_shutdown(tls_.get());
        ::shutdown(fd_.get(), SHUT_WR);
    }
    /// Closes: with TLS close_notify first, then FIN.
    void close() {
        if (tls_) SSL_shutdown(tls_.get());
        cut();
    }
    /// FIN without close_notify: a truncation that TCP alone does not show.
    void cut() {
        tls_.reset();
        if (!fd_) return;
        const std::lock_guard lock(*closing_);
        fd_.reset();
    }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        cut();
    }
    /// Wakes a thread that waits in a call, which then returns the end. Any thread.
    void shut_down() const {
        const std::lock_guard lock(*closing_);
        if (fd_) ::shutdown(fd_.get(), SHUT_RDWR);
    }

private:
    struct free_tls {
        void operator()(SSL* s) const {
            // OpenSSL invalidates the session of a connection that ended without close_notify.
            SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            SSL_free(s);
        }
    };
    // Held while the descriptor is closed, or used by another thread.
    std::unique_ptr<std::mutex> closing_ = std::make_unique<std::mutex>();
    unique_fd fd_;
    std::unique_ptr<SSL, free_tls> tls_;
    std::string pending_;
    bool was_reset_ = false;
};

/// Listens on a free port of the loopback address.
class blocking_listener {
public:
    explicit blocking_listener(int backlog = 16) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const auto any = loopback(0);
        sockaddr_in mine{};
        socklen_t size = sizeof mine;
        set_timeouts(fd_.get());
        if (::bind(fd_.get(), generic(any), sizeof any) == 0 && ::listen(fd_.get(), backlog) == 0)
            ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&mine), &size);
        port_ = ntohs(mine.sin_port);
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    blocking_socket accept() const {
        const int fd = ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        return fd < 0 ? blocking_socket() : blocking_socket(fd);
    }
    void shut_down() const { ::shutdown(fd_.get(), SHUT_RDWR); }

private:
    unique_fd fd_;
    std::uint16_t port_ = 0;
};

/// A port on which connections get no answer, as with a firewall that drops packets: its queue is full.
class silent_port {
public:
    silent_port() {
        for (auto& filler : fillers_) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            const auto target = loopback(listener_.port());
            filler.reset(fd);
            [[maybe_unused]] const int started = ::connect(fd, generic(target), sizeof target);
        }
    }
    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

private:
    blocking_listener listener_{0};
    std::array<unique_fd, 4> fillers_;
};

/// A port without a listener.
inline std::uint16_t refused_port() { return free_ports(1).first; }

}  // namespace sallyport::testing
