#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream_state.hpp>

namespace sallyport::net {
namespace {

// Size of one sendfile call: large enough that the calls do not matter, small enough that other sessions are not delayed.
constexpr std::size_t sendfile_step = std::size_t{1} << 20U;
// For smaller files, setting TCP_CORK costs more than the packets that it saves.
constexpr std::uint64_t min_corked_size = 256 * 1024;
// The cost of one sendfile, of stream_state::burst_limit: yields every 4 MiB.
constexpr unsigned sendfile_cost = 16;

// A non-blocking recv or send is never interrupted by a signal (signal(7)); sendfile can be while it waits for the disk.
bool would_block(int os) noexcept { return os == EAGAIN || os == EWOULDBLOCK; }

task<result<std::uint64_t>> send_file_plain(state_ptr s, int file, std::uint64_t offset, std::uint64_t count,
                                            time_limit limit, std::uint64_t& progress) {
    std::uint64_t sent = 0;
    auto end = wait_result::ready;
    while (sent < count) {
        auto position = static_cast<off_t>(offset + sent);
        const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count - sent, sendfile_step));
        const auto n = ::sendfile(s->socket.get(), file, &position, step);
        // The end of the file.
        if (n == 0) break;
        if (n > 0) {
            sent += static_cast<std::uint64_t>(n);
            progress += static_cast<std::uint64_t>(n);
            const bool yield_now = s->must_yield(sendfile_cost);
            if (yield_now) co_await s->owner.yield();
            continue;
        }
        if (errno == EINTR) continue;
        if (!would_block(errno) || end != wait_result::ready) co_return s->failure(end, errno, "sending a file to");
        end = co_await s->writable(limit);
    }
    co_return sent;
}

}  // namespace

const state_ptr& state_of(const stream& s) { return s.state_; }

std::unexpected<error> stream_state::failure(wait_result end, int os, std::string_view doing) const {
    auto what = fmt::format("{} {}", doing, peer.text());
    if (end == wait_result::timeout) return fail(errc::timeout, what + ": timed out");
    if (end == wait_result::cancelled || !socket) return fail(errc::cancelled, what + ": cancelled");
    return fail_os(os, std::move(what));
}

std::size_t stream_state::send_room() const noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    // Older kernels do not have the option.
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return limits::small_piece;
    const auto [total, used] = std::pair(memory[SK_MEMINFO_SNDBUF], memory[SK_MEMINFO_WMEM_QUEUED]);
    // Packets take more memory than their bytes. With three quarters, nearly a record remained in memory at the end.
    const std::size_t room = total > used ? (total - used) / 2 : 0;
    return std::max(room, limits::small_piece);
}

// If the system is short of memory for TCP, the kernel accepts less than its buffers have room for. The rest of a piece then
// stays in memory, as long as the peer is slow: at most a record for each session, and what is leased.
send_piece stream_state::next_piece(std::size_t max, memory_budget& memory) const noexcept {
    if (max <= limits::small_piece) return {max, {}};
    const std::size_t room = write_waited ? 0 : send_room();
    if (room < 2 * tls_record) return {limits::small_piece, {}};
    const std::size_t size = std::min(max, room);
    if (size <= tls_record) return {size, {}};
    auto lease = memory.take(size);
    return lease ? send_piece{size, std::move(lease)} : send_piece{limits::small_piece, {}};
}

task<wait_result> stream_state::yield_before_read() {
    interrupted = false;
    co_await owner.yield();
    co_return interrupted ? wait_result::cancelled : wait_result::ready;
}

// If bytes were transferred during the wait (see stall_watch), the caller tries again and handles what is available.
task<wait_result> stream_state::wait_unless_stalled(task<wait_result> (descriptor::*wait)(deadline), time_limit limit) {
    stall_watch& watch = *limit.stall;
    auto now = clock::now();
    watch.wait_started(now);
    auto end = wait_result::timeout;
    auto slow_at = watch.has_slow_peer_handler() ? now + limits::slow_peer_wait : deadline::max();
    while (end == wait_result::timeout) {
        const auto until = std::min(std::min(limit.total, slow_at), watch.next_check(now));
        end = co_await (socket.*wait)(until);
        now = clock::now();
        if (end != wait_result::timeout) break;
        if (now >= slow_at) {
            slow_at = deadline::max();
            watch.report_slow_peer();
        }
        const bool moved = watch.check_progress(socket.get(), tcp_bytes_transferred(socket.get()), now);
        if (now >= limit.total || watch.stalled(now)) break;
        if (moved) end = wait_result::ready;
    }
    watch.wait_finished(now);
    co_return end;
}

// The system call is tried first, also after the deadline: value, deadline, error (decision 8).
read_try try_read_plain(stream_state& s, std::span<char> into, wait_result waited) {
    const auto n = s.socket.receive(into);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (!would_block(errno) || waited != wait_result::ready) return s.failure(waited, errno, "reading from");
    return std::nullopt;
}

task<result<std::size_t>> read_plain(state_ptr s, std::span<char> into, time_limit limit) {
    auto end = wait_result::ready;
    const bool yield_now = s->must_yield();
    if (yield_now) end = co_await s->yield_before_read();
    for (;;) {
        auto got = try_read_plain(*s, into, end);
        if (got) co_return std::move(*got);
        end = co_await s->readable(limit);
    }
}

// The pipe is empty, so only the socket can block.
task<result<std::size_t>> splice_plain(state_ptr s, int pipe_in, time_limit limit) {
    auto end = wait_result::ready;
    for (;;) {
        const auto n =
            ::splice(s->socket.get(), nullptr, pipe_in, nullptr, pipe::max_size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n >= 0) co_return static_cast<std::size_t>(n);
        if (errno == EINTR) continue;
        if (!would_block(errno) || end != wait_result::ready) co_return s->failure(end, errno, "reading from");
        end = co_await s->readable(limit);
    }
}

task<result<void>> write_plain(state_ptr s, std::string_view bytes, time_limit limit, int flags) {
    auto end = wait_result::ready;
    s->write_waited = false;
    for (;;) {
        const auto n = ::send(s->socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
        if (n >= 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        if (bytes.empty()) break;
        if ((n < 0 && !would_block(errno)) || end != wait_result::ready) co_return s->failure(end, errno, "writing to");
        if (n < 0) end = co_await s->writable(limit);
    }
    const bool yield_now = s->must_yield();
    if (yield_now) co_await s->owner.yield();
    co_return result<void>{};
}

stream::stream() noexcept = default;
stream::~stream() = default;
stream::stream(stream&&) noexcept = default;

stream::stream(loop& l, unique_fd socket, const endpoint& local, const endpoint& peer)
    : state_(std::make_shared<stream_state>(l, std::move(socket), local, peer)) {}

stream& stream::operator=(stream&& other) noexcept {
    if (this != &other) {
        close();
        state_ = std::move(other.state_);
    }
    return *this;
}

bool stream::is_open() const noexcept { return state_ && state_->socket; }
int stream::native_handle() const noexcept { return state_ ? state_->socket.get() : -1; }
loop& stream::owner() const noexcept { return state_->owner; }

const endpoint& stream::local() const noexcept {
    static const endpoint none;
    return state_ ? state_->local : none;
}

const endpoint& stream::peer() const noexcept {
    static const endpoint none;
    return state_ ? state_->peer : none;
}

void stream::set_keepalive(const keepalive& k) {
    const int fd = native_handle();
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, k.count > 0 ? 1 : 0);
    if (k.count <= 0) return;
    const auto idle = static_cast<int>(k.idle.count());
    const auto interval = static_cast<int>(k.interval.count());
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, k.count);
    // Unacknowledged bytes end the connection after the same time as unanswered probes (tcp(7)).
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (idle + interval * k.count) * 1000);
}

std::chrono::microseconds stream::round_trip() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
    return std::chrono::microseconds(info.tcpi_rtt);
}

task<result<std::size_t>> stream::read_some(std::span<char> into, time_limit limit) {
    return state_->tls ? read_tls(state_, into, limit) : read_plain(state_, into, limit);
}

task<result<void>> stream::wait_readable(time_limit limit) {
    const auto s = state_;
    if (s->tls) s->tls->release_input();
    // What arrived since the caller's last read may have been reported while no coroutine waited.
    char next = 0;
    if (::recv(s->socket.get(), &next, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || !would_block(errno)) co_return result<void>{};
    const auto end = co_await s->readable(limit);
    if (end == wait_result::ready) co_return result<void>{};
    co_return s->failure(end, 0, "reading from");
}

task<result<std::size_t>> stream::splice_some(const pipe& into, time_limit limit) {
    return splice_plain(state_, into.write_end.get(), limit);
}

void stream::set_low_watermark(std::size_t bytes) {
    set_option(native_handle(), SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(bytes));
}

send_piece stream::next_piece(std::size_t max) const noexcept { return state_ ? state_->next_piece(max) : send_piece{}; }

task<result<void>> stream::write_all(std::string_view bytes, time_limit limit) {
    return state_->tls ? write_tls(state_, bytes, limit) : write_plain(state_, bytes, limit);
}

task<result<void>> stream::write_and_finish(std::string_view bytes, time_limit limit) {
    return state_->tls ? write_and_finish_tls(state_, bytes, limit) : write_plain(state_, bytes, limit, MSG_MORE);
}

task<result<std::uint64_t>> stream::send_file(int file, std::uint64_t offset, std::uint64_t count, time_limit limit,
                                              std::uint64_t& progress) {
    // Full packets only: otherwise each acknowledgement sends an incomplete packet, a third more packets in all. An
    // incomplete packet is sent with the following bytes, at the end of the stream, or after 200 ms.
    if (count >= min_corked_size) set_option(native_handle(), IPPROTO_TCP, TCP_CORK, 1);
    return state_->tls ? send_file_tls(state_, file, offset, count, limit, progress)
                       : send_file_plain(state_, file, offset, count, limit, progress);
}

// Not by peeking at the next byte: there may be bytes before the end, and with TLS there are.
bool stream::peer_has_finished() const noexcept {
    pollfd end{.fd = native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&end, 1, 0) == 1;
}

bool stream::peer_has_left() const noexcept {
    if (!peer_has_finished()) return false;
    char next = 0;
    const auto got = ::recv(native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

bool stream::has_failed() const noexcept {
    pollfd failure{.fd = native_handle(), .events = 0, .revents = 0};
    return ::poll(&failure, 1, 0) == 1;
}

void stream::interrupt_read() {
    if (!state_) return;
    state_->interrupted = true;
    state_->socket.interrupt_read();
}

void stream::abort() noexcept {
    if (!is_open()) return;
    const ::linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    state_->socket.close();
}

}  // namespace sallyport::net
