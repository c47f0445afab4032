#include <sallyport/ops/control_socket.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::ops {
namespace {

/// Identifies the file at a path, so that the socket of another daemon is never removed.
struct file_identity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const file_identity&, const file_identity&) = default;
};

[[nodiscard]] file_identity identity_of(const std::string& path) {
    struct stat s{};
    if (::lstat(path.c_str(), &s) != 0) return {};
    return {s.st_dev, s.st_ino};
}

[[nodiscard]] std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof a.sun_path) return std::nullopt;
    path.copy(a.sun_path, path.size());
    return a;
}

[[nodiscard]] unique_fd new_socket() { return unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

[[nodiscard]] bool is_in_use(const sockaddr_un& at) {
    const auto probe = new_socket();
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 || errno == EAGAIN;
}

/// Listens under a temporary name first, so that the file at `path` is replaced atomically or not at all.
[[nodiscard]] result<unique_fd> listen_at(const std::string& path) {
    const auto temporary_path = fmt::format("{}.{}", path, ::getpid());
    const auto at = address_of(temporary_path);
    if (!at) return fail(errc::too_long, fmt::format("control socket {}: the path is too long; choose a shorter one", path));
    auto fd = new_socket();
    const auto refuse = [&](int os) { return fail_os(os, fmt::format("control socket {}", path)); };
    if (!fd || ::fchmod(fd.get(), 0600) != 0) return refuse(errno);
    ::unlink(temporary_path.c_str());
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*at), sizeof *at) != 0) return refuse(errno);
    if (::listen(fd.get(), static_cast<int>(limits::max_control_connections)) != 0 ||
        std::rename(temporary_path.c_str(), path.c_str()) != 0) {
        const int os = errno;
        ::unlink(temporary_path.c_str());
        return refuse(os);
    }
    return fd;
}

}  // namespace

struct control_socket::impl : std::enable_shared_from_this<impl> {
    impl(net::loop& l, unique_fd fd, std::string p, request_handler a)
        : loop(l), socket(l, std::move(fd)), path(std::move(p)), created_file(identity_of(path)), handler(std::move(a)) {}

    static net::task<> accept_all(std::shared_ptr<impl> self);
    static net::task<> serve(std::shared_ptr<impl> self, net::stream connection);

    net::loop& loop;
    net::descriptor socket;
    const std::string path;
    const file_identity created_file;
    request_handler handler;
    std::size_t open_connections = 0;
};

net::task<> control_socket::impl::accept_all(std::shared_ptr<impl> self) {
    while (self->socket) {
        unique_fd fd(::accept4(self->socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) {
            // The limit is reached; closing the descriptor rejects the connection.
            if (self->open_connections >= limits::max_control_connections) continue;
            net::stream connection(self->loop, std::move(fd), {}, {});
            self->loop.spawn("control connection", serve(self, std::move(connection)));
            continue;
        }
        if (errno == EAGAIN)
            (void)co_await self->socket.readable(net::deadline::max());
        else if (errno != EINTR && errno != ECONNABORTED)
            // No descriptors are left; try again later.
            co_await self->loop.sleep_for(std::chrono::milliseconds(50));
    }
}

net::task<> control_socket::impl::serve(std::shared_ptr<impl> self, net::stream connection) {
    ++self->open_connections;
    const at_exit count_end([&self] { --self->open_connections; });
    std::string input;
    std::array<char, 4096> block;
    const net::time_limit limit{.progress = limits::control_timeout};
    while (input.size() <= limits::max_control_request) {
        const auto end = input.find('\n');
        if (end == std::string::npos) {
            const auto got = co_await connection.read_some(block, limit);
            if (!got || *got == 0) break;
            input.append(block.data(), *got);
            continue;
        }
        std::string request = input.substr(0, end);
        input.erase(0, end + 1);
        std::string line = co_await self->handler(std::move(request));
        line += '\n';
        const auto sent = co_await connection.write_all(line, limit);
        if (!sent) break;
    }
}

result<control_socket> control_socket::open(net::loop& loop, const std::string& path, request_handler handler,
                                            bool takes_over) {
    const auto at = address_of(path);
    if (!at) return fail(errc::too_long, fmt::format("control socket {}: the path is too long; choose a shorter one", path));
    struct stat existing{};
    if (::lstat(path.c_str(), &existing) == 0) {
        if (!S_ISSOCK(existing.st_mode))
            return fail(errc::exists,
                        fmt::format("control socket {}: a file of another kind exists there; choose another path", path));
        if (!takes_over && is_in_use(*at))
            return fail(errc::exists,
                        fmt::format("control socket {}: another program is listening there; choose another path", path));
    }
    auto fd = listen_at(path);
    if (!fd) return std::unexpected(fd.error());
    auto made = std::make_shared<impl>(loop, std::move(*fd), path, std::move(handler));
    net::keep_running(loop, "control socket", [made] { return impl::accept_all(made); });
    return control_socket(std::move(made));
}

control_socket::control_socket(control_socket&&) noexcept = default;

control_socket::~control_socket() {
    if (!impl_) return;
    impl_->socket.close();
    if (identity_of(impl_->path) == impl_->created_file) ::unlink(impl_->path.c_str());
}

}  // namespace sallyport::ops
