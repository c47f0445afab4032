#include <sallyport/server/server_test_client.hpp>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/proto/host_port.hpp>
#include <sallyport/vfs/memory_filesystem.hpp>

namespace sallyport::server::testing {
namespace {

[[noreturn]] void give_up(std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

unique_fd open_socket(const ip_address& like) {
    unique_fd fd(::socket(like.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) give_up("socket");
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

SSL_CTX* client_context() {
    static SSL_CTX* const context = [] {
        SSL_CTX* made = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        return made;
    }();
    return context;
}

}  // namespace

wire::wire(const endpoint& to, const endpoint& from) : socket_(open_socket(to.address)) {
    if (!from.address.is_unspecified()) {
        const net::socket_address own(from);
        if (::bind(socket_.get(), own.data(), own.length()) != 0) give_up("bind");
    }
    const net::socket_address name(to);
    if (::connect(socket_.get(), name.data(), name.length()) != 0) give_up(fmt::format("connect to {}", to.text()));
}

endpoint wire::local() const { return net::local_endpoint(socket_.get()); }

bool wire::start_tls(SSL_SESSION* resume) {
    tls_.reset(SSL_new(client_context()));
    SSL_set_fd(tls_.get(), socket_.get());
    if (resume != nullptr) {
        // A copy, as OpenSSL takes a TLS 1.3 session out of use once it was resumed.
        SSL_SESSION* const copy = SSL_SESSION_dup(resume);
        SSL_set_session(tls_.get(), copy);
        SSL_SESSION_free(copy);
    }
    return SSL_connect(tls_.get()) == 1;
}

void wire::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                            : ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) give_up("send");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

std::string wire::receive() {
    std::string out(65536, '\0');
    const auto n = tls_ ? SSL_read(tls_.get(), out.data(), static_cast<int>(out.size()))
                        : ::recv(socket_.get(), out.data(), out.size(), 0);
    if (n < 0 && errno == EAGAIN) give_up("receive");
    reset_ = n < 0;
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
}

std::string wire::receive_all() {
    std::string all;
    for (std::string some = receive(); !some.empty(); some = receive()) all += some;
    return all;
}

void wire::finish() {
    if (tls_) SSL_shutdown(tls_.get());
    ::shutdown(socket_.get(), SHUT_WR);
}

void wire::close() {
    tls_.reset();
    socket_.reset();
}

void wire::reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

client::client(const endpoint& server) : server_(server), control_(server) {}

std::string client::reply() {
    std::string whole;
    for (;;) {
        const std::size_t end = unread_.find("\r\n");
        if (end == std::string::npos) {
            const std::string some = control_.receive();
            if (some.empty()) return whole;
            unread_ += some;
            continue;
        }
        const std::string line = unread_.substr(0, end);
        unread_.erase(0, end + 2);
        whole += line;
        if (line.size() >= 4 && line[3] == ' ' && line.substr(0, 3) == whole.substr(0, 3)) return whole;
        whole += '\n';
    }
}

std::string client::ask(std::string_view line) {
    control_.send(fmt::format("{}\r\n", line));
    return reply();
}

void client::log_in(std::string_view user, std::string_view password) {
    (void)ask(fmt::format("USER {}", user));
    const std::string answer = ask(fmt::format("PASS {}", password));
    if (!answer.starts_with("230 ")) throw std::runtime_error("login: " + answer);
    (void)ask("TYPE I");
}

void client::start_tls() {
    const std::string answer = ask("AUTH TLS");
    if (!answer.starts_with("234 ") || !control_.start_tls(nullptr)) throw std::runtime_error("AUTH TLS: " + answer);
    (void)ask("PBSZ 0");
    (void)ask("PROT P");
    protect_data = true;
}

SSL_SESSION* client::session() { return SSL_get0_session(control_.tls()); }

std::uint16_t client::passive_port(std::string_view command) {
    const std::string answer = ask(command);
    if (answer.starts_with("229 ")) return proto::parse_229(answer.substr(4)).value();
    if (answer.starts_with("227 ")) return proto::parse_227(answer.substr(4)).value().port;
    throw std::runtime_error(std::string(command) + ": " + answer);
}

wire client::passive(std::string_view command) { return wire({server_.address, passive_port(command)}); }

std::string client::download(std::string_view command) {
    wire data = passive();
    const std::string first = ask(command);
    if (!first.starts_with("150 ")) return first;
    if (protect_data && !data.start_tls(resume ? session() : nullptr)) return "handshake failed: " + reply();
    std::string content = data.receive_all();
    const std::string last = reply();
    return last.starts_with("226 ") ? content : last;
}

std::string client::upload(std::string_view command, std::string_view content) {
    wire data = passive();
    const std::string first = ask(command);
    if (!first.starts_with("150 ")) return first;
    if (protect_data && !data.start_tls(resume ? session() : nullptr)) return "handshake failed: " + reply();
    try {
        data.send(content);
        data.finish();
    } catch (const std::runtime_error&) {
        // The server stopped listening; its reply says why.
    }
    return reply();
}

active_listener::active_listener(const ip_address& at) : socket_(open_socket(at)) {
    const net::socket_address name(endpoint{at, 0});
    if (::bind(socket_.get(), name.data(), name.length()) != 0 || ::listen(socket_.get(), 8) != 0) give_up("listen");
    local_ = net::local_endpoint(socket_.get());
}

wire active_listener::accept() {
    unique_fd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) give_up("accept");
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return wire(std::move(fd));
}

running_server::running_server(settings s) {
    server_ = std::make_unique<server>(loops_, std::move(s), counters_);
    const result<void> started = server_->start();
    if (!started) throw std::runtime_error(started.error().text());
    endpoints_ = server_->endpoints();
    thread_ = std::thread([this] { loops_.run(); });
}

running_server::~running_server() {
    if (!stopping_) stop(std::chrono::milliseconds(0));
    wait_until_stopped();
}

void running_server::stop(std::chrono::milliseconds grace) {
    stopping_ = true;
    loops_.at(0).post([this, grace] { server_->stop(grace, [this](bool) { loops_.stop(); }); });
}

void running_server::wait_until_stopped() {
    if (thread_.joinable()) thread_.join();
}

settings test_settings() {
    settings s;
    s.listen = {*endpoint::parse("127.0.0.1:0")};
    s.files = vfs::make_memory_filesystem();
    s.users = {{.name = "bob", .password = "secret", .read_only = false}};
    s.anonymous = true;
    s.data_connect = std::chrono::seconds(1);
    s.data_stall = std::chrono::seconds(5);
    s.active_from_low_port = false;
    return s;
}

settings tls_settings() {
    static const net::self_signed pem = net::make_self_signed({"localhost", "127.0.0.1"}, 1).value();
    settings s = test_settings();
    s.listen_implicit = {*endpoint::parse("127.0.0.1:0")};
    s.tls = net::tls_server_context::from_pem(pem.certificate, pem.key).value();
    return s;
}

}  // namespace sallyport::server::testing
