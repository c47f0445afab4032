#pragma once
// The implementation of a stream, shared by stream.cpp (plain), stream_tls.cpp, connect.cpp and relay_pump.cpp.
//
// Owned by the stream and its pending operations. Loop thread only.

#include <memory>
#include <optional>
#include <string_view>

#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls_engine.hpp>

namespace sallyport::net {

/// Sets a flag while it exists.
class flag_while {
public:
    explicit flag_while(bool& flag) noexcept : flag_(flag) { flag_ = true; }
    ~flag_while() { flag_ = false; }
    flag_while(const flag_while&) = delete;
    flag_while& operator=(const flag_while&) = delete;

private:
    bool& flag_;
};

/// The largest content of a TLS record.
inline constexpr std::size_t tls_record = 16 * 1024;

struct stream_state {
    stream_state(loop& l, unique_fd s, const endpoint& local_end, const endpoint& peer_end)
        : owner(l), socket(l, std::move(s)), local(local_end), peer(peer_end) {}

    /// Counts work without a wait. Returns true if the coroutine must yield, as a peer that is always ready must not occupy
    /// the loop.
    [[nodiscard]] bool must_yield(unsigned cost = 1) noexcept {
        burst += cost;
        if (burst < burst_limit) return false;
        burst = 0;
        return true;
    }

    // Waits for the peer between two tries; a wait counts as a yield.
    task<wait_result> readable(time_limit limit) {
        burst = 0;
        return limit.stall != nullptr ? wait_unless_stalled(&descriptor::readable, limit)
                                      : socket.readable(limit.next(clock::now()));
    }
    task<wait_result> writable(time_limit limit) {
        burst = 0;
        write_waited = true;
        return limit.stall != nullptr ? wait_unless_stalled(&descriptor::writable, limit)
                                      : socket.writable(limit.next(clock::now()));
    }

    /// The error of a failed operation: the deadline, or else the system's error.
    [[nodiscard]] std::unexpected<error> failure(wait_result end, int os, std::string_view doing) const;

    /// About how many bytes the kernel accepts for sending now, at least limits::small_piece. It accepts fewer if the system
    /// is short of memory for TCP.
    [[nodiscard]] std::size_t send_room() const noexcept;
    /// See stream::next_piece().
    [[nodiscard]] send_piece next_piece(std::size_t max, memory_budget& memory = large_buffers()) const noexcept;

    /// Yields before a read. Returns `cancelled` if the read was interrupted meanwhile: the descriptor knows of no read
    /// then.
    task<wait_result> yield_before_read();

    /// Waits until the descriptor is ready or the transfer has stalled.
    task<wait_result> wait_unless_stalled(task<wait_result> (descriptor::*wait)(deadline), time_limit limit);

    static constexpr unsigned burst_limit = 64;

    loop& owner;
    descriptor socket;
    endpoint local;
    endpoint peer;
    std::unique_ptr<tls_engine> tls;
    // After the end of TLS (CCC), data connections still resume this session.
    tls_session_ids::entry resumable_session;
    unsigned burst = 0;
    // stream::interrupt_read() was called since the last read has begun to yield.
    bool interrupted = false;
    // The handshake runs, perhaps on another thread, so `tls` is only used by the coroutine that waits for it.
    bool shaking_hands = false;
    // The last write could not be completed at once.
    bool write_waited = false;
    // True while a writer sends tls->output().
    bool flushing = false;
};

using state_ptr = std::shared_ptr<stream_state>;

// One try to read: nothing if the caller must wait for the peer first, so that it need not hold a buffer while it waits.
// `waited`: the end of the wait before this try.
using read_try = std::optional<result<std::size_t>>;

// Without TLS (stream.cpp).
[[nodiscard]] read_try try_read_plain(stream_state& s, std::span<char> into, wait_result waited);
task<result<std::size_t>> read_plain(state_ptr s, std::span<char> into, time_limit limit);
task<result<void>> write_plain(state_ptr s, std::string_view bytes, time_limit limit, int flags = 0);

// With TLS (stream_tls.cpp).
[[nodiscard]] read_try try_read_tls(stream_state& s, std::span<char> into, wait_result waited);
task<result<std::size_t>> read_tls(state_ptr s, std::span<char> into, time_limit limit);
task<result<void>> write_tls(state_ptr s, std::string_view bytes, time_limit limit);
/// Encrypts all of `bytes` before it waits, so they may be in thread_buffer().
task<result<void>> write_tls_at_once(state_ptr s, std::string_view bytes, time_limit limit);
task<result<void>> write_and_finish_tls(state_ptr s, std::string_view bytes, time_limit limit);
task<result<std::uint64_t>> send_file_tls(state_ptr s, int file, std::uint64_t offset, std::uint64_t count, time_limit limit,
                                          std::uint64_t& progress);

}  // namespace sallyport::net
