#pragma once
// Inside of a stream, for the files that make it up: stream.cpp (plain), stream_tls.cpp, connect.cpp, relay_pump.cpp.

#include <memory>
#include <string_view>

#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls_engine.hpp>

namespace sallyport::net {

struct stream_state {
    stream_state(loop& l, unique_fd s, const endpoint& local_end, const endpoint& peer_end)
        : owner(l), socket(l, std::move(s)), local(local_end), peer(peer_end) {}

    /// A peer that never makes us wait must not keep the loop to itself. True now and then: yield.
    [[nodiscard]] bool must_yield(unsigned cost = 1) noexcept {
        burst += cost;
        if (burst < burst_limit) return false;
        burst = 0;
        return true;
    }

    // The wait for the peer between two tries; waiting is yielding.
    task<wait_result> readable(time_limit limit) {
        burst = 0;
        return limit.stall != nullptr ? wait_unless_stalled(&descriptor::readable, limit)
                                      : socket.readable(limit.next(clock::now()));
    }
    task<wait_result> writable(time_limit limit) {
        burst = 0;
        return limit.stall != nullptr ? wait_unless_stalled(&descriptor::writable, limit)
                                      : socket.writable(limit.next(clock::now()));
    }

    /// Why an operation could not go on: the deadline before the system's error.
    [[nodiscard]] std::unexpected<error> failure(wait_result end, int os, std::string_view doing) const;

    /// A wait that is over when the transfer has stalled, and not before.
    task<wait_result> wait_unless_stalled(task<wait_result> (descriptor::*wait)(deadline), time_limit limit);

    static constexpr unsigned burst_limit = 64;

    loop& owner;
    descriptor socket;
    endpoint local;
    endpoint peer;
    std::unique_ptr<tls_engine> tls;
    tls_session_ids::entry resumable_session;  // after the end of TLS (CCC) data connections still resume its session
    unsigned burst = 0;
    bool flushing = false;  // a writer is at work on tls->output()
};

using state_ptr = std::shared_ptr<stream_state>;

// Plain bytes (stream.cpp).
task<result<std::size_t>> read_plain(state_ptr s, std::span<char> into, time_limit limit);
task<result<void>> write_plain(state_ptr s, std::string_view bytes, time_limit limit, int flags = 0);

// Over TLS (stream_tls.cpp).
task<result<std::size_t>> read_tls(state_ptr s, std::span<char> into, time_limit limit);
task<result<void>> write_tls(state_ptr s, std::string_view bytes, time_limit limit);
task<result<void>> write_and_finish_tls(state_ptr s, std::string_view bytes, time_limit limit);
task<result<std::uint64_t>> send_file_tls(state_ptr s, int file, std::uint64_t offset, std::uint64_t count, time_limit limit,
                                          std::uint64_t& progress);

}  // namespace sallyport::net
