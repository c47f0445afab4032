#include <sallyport/helper/starter.hpp>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>

#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

/// The text of a request; empty if it has no end, or has another character than those of a name.
[[nodiscard]] std::string_view name_in(const request& r) noexcept {
    const auto end = std::ranges::find(r.text, '\0');
    if (end == r.text.end() || !std::all_of(r.text.begin(), end, [](char c) { return c > ' ' && c < '\x7f'; })) return {};
    return {r.text.data(), static_cast<std::size_t>(end - r.text.begin())};
}

}  // namespace

answer starter::handle(const request& r, std::span<unique_fd> descriptors) {
    const bool has_one = r.kind == request_kind::add_socket || r.kind == request_kind::start_successor;
    if (descriptors.size() != (has_one ? 1U : 0U)) return refuse(EINVAL);
    switch (r.kind) {
        case request_kind::clear_successor: next_ = {}; return done();
        case request_kind::add_socket: return add_socket(std::move(descriptors[0]));
        case request_kind::add_down_backend: return add_down_backend(r);
        case request_kind::start_successor: return start_successor(descriptors[0].get());
        case request_kind::end_successor: return end_successor();
        case request_kind::successor_status: return successor_status();
        default: return refuse(EINVAL);
    }
}

answer starter::add_socket(unique_fd socket) {
    if (!net::is_tcp(socket.get()) || net::socket_option(socket.get(), SO_ACCEPTCONN) != 1) return refuse(EPERM);
    if (next_.sockets.size() >= max_sockets) return refuse(ENOSPC);
    next_.sockets.push_back(std::move(socket));
    return done();
}

answer starter::add_down_backend(const request& r) {
    const auto name = name_in(r);
    if (name.empty()) return refuse(EINVAL);
    if (next_.down.size() >= max_down_backends) return refuse(ENOSPC);
    next_.down.emplace_back(name);
    return done();
}

answer starter::start_successor(int connection) {
    if (net::socket_option(connection, SO_DOMAIN) != AF_UNIX) return refuse(EPERM);
    // One at a time: the status of the previous one has been returned.
    if (pid_ != 0 && successor_status().text.os != 0) return refuse(EBUSY);
    const auto started = start_program(program_, std::exchange(next_, {}), connection, signals_);
    if (!started) return refuse(started.error().os);
    pid_ = *started;
    return done(pid_);
}

// The process is a child that was not waited for, so the number is still its own.
answer starter::end_successor() const {
    if (pid_ == 0) return refuse(ESRCH);
    return ::kill(pid_, SIGKILL) == 0 ? done() : refuse(errno);
}

answer starter::successor_status() {
    if (pid_ == 0) return refuse(ESRCH);
    int status = 0;
    const int ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0) return refuse(EAGAIN);
    pid_ = 0;
    return ended < 0 ? refuse(errno) : done(status);
}

}  // namespace sallyport::helper
