#include <sallyport/client/data_connection.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <random>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::client {

namespace {

/// The size is agreed on with the SYN, so it is set before.
net::task<result<net::stream>> connect_with_segments(net::loop& loop, ip_address from, endpoint to, int max_segment,
                                                     net::time_limit limit) {
    auto socket = net::stream_socket(to.address);
    if (!socket) co_return std::unexpected(std::move(socket.error()));
    net::set_option(socket->get(), IPPROTO_TCP, TCP_MAXSEG, max_segment);
    const net::socket_address own({from, 0});
    if (from.is_v4() == to.address.is_v4() && ::bind(socket->get(), own.data(), own.length()) != 0)
        co_return fail_os(errno, "cannot connect from " + from.text());
    co_return co_await net::connect_socket(loop, std::move(*socket), to, {}, limit);
}

}  // namespace

net::task<result<void>> data_connection::connect(ip_address from, endpoint to, int max_segment, net::time_limit limit) {
    abort();
    net::connect_options how;
    // Servers check the source address of data connections, so a host with several addresses must use that of the control
    // connection.
    if (from.is_v4() == to.address.is_v4()) how.bind_to = {from, 0};
    // GCC 12 destroys a result twice if co_await is within a conditional expression.
    auto connecting = max_segment == 0 ? net::connect(*loop_, to, how, limit)
                                       : connect_with_segments(*loop_, from, to, max_segment, limit);
    auto connected = co_await std::move(connecting);
    if (!connected) co_return std::unexpected(connected.error());
    stream_ = std::move(*connected);
    co_return result<void>{};
}

result<endpoint> data_connection::listen(const ip_address& address, port_range range) {
    abort();
    const auto count = range.first == 0 ? 1U : range.size();
    const auto start = count > 1 ? std::random_device{}() % count : 0U;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto port = static_cast<std::uint16_t>(range.first + (start + i) % count);
        auto opened = net::listener::open(*loop_, endpoint{address, port}, {.reuse_port = false, .backlog = 16});
        if (opened) {
            listener_.emplace(std::move(*opened));
            return listener_->local();
        }
        if (opened.error().code != errc::exhausted) return std::unexpected(opened.error());
    }
    return fail(errc::exhausted, fmt::format("all local ports of {} are in use", range.text()));
}

net::task<result<void>> data_connection::accept(ip_address peer, net::time_limit limit) {
    for (;;) {
        auto accepted = co_await listener_->accept(limit);
        if (!accepted) co_return std::unexpected(accepted.error());
        // The destructor closes the connection.
        if (accepted->peer.address != peer) continue;
        stream_ = net::stream(*loop_, std::move(accepted->socket), accepted->local, accepted->peer);
        listener_.reset();
        co_return result<void>{};
    }
}

net::task<result<void>> data_connection::protect(data_protection how, net::time_limit limit) {
    net::tls_connect_options tls;
    tls.server_name = how.server_name;
    tls.resume = how.resume;
    const auto done = co_await stream_.connect_tls(how.context, tls, limit);
    if (!done) co_return std::unexpected(done.error());
    const auto shown = stream_.tls().peer_fingerprint;
    if (how.fingerprint && shown != *how.fingerprint)
        co_return fail(errc::tls_untrusted,
                       "the certificate of the data connection differs from that of the control connection: " + shown);
    co_return result<void>{};
}

void data_connection::abort() noexcept {
    listener_.reset();
    if (stream_.is_open()) stream_.abort();
}

void data_connection::close() noexcept {
    listener_.reset();
    if (stream_.is_open()) stream_.close();
}

}  // namespace sallyport::client
