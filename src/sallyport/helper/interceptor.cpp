#include <sallyport/helper/interceptor.hpp>

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/helper/session_connection.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

/// A TCP socket that may have addresses of other hosts, bound to this address; empty with errno.
[[nodiscard]] unique_fd transparent_socket(const endpoint& at) {
    const bool v4 = at.address.is_v4();
    unique_fd out(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const net::socket_address address(at);
    if (out && (!net::set_option(out.get(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) ||
                ::bind(out.get(), address.data(), address.length()) != 0)) {
        const int reason = errno;
        out.reset();
        errno = reason;
    }
    return out;
}

}  // namespace

answer interceptor::listen(std::size_t number, bool v4) {
    if (number >= settings_.interceptions.size()) return refuse(EPERM);
    auto& listeners = settings_.interceptions[number].listeners;
    auto& port = v4 ? listeners.v4 : listeners.v6;
    if (table_ || port != 0) return refuse(EPERM);
    answer out{.text = {}, .descriptor = transparent_socket(firewall::interception_listener(v4, 0))};
    if (!out.descriptor || ::listen(out.descriptor.get(), SOMAXCONN) != 0) return refuse(errno);
    port = net::local_endpoint(out.descriptor.get()).port;
    return out;
}

interceptor::~interceptor() {
    if (table_ && !ended_) table_->keep_blocking();
}

answer interceptor::end() {
    ended_ = true;
    return done();
}

answer interceptor::start() {
    if (table_ || settings_.interceptions.empty()) return refuse(EPERM);
    if (const auto chosen = firewall::choose_free_numbers(settings_); !chosen) return refuse(chosen.error());
    auto started = firewall::interception_table::start(settings_);
    if (!started) return refuse(started.error());
    table_ = std::move(*started);
    return done();
}

answer interceptor::dropped_requests() const {
    if (!table_) return refuse(EPERM);
    const auto dropped = table_->dropped_requests();
    if (!dropped) return refuse(dropped.error());
    auto out = done();
    out.text.number = static_cast<std::int32_t>(*dropped);
    return out;
}

// Only an intercepted connection has IP_TRANSPARENT, which it has from its listener: the daemon has no right to set it.
answer interceptor::client_socket(int control) const {
    const auto session = session_connection::of(control);
    if (settings_.interceptions.empty() || !session || !net::is_transparent(control)) return refuse(EPERM);
    answer out{.text = {}, .descriptor = transparent_socket({session->peer.address, 0})};
    // With the client's own port, NAT could not tell the two connections apart.
    if (out.descriptor && net::local_endpoint(out.descriptor.get()).port == session->peer.port) {
        auto other = transparent_socket({session->peer.address, 0});
        out.descriptor = std::move(other);
    }
    return out.descriptor ? std::move(out) : refuse(errno);
}

answer interceptor::translation_of(int backend) {
    if (settings_.interceptions.empty() || !session_connection::of(backend)) return refuse(EPERM);
    const auto seen = translated_address(backend, tracking_);
    if (!seen) return refuse(seen.error());
    auto out = done();
    out.text.address = wire_endpoint::of({*seen, 0});
    return out;
}

}  // namespace sallyport::helper
