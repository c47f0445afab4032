#include <sallyport/helper/client.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/helper/packet.hpp>

namespace sallyport::helper {
namespace {

/// The helper process. It ends with the channel and not by a signal: a terminal and a service manager send signals to all
/// processes of a daemon, which may still drain. It has no other descriptor, since it outlives what the daemon closes.
[[noreturn]] void run_helper(unique_fd channel, permissions allowed, const sigset_t& signals) noexcept {
    constexpr int number = 3;
    if (channel.get() != number && ::dup2(channel.release(), number) < 0) ::_exit(1);
    ::fcntl(number, F_SETFD, FD_CLOEXEC);
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    // Linux before 5.9, or a filter of a container.
    if (::close_range(number + 1, ~0U, 0) != 0)
        for (int fd = number + 1; fd < static_cast<int>(std::min<rlim_t>(descriptors.rlim_cur, INT_MAX)); ++fd) ::close(fd);
    // A new process gets all listening sockets of the daemon, which raises its own limit as well.
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    ::prctl(PR_SET_NAME, "helper");
    // No other process of the same user reads its memory or directs it.
    ::prctl(PR_SET_DUMPABLE, 0);
    service requests(std::move(allowed), signals);
    serve(number, requests);
    ::_exit(0);
}

}  // namespace

result<std::unique_ptr<client>> client::start(permissions allowed) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return fail_os(errno, "socketpair");
    unique_fd channel(ends[0]);
    unique_fd helper_end(ends[1]);
    // A helper that does not respond must not stop the daemon.
    const timeval limit{.tv_sec = limits::helper_timeout.count(), .tv_usec = 0};
    ::setsockopt(channel.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(channel.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    const int pid = ::fork();
    if (pid == 0) {
        channel.reset();
        run_helper(std::move(helper_end), std::move(allowed), before);
    }
    const int os = errno;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return fail_os(os, "the helper process cannot be started");
    return std::unique_ptr<client>(new client(std::move(channel), pid, std::move(allowed.files)));
}

client::~client() {
    channel_.reset();
    ::waitpid(pid_, nullptr, 0);
}

result<client::response> client::ask(const request& r, std::span<const int> descriptors, std::string_view what) {
    const std::scoped_lock lock(mutex_);
    request sent = r;
    response out;
    int os = channel_ ? send_packet(channel_.get(), bytes_of(sent), descriptors) : EPIPE;
    if (os == 0) {
        auto got = receive_packet(channel_.get(), bytes_of(out.text));
        os = got.os != 0 ? got.os : got.size != sizeof out.text ? EPIPE : 0;
        if (!got.descriptors.empty()) out.descriptor = std::move(got.descriptors.front());
    }
    if (os != 0) {
        // A late reply would be taken for that of the next request.
        channel_.reset();
        return fail_os(os, fmt::format("{}: the helper process does not respond; restart the daemon", what));
    }
    if (out.text.os != 0) return fail_os(out.text.os, std::string(what));
    return out;
}

result<int> client::start_successor(std::span<const int> sockets, std::span<const std::string> down, int connection) {
    constexpr auto what = "starting a new process";
    if (auto cleared = ask({.kind = request_kind::clear_successor}, {}, what); !cleared)
        return std::unexpected(cleared.error());
    for (const int fd : sockets)
        if (auto added = ask({.kind = request_kind::add_socket}, {&fd, 1}, what); !added)
            return std::unexpected(added.error());
    for (const auto& name : down) {
        request r{.kind = request_kind::add_down_backend};
        // A backend that is not named is checked by the new process.
        if (name.size() >= r.text.size()) continue;
        std::ranges::copy(name, r.text.begin());
        if (auto added = ask(r, {}, what); !added && added.error().os != ENOSPC) return std::unexpected(added.error());
    }
    auto started = ask({.kind = request_kind::start_successor}, {&connection, 1}, what);
    if (!started) return std::unexpected(started.error());
    return started->text.number;
}

void client::end_successor() { (void)ask({.kind = request_kind::end_successor}, {}, "ending the new process"); }

result<std::optional<int>> client::successor_status() {
    auto status = ask({.kind = request_kind::successor_status}, {}, "the new process");
    if (status) return status->text.number;
    if (status.error().os == EAGAIN) return std::nullopt;
    return std::unexpected(status.error());
}

result<void> client::connect_from_low_port(int control, int data, const endpoint& target) {
    const request r{.kind = request_kind::connect_from_low_port, .target = wire_endpoint::of(target)};
    auto connected = ask(r, std::array{control, data}, "connecting from a port below 1024");
    if (connected) return {};
    auto reason = std::move(connected.error());
    reason.code = reason.os == EACCES ? errc::permission : errc::exhausted;
    return std::unexpected(std::move(reason));
}

result<unique_fd> client::open_file(const std::string& path, bool append) {
    const auto found =
        std::ranges::find_if(files_, [&](const permitted_file& f) { return f.path == path && f.append == append; });
    if (found == files_.end()) {
        return fail(errc::permission,
                    fmt::format("{}: this daemon may open only the files that its configuration named when it started; use "
                                "the command \"restart\" to name another one",
                                path));
    }
    auto opened =
        ask({.kind = request_kind::open_file, .number = static_cast<std::uint32_t>(found - files_.begin())}, {}, path);
    if (!opened) return std::unexpected(opened.error());
    return std::move(opened->descriptor);
}

result<void> client::bind_port(int socket, const endpoint& at) {
    const request r{.kind = request_kind::bind_port, .target = wire_endpoint::of(at)};
    auto bound = ask(r, {&socket, 1}, at.text());
    if (!bound) return std::unexpected(std::move(bound.error()));
    return {};
}

std::string program_path() {
    std::array<char, 4096> path{};
    const auto n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace sallyport::helper
