#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sallyport/base/helper_process.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/log_limiter.hpp>
#include <sallyport/base/ports.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {
namespace {

// Time for other sessions to release the resource that accept() lacks.
constexpr auto accept_backoff = std::chrono::milliseconds(50);
constexpr auto log_interval = std::chrono::seconds(1);
// Connections that are accepted in a row before other coroutines run.
constexpr unsigned burst_limit = 16;

// A port in use is errc::busy, so that a caller with a port range can try the next port.
std::unexpected<error> listen_error(const endpoint& at, int os) {
    const auto* why = os == EADDRINUSE ? "the port is in use; stop the other program or choose another port"
                      : os == EACCES && at.port < first_unprivileged_port
                          ? "permission denied; ports below 1024 require root or CAP_NET_BIND_SERVICE"
                      : os == EACCES ? "permission denied; the sandbox permits the ports that were configured at the start, "
                                       "and a restart permits others"
                      : os == EADDRNOTAVAIL ? "no interface of this machine has this address; choose another address"
                                            : nullptr;
    if (why == nullptr) return fail_os(os, fmt::format("cannot listen on {}", at.text()));
    return fail(os == EADDRINUSE ? errc::busy : from_errno(os), fmt::format("cannot listen on {}: {}", at.text(), why));
}

/// Binds the socket, with the helper process if the system refuses this process the port; errno is set on failure.
[[nodiscard]] bool bind_port(int socket, const endpoint& at) {
    const socket_address address(at);
    if (::bind(socket, address.data(), address.length()) == 0) return true;
    const int refused = errno;
    const auto helper = helper_of_this_process();
    if (refused != EACCES || helper == nullptr) return false;
    if (const auto bound = helper->bind_port(socket, at); !bound) {
        errno = bound.error().os == EADDRINUSE ? EADDRINUSE : refused;
        return false;
    }
    return true;
}

}  // namespace

struct listener::impl {
    impl(loop& l, unique_fd fd, const endpoint& local_end, bool varies)
        : owner(l), socket(l, std::move(fd)), local(local_end), destination_varies(varies) {}

    result<accepted_connection> accept_one();
    void note_failure(int os);

    loop& owner;
    descriptor socket;
    endpoint local;
    // Only the connection has the client destination: the socket listens on all addresses, or accepts connections to other
    // hosts (IP_TRANSPARENT).
    bool destination_varies;
    unsigned burst = 0;
    log_limiter failure_log{log_interval};
};

result<accepted_connection> listener::impl::accept_one() {
    socket_address peer;
    unique_fd fd(::accept4(socket.get(), peer.data(), peer.size(), SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return fail_os(errno);
    const auto destination = destination_varies ? local_endpoint(fd.get()) : local;
    return accepted_connection{std::move(fd), destination, peer.value()};
}

void listener::impl::note_failure(int os) {
    const auto times = failure_log.note(clock::now());
    if (!times) return;
    log::warning({}, fmt::format("Accepting on {} was paused {} times: {}", local.text(), *times,
                                 error{from_errno(os), os, {}}.text()));
}

result<listener> listener::open(loop& l, const endpoint& at, listen_options options) {
    auto bound = bind(at, options);
    if (!bound) return std::unexpected(std::move(bound.error()));
    return adopt(l, std::move(*bound));
}

result<unique_fd> listener::bind(const endpoint& at, listen_options options) {
    const socket_address address(at);
    unique_fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return listen_error(at, errno);
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuse_port && !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return listen_error(at, errno);
    set_stream_options(fd.get(), at.address);
    if (at.address.is_v6()) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, at.address.is_unspecified() ? 0 : 1);
    if (!bind_port(fd.get(), at)) return listen_error(at, errno);
    if (::listen(fd.get(), options.backlog) != 0) return listen_error(at, errno);
    return fd;
}

listener listener::adopt(loop& l, unique_fd socket) {
    listener opened;
    const auto local = local_endpoint(socket.get());
    // Sockets of a service manager have neither of these options.
    ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
    set_stream_options(socket.get(), local.address);
    const bool varies = local.address.is_unspecified() || is_transparent(socket.get());
    opened.impl_ = std::make_shared<impl>(l, std::move(socket), local, varies);
    return opened;
}

listener::listener() = default;
listener::listener(listener&&) noexcept = default;

listener& listener::operator=(listener&& other) noexcept {
    if (this != &other) {
        close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

listener::~listener() { close(); }

int listener::native_handle() const noexcept { return impl_->socket.get(); }

endpoint listener::local() const { return impl_->local; }

// Removed from the epoll explicitly: another process may hold the same socket, so closing it here does not remove it.
void listener::close() noexcept {
    if (impl_) (void)impl_->socket.release();
}

task<result<accepted_connection>> listener::accept() { return accept(time_limit{.progress = clock::duration::max()}); }

task<result<accepted_connection>> listener::accept(time_limit limit) {
    const auto self = impl_;
    const auto until = limit.next(clock::now());
    auto end = wait_result::ready;
    while (self->socket) {
        auto connection = self->accept_one();
        if (connection) {
            if (++self->burst >= burst_limit) {
                self->burst = 0;
                co_await self->owner.yield();
            }
            co_return connection;
        }
        if (end == wait_result::timeout)
            co_return fail(errc::timeout, fmt::format("no connection to {}: timed out", self->local.text()));
        const int os = connection.error().os;
        if (os == EINTR || os == ECONNABORTED) continue;
        self->burst = 0;
        if (os == EAGAIN) {
            end = co_await self->socket.readable(until);
            // The system has no memory to watch the socket.
            if (end == wait_result::cancelled && self->socket) co_await self->owner.sleep_for(accept_backoff);
        } else if (self->socket) {
            self->note_failure(os);
            co_await self->owner.sleep_for(accept_backoff);
            if (clock::now() >= until) end = wait_result::timeout;
        }
    }
    co_return fail(errc::cancelled, fmt::format("listening on {}: cancelled", self->local.text()));
}

}  // namespace sallyport::net
