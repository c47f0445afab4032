#pragma once
// For the server's tests: a server in this process on two loops, and a blocking FTP client that does exactly what a test
// says. Every wait of the client ends after ten seconds with a std::runtime_error.

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <openssl/ssl.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::server::testing {

/// A connection of the client: plain, or with TLS on it.
class wire {
public:
    wire() = default;
    explicit wire(const endpoint& to, const endpoint& from = {});
    explicit wire(unique_fd socket) : socket_(std::move(socket)) {}
    wire(wire&&) noexcept = default;
    wire& operator=(wire&&) noexcept = default;

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(socket_); }
    [[nodiscard]] int fd() const noexcept { return socket_.get(); }
    [[nodiscard]] endpoint local() const;

    /// With `resume` empty a new session is made. False where the handshake failed.
    bool start_tls(SSL_SESSION* resume);
    [[nodiscard]] SSL* tls() const noexcept { return tls_.get(); }

    void send(std::string_view bytes);
    /// Some bytes; empty at the end, also where the connection was reset (then was_reset()).
    [[nodiscard]] std::string receive();
    [[nodiscard]] std::string receive_all();
    [[nodiscard]] bool was_reset() const noexcept { return reset_; }
    /// Under TLS close_notify, then FIN.
    void finish();
    void close();
    /// Closes by RST.
    void reset();

private:
    struct free_tls {
        void operator()(SSL* s) const noexcept {
            // OpenSSL takes a session out of use whose connection ended without close_notify.
            SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            SSL_free(s);
        }
    };
    unique_fd socket_;
    std::unique_ptr<SSL, free_tls> tls_;
    bool reset_ = false;
};

class client {
public:
    explicit client(const endpoint& server);

    /// Sends a line and returns the whole final reply, without the last line's end.
    std::string ask(std::string_view line);
    void send(std::string_view bytes) { control_.send(bytes); }
    /// The next reply. Empty where the server has closed the connection.
    std::string reply();
    void log_in(std::string_view user = "bob", std::string_view password = "secret");
    /// AUTH TLS and what belongs to it.
    void start_tls();
    [[nodiscard]] wire& control() noexcept { return control_; }
    /// The control connection's TLS session as it is now.
    [[nodiscard]] SSL_SESSION* session();

    [[nodiscard]] wire passive(std::string_view command = "EPSV");
    [[nodiscard]] std::uint16_t passive_port(std::string_view command = "EPSV");

    /// A whole transfer over a passive connection; empty and failed() where it did not end by 226.
    std::string download(std::string_view command);
    std::string upload(std::string_view command, std::string_view content);

    bool protect_data = false;
    bool resume = true;

private:
    endpoint server_;
    wire control_;
    std::string unread_;
};

/// A socket that waits for the server's active connection.
class active_listener {
public:
    explicit active_listener(const ip_address& at);
    [[nodiscard]] endpoint local() const noexcept { return local_; }
    [[nodiscard]] wire accept();

private:
    unique_fd socket_;
    endpoint local_;
};

class running_server {
public:
    explicit running_server(settings s);
    ~running_server();

    [[nodiscard]] endpoint at(std::size_t index = 0) const { return endpoints_.at(index); }
    [[nodiscard]] status::snapshot counted() const { return counters_.take(); }
    /// Begins the stop; `done` tells when it is over.
    void stop(std::chrono::milliseconds grace);
    void wait_until_stopped();

private:
    status::counters counters_;
    net::loop_group loops_{2};
    std::unique_ptr<server> server_;
    std::vector<endpoint> endpoints_;
    std::thread thread_;
    bool stopping_ = false;
};

/// Looks again and again until `holds` or ten seconds have passed.
template <class Condition>
[[nodiscard]] bool soon(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// Files in memory, bob (secret) who may write, anonymous who may not, on loopback.
[[nodiscard]] settings test_settings();
/// The same with a certificate.
[[nodiscard]] settings tls_settings();

}  // namespace sallyport::server::testing
