#include <sallyport/doctor/line_probe.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/doctor/socket_probe.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::doctor {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A server may look up the client's name before it sends its greeting.
constexpr milliseconds greeting_wait(3000);
/// Between two looks at the state of the connection.
constexpr milliseconds look_interval(5);

enum class passing : std::uint8_t { passed, expired, held };

bool wait_readable(int socket, clock::time_point until) {
    pollfd polled{socket, POLLIN, 0};
    const auto left = std::chrono::duration_cast<milliseconds>(until - clock::now()).count();
    return left > 0 && ::poll(&polled, 1, static_cast<int>(left)) == 1;
}

/// Reads up to the end of one line.
bool read_line(int socket, milliseconds wait) {
    const auto until = clock::now() + wait;
    std::array<char, 512> block{};
    while (wait_readable(socket, until)) {
        const auto n = ::recv(socket, block.data(), block.size(), 0);
        if (n <= 0) return false;
        if (block[static_cast<std::size_t>(n) - 1] == '\n') return true;
    }
    return false;
}

bool send_text(int socket, std::string_view text) {
    return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

bool all_acknowledged(int socket) {
    const auto state = state_of_tcp(socket);
    return !state || state->tcpi_unacked == 0;
}

/// A connection after greeting and one whole line: helpers parse nothing before they have seen the end of a line.
unique_fd talk(const line_target& target) {
    const auto& server = target.server;
    const bool v4 = server.to.address.is_v4();
    unique_fd fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fd;
    close_with_reset(fd.get());
    net::set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    report_icmp_errors(fd.get(), v4);
    const net::socket_address to(server.to);
    if (::connect(fd.get(), to.data(), to.length()) != 0 && errno != EINPROGRESS) return {};
    if (!read_line(fd.get(), greeting_wait) || !send_text(fd.get(), "NOOP\r\n") || !read_line(fd.get(), greeting_wait))
        return {};
    return fd;
}

/// Gives the socket its usual TTL back before it is closed: the RST would expire on the way, and the server would keep the
/// session until its own timeout.
class usual_ttl_at_end {
public:
    usual_ttl_at_end(int socket, bool v4) : socket_(socket), v4_(v4) {}
    usual_ttl_at_end(const usual_ttl_at_end&) = delete;
    usual_ttl_at_end& operator=(const usual_ttl_at_end&) = delete;
    ~usual_ttl_at_end() { set_ttl(socket_, v4_, usual_ttl); }

private:
    int socket_;
    bool v4_;
};

std::optional<passing> send_piece(const line_target& target, unsigned ttl) {
    const unique_fd fd = talk(target);
    if (!fd) return std::nullopt;
    const bool v4 = target.server.to.address.is_v4();
    const usual_ttl_at_end restored(fd.get(), v4);
    // Acknowledges the server's reply now: an ACK that expires later would be taken for the piece.
    net::set_option(fd.get(), IPPROTO_TCP, TCP_QUICKACK, 1);
    set_ttl(fd.get(), v4, ttl);
    if (!send_text(fd.get(), target.piece)) return std::nullopt;
    const auto until = clock::now() + target.server.wait;
    while (clock::now() < until) {
        if (all_acknowledged(fd.get())) return passing::passed;
        pollfd polled{fd.get(), 0, 0};
        const bool failed =
            ::poll(&polled, 1, static_cast<int>(look_interval.count())) == 1 && (polled.revents & POLLERR) != 0;
        if (failed && net::socket_option(fd.get(), SO_ERROR) == EHOSTUNREACH) return passing::expired;
        if (failed) return std::nullopt;
    }
    return passing::held;
}

bool add(const line_target& target, unsigned ttl, diagnosis::line_probe& into) {
    auto got = send_piece(target, ttl);
    // Loss by chance holds back no second one.
    if (got == passing::held) got = send_piece(target, ttl);
    if (!got) return false;
    const auto at = std::ranges::lower_bound(into.answers, ttl, {}, &diagnosis::line_probe::answer::ttl);
    into.answers.insert(at, {ttl, *got == passing::passed, *got == passing::expired});
    return *got == passing::held;
}

}  // namespace

std::optional<diagnosis::line_probe> probe_line(const line_target& target) {
    diagnosis::line_probe out;
    out.line = target.name;
    const bool held = add(target, target.distance != 0 ? target.distance : usual_ttl, out);
    if (out.answers.empty()) return std::nullopt;
    if (!held || target.distance < 2) return out;
    // The piece expires before the device and is held after it.
    unsigned low = 0;
    unsigned high = target.distance;
    while (high - low > 1) {
        const auto middle = (low + high) / 2;
        (add(target, middle, out) ? high : low) = middle;
    }
    return out;
}

}  // namespace sallyport::doctor
