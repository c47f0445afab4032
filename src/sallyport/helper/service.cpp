#include <sallyport/helper/service.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sallyport/helper/packet.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {
namespace {

[[nodiscard]] answer refuse(int os) { return {.text = {.os = os}}; }
[[nodiscard]] answer done(int number = 0) { return {.text = {.os = 0, .number = number}}; }

/// The text of a request; empty if it has no end, or has another character than those of a name.
[[nodiscard]] std::string_view name_in(const request& r) noexcept {
    const auto end = std::ranges::find(r.text, '\0');
    if (end == r.text.end() || !std::all_of(r.text.begin(), end, [](char c) { return c > ' ' && c < '\x7f'; })) return {};
    return {r.text.data(), static_cast<std::size_t>(end - r.text.begin())};
}

[[nodiscard]] std::size_t descriptors_of(request_kind kind) noexcept {
    switch (kind) {
        case request_kind::add_socket:
        case request_kind::bind_port:
        case request_kind::start_successor: return 1;
        case request_kind::connect_from_low_port: return 2;
        default: return 0;
    }
}

}  // namespace

answer service::handle(const request& r, std::span<unique_fd> descriptors) {
    if (descriptors.size() != descriptors_of(r.kind)) return refuse(EINVAL);
    switch (r.kind) {
        case request_kind::clear_successor: next_ = {}; return done();
        case request_kind::add_socket: return add_socket(descriptors);
        case request_kind::add_down_backend: return add_down_backend(r);
        case request_kind::start_successor: return start_successor(descriptors);
        case request_kind::end_successor: return end_successor();
        case request_kind::successor_status: return successor_status();
        case request_kind::connect_from_low_port: return connect_from_low_port(r, descriptors);
        case request_kind::open_file: return open_file(r);
        case request_kind::bind_port: return bind_port(r, descriptors);
    }
    return refuse(EINVAL);
}

answer service::add_socket(std::span<unique_fd> descriptors) {
    if (!net::is_tcp(descriptors[0].get()) || net::socket_option(descriptors[0].get(), SO_ACCEPTCONN) != 1)
        return refuse(EPERM);
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
    if (net::socket_option(connection, SO_DOMAIN) != AF_UNIX) return refuse(EPERM);
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

// The control connection is asked, so the daemon can reach no host but the peers of its own connections, and no service.
answer service::connect_from_low_port(const request& r, std::span<unique_fd> descriptors) const {
    const int control = descriptors[0].get();
    const int data = descriptors[1].get();
    const auto target = r.target.value();
    if (!target) return refuse(EINVAL);
    if (!net::is_tcp(control) || !net::is_tcp(data) || net::local_endpoint(data).port != 0) return refuse(EPERM);
    auto from = net::local_endpoint(control);
    const auto peer = net::peer_endpoint(control);
    if (std::ranges::find(allowed_.control_ports, from.port) == allowed_.control_ports.end() || from.port < 2 ||
        peer.port == 0)
        return refuse(EPERM);
    if (target->address != peer.address || target->port < net::first_unprivileged_port) return refuse(EPERM);
    --from.port;
    net::set_option(data, SOL_SOCKET, SO_REUSEADDR, 1);
    const net::socket_address local(from);
    if (::bind(data, local.data(), local.length()) != 0) return refuse(errno);
    // Connecting must not wait, whatever the flags of the socket are.
    ::fcntl(data, F_SETFL, O_NONBLOCK);
    const net::socket_address to(*target);
    return ::connect(data, to.data(), to.length()) == 0 || errno == EINPROGRESS ? done() : refuse(errno);
}

// Only regular files: opening anything else may wait, or have an effect. The directory of a log may belong to the user of
// the daemon, who must not lead the helper to another file by a link.
answer service::open_file(const request& r) const {
    if (r.number >= allowed_.files.size()) return refuse(EPERM);
    const auto& [path, append] = allowed_.files[r.number];
    const int flags = (append ? O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    answer out{.text = {}, .descriptor = unique_fd(::open(path.c_str(), flags, 0640))};
    struct stat facts{};
    if (!out.descriptor || ::fstat(out.descriptor.get(), &facts) != 0) return refuse(errno);
    return S_ISREG(facts.st_mode) ? std::move(out) : refuse(EPERM);
}

// The ports of control connections are bound before the daemon gives up its rights.
answer service::bind_port(const request& r, std::span<unique_fd> descriptors) const {
    const int socket = descriptors[0].get();
    const auto at = r.target.value();
    if (!at || at->port == 0) return refuse(EINVAL);
    if (!net::is_tcp(socket) || net::local_endpoint(socket).port != 0 ||
        std::ranges::none_of(allowed_.data_ports, [&](const port_range& ports) { return ports.contains(at->port); }))
        return refuse(EPERM);
    const net::socket_address address(*at);
    return ::bind(socket, address.data(), address.length()) == 0 ? done() : refuse(errno);
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
