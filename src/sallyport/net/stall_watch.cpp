#include <sallyport/net/stall_watch.hpp>

#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sallyport::net {
namespace {

// Checks within one window: a stall is detected at most one such interval late.
constexpr int checks_per_window = 32;

// Indices into the kernel's struct tcp_info, in units of 64 bits. The struct of glibc ends before these members, and the
// kernel's header cannot be included with it.
constexpr std::size_t bytes_acked = 15;
constexpr std::size_t bytes_received = 16;

}  // namespace

stall_watch::stall_watch(stall_rule rule)
    : rule_(rule),
      min_bytes_(
          std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(rule.bytes_per_second) *
                                                                std::chrono::duration<double>(rule.window).count()))) {}

void stall_watch::wait_started(deadline now) noexcept {
    if (waits_++ == 0) since_ = now;
}

void stall_watch::wait_finished(deadline now) noexcept {
    if (--waits_ == 0) waited_ += now - since_;
}

deadline stall_watch::next_check(deadline now) const noexcept {
    const clock::duration step = std::max<clock::duration>(rule_.window / checks_per_window, deadline_wheel::granularity);
    return now + std::clamp<clock::duration>(rule_.window - waited(now), clock::duration::zero(), step);
}

bool stall_watch::check_progress(int socket, std::uint64_t transferred, deadline now) noexcept {
    auto* found = std::ranges::find(connections_, socket, &connection::socket);
    if (found == connections_.end()) {
        found = connections_[0].socket < 0 ? connections_.data() : &connections_[1];
        *found = {.socket = socket};
    }
    const std::uint64_t before = std::exchange(found->transferred, transferred);
    if (transferred <= before) return false;
    found->recent += transferred - before;
    if (found->recent < min_bytes_) return true;
    for (connection& c : connections_) c.recent = 0;
    waited_ = {};
    since_ = now;
    return true;
}

std::string stall_watch::text() const {
    const auto seconds = std::chrono::duration<double>(rule_.window).count();
    if (rule_.bytes_per_second == 0) return fmt::format("no progress for {:g} s", seconds);
    return fmt::format("fewer than {} bytes per second for {:g} s", rule_.bytes_per_second, seconds);
}

std::uint64_t tcp_bytes_transferred(int socket) noexcept {
    std::array<std::uint64_t, bytes_received + 1> info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, info.data(), &size) != 0) return 0;
    return info[bytes_acked] + info[bytes_received];
}

}  // namespace sallyport::net
