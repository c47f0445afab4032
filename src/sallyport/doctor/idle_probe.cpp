#include <sallyport/doctor/idle_probe.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>

#include <sallyport/doctor/socket_probe.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::doctor {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A server that is alive answers NOOP at once.
constexpr milliseconds answer_wait(4000);
/// An ICMP error arrives within a round trip.
constexpr milliseconds expiry_wait(300);

enum class event : std::uint8_t { none, expired, readable, failed };

/// Removes the ICMP errors from the queue, which would keep the socket readable.
void drain_errors(int socket) {
    std::array<char, 512> space{};
    msghdr message{};
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    while (::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) message.msg_controllen = space.size();
}

event wait_for_event(int socket, milliseconds wait) {
    const auto until = clock::now() + wait;
    for (;;) {
        // What is there already is seen however short the wait is.
        const auto left = std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(until - clock::now()).count());
        pollfd polled{socket, POLLIN, 0};
        if (::poll(&polled, 1, static_cast<int>(left)) != 1) return event::none;
        const int os = net::socket_option(socket, SO_ERROR);
        drain_errors(socket);
        if (os == EHOSTUNREACH) return event::expired;
        if (os != 0) return event::failed;
        if ((polled.revents & (POLLIN | POLLHUP)) != 0) return event::readable;
    }
}

std::string state_after_reply(int socket) {
    std::array<char, 512> block{};
    const auto n = ::recv(socket, block.data(), block.size(), MSG_DONTWAIT);
    if (n < 0) return errno == ECONNRESET ? "reset" : "no answer";
    const std::string_view text(block.data(), static_cast<std::size_t>(n));
    return n == 0 || text.starts_with("421") ? "closed" : "alive";
}

milliseconds retransmission_wait(int socket) {
    const auto state = state_of_tcp(socket);
    return milliseconds(state ? state->tcpi_rto / 1000 : 0) + expiry_wait;
}

/// The largest TTL below `distance` with which a retransmission expires.
unsigned find_last_hop(int socket, bool v4, unsigned distance) {
    unsigned expires = 0;
    unsigned lost = distance;
    while (lost - expires > 1) {
        const auto middle = (expires + lost) / 2;
        set_ttl(socket, v4, middle);
        (wait_for_event(socket, retransmission_wait(socket)) == event::expired ? expires : lost) = middle;
    }
    return expires;
}

}  // namespace

idle_result use_after_silence(int socket, unsigned distance) {
    const bool v4 = net::peer_endpoint(socket).address.is_v4();
    const bool can_trace = distance > 1;
    report_icmp_errors(socket, v4);
    // What arrived in the silence: a 421, or the end.
    if (wait_for_event(socket, milliseconds(1)) == event::readable) return {state_after_reply(socket), {}};
    if (can_trace) set_ttl(socket, v4, distance - 1);
    constexpr std::string_view noop = "NOOP\r\n";
    if (::send(socket, noop.data(), noop.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return {errno == ECONNRESET ? "reset" : "closed", {}};
    auto last_hop = can_trace ? std::optional(distance - 1) : std::nullopt;
    if (can_trace) {
        const auto first = wait_for_event(socket, expiry_wait);
        if (first == event::failed) return {"reset", {}};
        if (first == event::readable) return {state_after_reply(socket), {}};
        if (first == event::none) last_hop = find_last_hop(socket, v4, distance);
        set_ttl(socket, v4, usual_ttl);
    }
    switch (wait_for_event(socket, answer_wait)) {
        case event::readable: return {state_after_reply(socket), {}};
        case event::failed: return {"reset", {}};
        case event::expired:
        case event::none: break;
    }
    return {"no answer", last_hop};
}

}  // namespace sallyport::doctor
