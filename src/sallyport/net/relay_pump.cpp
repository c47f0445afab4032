#include <algorithm>
#include <array>
#include <cerrno>
#include <expected>
#include <memory>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/pipe.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream_state.hpp>
#include <sallyport/net/thread_buffer.hpp>

namespace sallyport::net {
namespace {

constexpr auto linger = std::chrono::milliseconds(100);
// A direction starts by copying through memory that all relays of the thread share; it gets a pipe once it has forwarded
// more than this.
constexpr std::size_t copy_size = 64 * 1024;
// With TLS, a large transfer continues in larger pieces.
constexpr std::size_t large_piece = thread_buffer_size;
// The cost of one splice, of stream_state::burst_limit.
constexpr unsigned splice_cost = 8;

enum class side : std::uint8_t { source, sink };

struct fault {
    side at = side::source;
    error cause;
};

using direction_result = std::expected<void, fault>;

std::unexpected<fault> fault_at(side at, error cause) { return std::unexpected(fault{at, std::move(cause)}); }

/// One direction of a relay, with references to the state that both share.
struct direction {
    stream& from;
    stream& to;
    // Both directions share one stall watch: the bytes of either are progress.
    const time_limit limit;
    relay_counts& counts;
    std::uint64_t& forwarded;
    std::uint64_t& received;
    token_bucket* rate_limit;
    // Set for the direction of the data if the flow is known.
    end_check check_end{};
    // True for that direction.
    bool one_way = false;
    // The relay is complete without the end of this direction.
    bool abandoned = false;
    // The sender has finished and all bytes were forwarded; the end itself may not have been passed on yet.
    bool delivered = false;
    bool ended = false;
    direction_result outcome{};

    [[nodiscard]] bool plain() const noexcept { return !from.is_tls() && !to.is_tls(); }
    void note_forwarded(std::uint64_t bytes) {
        forwarded += bytes;
        counts.last_activity = clock::now();
    }
    /// Whether the sender's end is valid according to `check_end`.
    [[nodiscard]] direction_result check_source_end() const {
        if (!check_end) return {};
        auto allowed = check_end();
        return allowed ? direction_result() : fault_at(side::source, std::move(allowed.error()));
    }
};

/// Small enough that a low rate limit results in an even rate.
std::size_t piece_size(const direction& d, std::size_t max_size) {
    if (d.rate_limit == nullptr) return max_size;
    constexpr std::size_t min_size = 1024;
    return d.rate_limit->piece(min_size, max_size);
}

/// Waits until the forwarded bytes are within the rate limit; TCP flow control then slows down the sender.
task<> apply_rate_limit(const direction& d, std::size_t forwarded_bytes) {
    const auto wait = d.rate_limit->spend(static_cast<double>(forwarded_bytes), clock::now());
    if (wait <= clock::duration::zero()) co_return;
    const auto begin = clock::now();
    d.limit.stall->exclude(wait);
    co_await d.from.owner().sleep_for(wait);
    // The pause is never shorter, and usually somewhat longer.
    d.limit.stall->exclude(clock::now() - begin - wait);
}

/// What is taken from the sender at a time, so that little is held if the receiver is slow.
send_piece piece_for_receiver(const direction& d, std::size_t max_size) { return d.to.next_piece(piece_size(d, max_size)); }

/// The same for a pipe. Without a limit by the receiver, a slow one would hold a full pipe of the kernel's memory.
std::size_t spliced_size(const direction& d) {
    return piece_size(d, std::clamp(state_of(d.to)->send_room(), copy_size, pipe::max_size));
}

struct receive_result {
    std::size_t size = 0;
    // The peer has finished after these bytes.
    bool ended = false;
    // The errno of the last call; usually EAGAIN.
    int os = 0;
};

/// Receives everything that is available, including the end, which can then be sent in one packet with the last bytes.
receive_result receive(int socket, std::span<char> into) {
    receive_result got;
    while (got.size < into.size()) {
        const auto n = ::recv(socket, into.data() + got.size, into.size() - got.size, 0);
        got.ended = n == 0;
        if (n < 0) got.os = errno;
        if (n <= 0) break;
        got.size += static_cast<std::size_t>(n);
    }
    return got;
}

/// Sends `bytes`. What the socket does not accept immediately is copied first, as the memory is shared.
task<direction_result> send_copied(direction& d, state_ptr to, std::string_view bytes, bool last = false) {
    if (to->tls) {
        auto write = last ? write_and_finish_tls(to, bytes, d.limit) : write_tls_at_once(to, bytes, d.limit);
        auto written = co_await std::move(write);
        if (!written) co_return fault_at(side::sink, std::move(written.error()));
        co_return direction_result{};
    }
    to->write_waited = false;
    const auto n = ::send(to->socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | (last ? MSG_MORE : 0));
    const auto accepted = n > 0 ? static_cast<std::size_t>(n) : 0;
    if (accepted == bytes.size()) co_return direction_result{};
    const std::string rest(bytes.substr(accepted));
    auto written = co_await write_plain(to, rest, d.limit);
    if (!written) co_return fault_at(side::sink, std::move(written.error()));
    co_return direction_result{};
}

/// Relays a small transfer: the sender's bytes and its end, as long as no wait takes longer than `linger`. Returns true if
/// the transfer has finished. Most transfers are small, and watching the receiver too would double the cost.
task<bool> relay_small(direction& d) {
    const auto from = state_of(d.from);
    const auto to = state_of(d.to);
    while (d.forwarded < copy_size) {
        auto piece = piece_for_receiver(d, copy_size);
        const auto memory = thread_buffer().first(piece.size);
        const auto got = receive(from->socket.get(), memory);
        d.received += got.size;
        if (got.ended) d.outcome = d.check_source_end();
        if (d.outcome && got.size > 0) d.outcome = co_await send_copied(d, to, {memory.data(), got.size}, got.ended);
        if (d.outcome) d.note_forwarded(got.size);
        if (d.outcome && got.ended) {
            d.delivered = true;
            const auto finished = co_await d.to.shutdown_send(limits::tls_shutdown_timeout);
            if (!finished) d.outcome = fault_at(side::sink, finished.error());
        } else if (d.outcome && got.os != 0 && got.os != EAGAIN) {
            d.outcome = fault_at(side::source, from->failure(wait_result::ready, got.os, "reading from").error());
        }
        d.ended = got.ended || !d.outcome;
        if (d.ended) co_return true;
        if (got.os != EAGAIN) continue;
        piece = {};
        // With the stall watch, as a very slow sender could stay in this loop for long.
        const auto end = co_await from->readable({.total = clock::now() + linger, .stall = d.limit.stall});
        if (end != wait_result::ready) break;
    }
    co_return false;
}

/// Checks the receiver without waiting. Bytes that it has sent must be read, as closing with unread bytes sends a RST.
void check_receiver(direction& back) {
    const auto receiver = state_of(back.from);
    char byte = 0;
    const auto n = ::recv(receiver->socket.get(), &byte, 1, MSG_PEEK);
    if (n < 0 && errno != EAGAIN)
        back.outcome = fault_at(side::source, receiver->failure(wait_result::ready, errno, "reading from").error());
    back.ended = n <= 0;
}

task<direction_result> drain_pipe(direction& d, const pipe& p, state_ptr to, std::size_t remaining) {
    auto end = wait_result::ready;
    while (remaining > 0) {
        const auto n =
            ::splice(p.read_end.get(), nullptr, to->socket.get(), nullptr, remaining, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n > 0) {
            remaining -= static_cast<std::size_t>(n);
            d.note_forwarded(static_cast<std::uint64_t>(n));
            end = wait_result::ready;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN || end != wait_result::ready)
            co_return fault_at(side::sink, to->failure(end, errno, "writing to").error());
        end = co_await to->writable(d.limit);
    }
    co_return direction_result{};
}

task<direction_result> move_plain(direction& d) {
    const auto from = state_of(d.from);
    const auto to = state_of(d.to);
    pipe p;
    bool can_splice = true;
    auto end = wait_result::ready;
    for (;;) {
        if (!p && can_splice && d.forwarded >= copy_size) {
            // A pipe with a small capacity only means more system calls.
            p = pipe::open();
            can_splice = static_cast<bool>(p);
        }
        const auto memory = thread_buffer();
        auto piece = p ? send_piece{spliced_size(d), {}} : piece_for_receiver(d, copy_size);
        // The pipe is empty here, so EAGAIN refers to the socket.
        const auto n = p ? ::splice(from->socket.get(), nullptr, p.write_end.get(), nullptr, piece.size,
                                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
                         : ::recv(from->socket.get(), memory.data(), piece.size, 0);
        if (n == 0) co_return direction_result{};
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN || end != wait_result::ready) {
                co_return fault_at(side::source, from->failure(end, errno, "reading from").error());
            }
            piece = {};
            end = co_await from->readable(d.limit);
            continue;
        }
        end = wait_result::ready;
        const auto size = static_cast<std::size_t>(n);
        d.received += size;
        direction_result sent;
        if (p) {
            sent = co_await drain_pipe(d, p, to, size);
        } else {
            sent = co_await send_copied(d, to, {memory.data(), size});
            d.note_forwarded(size);
        }
        piece = {};
        if (!sent) co_return sent;
        if (d.rate_limit != nullptr) co_await apply_rate_limit(d, size);
        const bool yield_now = from->must_yield(splice_cost);
        if (yield_now) co_await from->owner.yield();
    }
}

task<direction_result> move_through_tls(direction& d) {
    const auto from = state_of(d.from);
    const auto to = state_of(d.to);
    auto end = wait_result::ready;
    for (;;) {
        auto piece = piece_for_receiver(d, d.forwarded < large_piece ? copy_size : large_piece);
        const auto memory = thread_buffer().first(piece.size);
        auto got = from->tls ? try_read_tls(*from, memory, end) : try_read_plain(*from, memory, end);
        if (!got) {
            piece = {};
            end = co_await from->readable(d.limit);
            continue;
        }
        end = wait_result::ready;
        if (!*got) co_return fault_at(side::source, std::move(got->error()));
        const std::size_t size = **got;
        if (size == 0) co_return direction_result{};
        d.received += size;
        auto sent = co_await send_copied(d, to, {memory.data(), size});
        if (!sent) co_return sent;
        d.note_forwarded(size);
        piece = {};
        if (d.rate_limit != nullptr) co_await apply_rate_limit(d, size);
        const bool yield_now = from->must_yield();
        if (yield_now) co_await from->owner.yield();
    }
}

/// A receiver may close without close_notify, as it has sent no data that could be truncated.
bool is_harmless(const direction& d) {
    return d.outcome || d.abandoned || (!d.one_way && d.forwarded == 0 && d.outcome.error().cause.code == errc::truncated);
}

/// Runs one direction to its end and passes that end on.
task<> move_to_end(direction& d) {
    auto work = d.plain() ? move_plain(d) : move_through_tls(d);
    d.outcome = co_await std::move(work);
    if (d.outcome) d.outcome = d.check_source_end();
    d.delivered = d.outcome.has_value();
    // Also if the relay is complete without this direction: clients wait for close_notify after their upload.
    if (is_harmless(d)) {
        auto finished = co_await d.to.shutdown_send(limits::tls_shutdown_timeout);
        if (!finished && d.outcome) d.outcome = fault_at(side::sink, std::move(finished.error()));
    }
}

void end_with_exception(direction& d, event& done) {
    log_exception("relay", std::current_exception());
    d.delivered = false;
    d.outcome = fault_at(side::sink, fail_without_memory().error());
    d.ended = true;
    done.set();
}

task<> pump(direction& d, event& done) {
    try {
        co_await move_to_end(d);
    } catch (...) {
        co_return end_with_exception(d, done);
    }
    d.ended = true;
    done.set();
}

void start(direction& d, event& done) {
    if (d.ended) return;
    try {
        d.from.owner().spawn("relay direction", pump(d, done));
    } catch (...) {
        end_with_exception(d, done);
    }
}

// The directions are objects of the relay's coroutine. So while one of them runs, the relay must not end by an exception,
// and uses the memory reserve.

/// Waits for the next direction to end.
task<bool> wait_for_next_end(event& done, deadline until) {
    const use_memory_reserve reserve;
    done.clear();
    return done.wait(until);
}

/// Waits for a short time for a direction to end by itself. The event is also set by the other direction.
task<> wait_for_end_briefly(const direction& d, event& done) {
    const auto until = clock::now() + linger;
    while (!d.ended && clock::now() < until) co_await wait_for_next_end(done, until);
}

/// Aborts both connections after one direction has failed, so that the other direction's pump ends too.
void abort_both(direction& d) {
    d.from.abort();
    d.to.abort();
}

relay_outcome outcome_of(const fault& f, bool a_is_source) {
    const use_memory_reserve reserve;
    if (f.cause.code == errc::timeout) return {relay_result::stalled, f.cause};
    const bool at_a = (f.at == side::source) == a_is_source;
    return {at_a ? relay_result::a_failed : relay_result::b_failed, f.cause};
}

/// True if the receiver of a one-way transfer has failed. If only the end could not be passed on, the sender has closed its
/// connection, perhaps after its last byte; its own direction reports that.
bool receiver_broke(const direction& back) {
    return back.ended && !is_harmless(back) && back.outcome.error().at == side::source;
}

task<relay_outcome> relay_one_way(direction& data, direction& back, event& done, bool from_a) {
    while (!data.ended && !receiver_broke(back)) co_await wait_for_next_end(done, deadline::max());
    if (data.ended && data.delivered && !back.ended) {
        co_await with_memory_reserve([&] { return wait_for_end_briefly(back, done); });
        if (!back.ended && data.outcome) {
            back.abandoned = true;
            back.from.interrupt_read();
        }
    }
    while (data.ended && data.outcome && !back.ended) co_await wait_for_next_end(done, deadline::max());
    // A receiver that knows the size may close cleanly before it gets the close_notify, which then fails.
    const bool receiver_done = data.delivered && back.ended;
    relay_outcome out;
    if (receiver_broke(back))
        out = outcome_of(back.outcome.error(), !from_a);
    else if (!data.outcome && !receiver_done)
        out = outcome_of(data.outcome.error(), from_a);
    if (out.result != relay_result::complete) {
        // The other direction ends first, so that nothing is awaited after the abort: the answer of the receiver must not
        // overtake the cause that the caller gets.
        if (data.ended && !back.ended) {
            back.abandoned = true;
            back.from.interrupt_read();
            co_await with_memory_reserve([&] { return wait_for_end_briefly(back, done); });
        }
        abort_both(data);
    }
    while (!data.ended || !back.ended) co_await wait_for_next_end(done, deadline::max());
    co_return out;
}

}  // namespace

task<relay_outcome> relay(stream& a, stream& b, time_limit limit, relay_counts& counts, relay_flow flow,
                          relay_rate_limits rate_limits, end_check check_end) {
    counts.last_activity = clock::now();
    stall_watch any_byte({.window = limit.progress, .bytes_per_second = 0});
    if (limit.stall == nullptr) limit.stall = &any_byte;
    limit.stall->set_slow_peer_handler([legs = std::array{std::weak_ptr(state_of(a)), std::weak_ptr(state_of(b))}] {
        for (const auto& leg : legs) {
            if (const auto s = leg.lock(); s && s->tls) s->tls->release_input();
        }
    });
    direction forth{a, b, limit, counts, counts.a_to_b, counts.received_from_a, rate_limits.a_to_b};
    direction back{b, a, limit, counts, counts.b_to_a, counts.received_from_b, rate_limits.b_to_a};
    event done(a.owner());
    if (flow != relay_flow::either) {
        const bool from_a = flow == relay_flow::a_to_b;
        direction& data = from_a ? forth : back;
        direction& other = from_a ? back : forth;
        data.one_way = true;
        data.check_end = std::move(check_end);
        bool complete = false;
        if (!data.from.is_tls() && data.rate_limit == nullptr) complete = co_await relay_small(data);
        if (complete) check_receiver(other);
        start(data, done);
        start(other, done);
        co_return co_await with_memory_reserve([&] { return relay_one_way(data, other, done, from_a); });
    }
    start(forth, done);
    start(back, done);

    while (!forth.ended && !back.ended) co_await wait_for_next_end(done, deadline::max());
    direction& first = forth.ended ? forth : back;
    direction& second = forth.ended ? back : forth;
    const auto first_end = with_memory_reserve([&] { return first.outcome; });
    // A receiver that has everything may be closed before the other direction has ended here.
    const bool failed = !first_end && !is_harmless(first);
    if (failed) {
        abort_both(first);
    } else if (second.forwarded == 0 && !second.ended) {
        co_await with_memory_reserve([&] { return wait_for_end_briefly(second, done); });
        if (!second.ended && second.forwarded == 0) {
            second.abandoned = true;
            second.from.interrupt_read();
        }
    }
    while (!second.ended) co_await wait_for_next_end(done, deadline::max());
    if (failed) co_return outcome_of(first_end.error(), &first == &forth);
    // A peer that has finished cleanly may be closed when the last bytes of the other peer, or its end, arrive.
    if (is_harmless(second) || second.delivered) co_return relay_outcome{};
    abort_both(second);
    co_return outcome_of(second.outcome.error(), &second == &forth);
}

}  // namespace sallyport::net
