#include <sallyport/ops/unix_listener.hpp>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::ops {
namespace {

// Time for other connections to release the resource that accept() lacks.
constexpr auto accept_backoff = std::chrono::milliseconds(50);

/// The address of `path`, which is that of `place` or a temporary one next to it.
[[nodiscard]] result<sockaddr_un> address_of(const std::string& path, std::string_view what, const socket_place& place) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof a.sun_path)
        return fail(errc::too_long, fmt::format("{} {}: the path is too long; choose a shorter one", what, place.path));
    path.copy(a.sun_path, path.size());
    return a;
}

[[nodiscard]] unique_fd new_socket() { return unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

[[nodiscard]] bool is_in_use(const sockaddr_un& at) {
    const auto probe = new_socket();
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 || errno == EAGAIN;
}

/// Until this has succeeded, only the user of this process may connect.
[[nodiscard]] result<void> admit(std::string_view what, const std::string& file, const socket_place& at) {
    if (at.group && ::fchownat(AT_FDCWD, file.c_str(), static_cast<uid_t>(-1), *at.group, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == EPERM)
            return fail(errc::permission,
                        fmt::format("{} {}: this process may not give it to group {}; start it as root, or "
                                    "as a member of that group",
                                    what, at.path, *at.group));
        return fail_os(errno, fmt::format("{} {}: group {}", what, at.path, *at.group));
    }
    if (::chmod(file.c_str(), at.mode) != 0) return fail_os(errno, fmt::format("{} {}: mode", what, at.path));
    return {};
}

/// Listens under a temporary name first, so that the file at the path is replaced atomically or not at all.
[[nodiscard]] result<unique_fd> listen_at(std::string_view what, const socket_place& place) {
    const auto temporary_path = fmt::format("{}.{}", place.path, ::getpid());
    const auto at = address_of(temporary_path, what, place);
    if (!at) return std::unexpected(at.error());
    auto fd = new_socket();
    const auto refuse = [&](int os) { return fail_os(os, fmt::format("{} {}", what, place.path)); };
    if (!fd || ::fchmod(fd.get(), 0600) != 0) return refuse(errno);
    ::unlink(temporary_path.c_str());
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*at), sizeof *at) != 0) return refuse(errno);
    if (auto admitted = admit(what, temporary_path, place); !admitted) {
        ::unlink(temporary_path.c_str());
        return std::unexpected(std::move(admitted).error());
    }
    if (::listen(fd.get(), static_cast<int>(limits::max_control_connections)) != 0 ||
        std::rename(temporary_path.c_str(), place.path.c_str()) != 0) {
        const int os = errno;
        ::unlink(temporary_path.c_str());
        return refuse(os);
    }
    return fd;
}

}  // namespace

unix_listener::file_identity unix_listener::identity_of(const std::string& path) noexcept {
    struct stat s{};
    if (::lstat(path.c_str(), &s) != 0) return {};
    return {s.st_dev, s.st_ino};
}

result<std::unique_ptr<unix_listener>> unix_listener::open(net::loop& loop, std::string_view what, const socket_place& place,
                                                           bool takes_over) {
    const auto at = address_of(place.path, what, place);
    if (!at) return std::unexpected(at.error());
    struct stat existing{};
    if (::lstat(place.path.c_str(), &existing) == 0) {
        if (!S_ISSOCK(existing.st_mode))
            return fail(errc::exists,
                        fmt::format("{} {}: a file of another kind exists there; choose another path", what, place.path));
        if (!takes_over && is_in_use(*at))
            return fail(errc::exists,
                        fmt::format("{} {}: another program is listening there; choose another path", what, place.path));
    }
    auto fd = listen_at(what, place);
    if (!fd) return std::unexpected(fd.error());
    return std::unique_ptr<unix_listener>(new unix_listener(loop, std::move(*fd), place.path));
}

net::task<unique_fd> unix_listener::accept() {
    while (socket_) {
        unique_fd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) co_return fd;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) {
            const auto end = co_await socket_.readable(net::deadline::max());
            if (end == net::wait_result::ready) continue;
        }
        // No descriptors are left, or no memory to watch the socket; try again later.
        if (socket_) co_await loop_.sleep_for(accept_backoff);
    }
    co_return unique_fd();
}

void unix_listener::close() noexcept {
    if (!socket_) return;
    socket_.close();
    if (identity_of(path_) == created_file_) ::unlink(path_.c_str());
}

std::optional<uid_t> peer_user(int connection) noexcept {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
    return peer.uid;
}

}  // namespace sallyport::ops
