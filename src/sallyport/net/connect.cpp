#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sallyport/net/connecting.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream_state.hpp>

namespace sallyport::net {
namespace {

result<void> bind_socket(int fd, const endpoint& to, const connect_options& options) {
    auto from = options.bind_to;
    if (from == endpoint{}) return {};
    // Behind a load balancer, the client may use another address family than the connection to the backend.
    if (from.address.is_v6() != to.address.is_v6()) from.address = to.address.is_v6() ? ip_address::v6({}) : ip_address();
    if (options.reuse_address) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    // The port is then chosen at connect(), per destination; otherwise there could be only 28,000 bound sockets.
    if (from.port == 0) set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const socket_address address(from);
    if (::bind(fd, address.data(), address.length()) == 0) return {};
    return fail_os(errno, fmt::format("cannot connect from {}", from.text()));
}

bool is_connected(int fd) { return peer_endpoint(fd).port != 0; }

int pending_error(int fd) {
    int os = 0;
    socklen_t size = sizeof(os);
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &os, &size) == 0 ? os : errno;
}

std::unexpected<error> connect_error(const endpoint& to, wait_result end, int os) {
    if (end == wait_result::timeout) {
        return fail(
            errc::timeout,
            fmt::format("cannot connect to {}: timed out; the host is down, or a firewall drops the connection", to.text()));
    }
    if (end == wait_result::cancelled) return fail(errc::cancelled, fmt::format("connecting to {}: cancelled", to.text()));
    return fail_os(os, fmt::format("cannot connect to {}", to.text()));
}

}  // namespace

result<unique_fd> stream_socket(const ip_address& to) {
    unique_fd fd(::socket(socket_address({to, 0}).family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fail_os(errno, "cannot create a socket");
    set_stream_options(fd.get(), to);
    return fd;
}

// Connecting a UDP socket sends nothing.
result<ip_address> own_address_for(const ip_address& to) {
    constexpr std::uint16_t any_port = 9;
    const socket_address address({to, any_port});
    const unique_fd probe(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!probe || ::connect(probe.get(), address.data(), address.length()) != 0)
        return fail_os(errno, fmt::format("no way to {}", to.text()));
    return local_endpoint(probe.get()).address;
}

result<void> prepare_stream_socket(int socket, const ip_address& to) {
    // It may have the flags of the process that made it.
    if (::fcntl(socket, F_SETFL, O_NONBLOCK) != 0) return fail_os(errno, "cannot use the socket");
    set_stream_options(socket, to);
    return {};
}

result<void> start_connect(int socket, const endpoint& to, const std::function<void(const endpoint& local)>& on_local) {
    const socket_address address(to);
    const int os = ::connect(socket, address.data(), address.length()) == 0 ? 0 : errno;
    if (os != 0 && os != EINPROGRESS) return connect_error(to, wait_result::ready, os);
    if (on_local) on_local(local_endpoint(socket));
    return {};
}

task<result<stream>> finish_connect(loop& l, unique_fd socket, endpoint to, time_limit limit) {
    stream s(l, std::move(socket), {}, to);
    auto& state = *state_of(s);
    // On one machine the connection is established already: checking costs less than a wait.
    if (!is_connected(s.native_handle())) {
        const auto end = co_await state.writable(limit);
        // First the value, then the deadline, then the error.
        const bool connected = is_connected(s.native_handle());
        if (!connected) co_return connect_error(to, end, pending_error(s.native_handle()));
    }
    state.local = local_endpoint(s.native_handle());
    co_return s;
}

task<result<stream>> connect(loop& l, endpoint to, connect_options options, time_limit limit) {
    auto fd = stream_socket(to.address);
    if (!fd) co_return std::unexpected(std::move(fd.error()));
    auto bound = bind_socket(fd->get(), to, options);
    if (!bound) co_return std::unexpected(std::move(bound.error()));
    auto started = start_connect(fd->get(), to, options.on_local);
    if (!started) co_return std::unexpected(std::move(started.error()));
    co_return co_await finish_connect(l, std::move(*fd), to, limit);
}

task<result<stream>> connect_socket(loop& l, unique_fd socket, endpoint to,
                                    std::function<void(const endpoint& local)> on_local, time_limit limit) {
    auto started = prepare_stream_socket(socket.get(), to.address);
    if (started) started = start_connect(socket.get(), to, on_local);
    if (!started) co_return std::unexpected(std::move(started.error()));
    co_return co_await finish_connect(l, std::move(socket), to, limit);
}

}  // namespace sallyport::net
