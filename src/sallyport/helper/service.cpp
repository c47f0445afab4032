#include <sallyport/helper/service.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>

#include <sallyport/helper/packet.hpp>

namespace sallyport::helper {
namespace {

[[nodiscard]] answer refuse(int os) { return {.text = {.os = os}}; }
[[nodiscard]] answer done(int number = 0) { return {.text = {.os = 0, .number = number}}; }

[[nodiscard]] int socket_option(int fd, int option) noexcept {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

[[nodiscard]] bool is_tcp(int fd) noexcept {
    const int domain = socket_option(fd, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6) && socket_option(fd, SO_TYPE) == SOCK_STREAM;
}

/// The text of a request; empty if it has no end, or has another character than those of a name.
[[nodiscard]] std::string_view name_in(const request& r) noexcept {
    const auto end = std::ranges::find(r.text, '\0');
    if (end == r.text.end() || !std::all_of(r.text.begin(), end, [](char c) { return c > ' ' && c < '\x7f'; })) return {};
    return {r.text.data(), static_cast<std::size_t>(end - r.text.begin())};
}

}  // namespace

answer service::handle(const request& r, std::span<unique_fd> descriptors) {
    const bool needs_descriptor = r.kind == request_kind::add_socket || r.kind == request_kind::start_successor;
    if (descriptors.size() != (needs_descriptor ? 1U : 0U)) return refuse(EINVAL);
    switch (r.kind) {
        case request_kind::clear_successor: next_ = {}; return done();
        case request_kind::add_socket: return add_socket(descriptors);
        case request_kind::add_down_backend: return add_down_backend(r);
        case request_kind::start_successor: return start_successor(descriptors);
        case request_kind::end_successor: return end_successor();
        case request_kind::successor_status: return successor_status();
    }
    return refuse(EINVAL);
}

answer service::add_socket(std::span<unique_fd> descriptors) {
    if (!is_tcp(descriptors[0].get()) || socket_option(descriptors[0].get(), SO_ACCEPTCONN) != 1) return refuse(EPERM);
    if (next_.sockets.size() >= max_sockets) return refuse(ENOSPC);
    next_.sockets.push_back(std::move(descriptors[0]));
    return done();
}

answer service::add_down_backend(const request& r) {
    const auto name = name_in(r);
    if (name.empty()) return refuse(EINVAL);
    if (next_.down.size() >= max_down_backends) return refuse(ENOSPC);
    next_.down.emplace_back(name);
    return done();
}

answer service::start_successor(std::span<unique_fd> descriptors) {
    const int connection = descriptors[0].get();
    if (socket_option(connection, SO_DOMAIN) != AF_UNIX) return refuse(EPERM);
    // One at a time: the status of the previous one has been returned.
    if (pid_ != 0 && successor_status().text.os != 0) return refuse(EBUSY);
    const auto started = start_program(allowed_.program, std::exchange(next_, {}), connection, signals_);
    if (!started) return refuse(started.error().os);
    pid_ = *started;
    return done(pid_);
}

// The process is a child that was not waited for, so the number is still its own.
answer service::end_successor() const {
    if (pid_ == 0) return refuse(ESRCH);
    return ::kill(pid_, SIGKILL) == 0 ? done() : refuse(errno);
}

answer service::successor_status() {
    if (pid_ == 0) return refuse(ESRCH);
    int status = 0;
    const int ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0) return refuse(EAGAIN);
    pid_ = 0;
    return ended < 0 ? refuse(errno) : done(status);
}

void serve(int channel, service& requests) {
    for (;;) {
        request r;
        auto got = receive_packet(channel, bytes_of(r));
        if (got.os == 0 && got.size == 0) return;
        if (got.os != 0 && got.os != EBADMSG) return;
        auto out = refuse(EINVAL);
        if (got.os == 0 && got.size == sizeof r) {
            try {
                out = requests.handle(r, got.descriptors);
            } catch (const std::exception&) {
                out = refuse(ENOMEM);
            }
        }
        const int descriptor = out.descriptor.get();
        if (send_packet(channel, bytes_of(out.text), {&descriptor, out.descriptor ? 1U : 0U}) != 0) return;
    }
}

}  // namespace sallyport::helper
