#pragma once
// Relays bytes between two connections until both directions have ended: the relay data path of the gateway (G1, G8).
//
// Without TLS on both connections, large transfers are spliced through a pipe and do not enter user space; with TLS the
// bytes pass through a buffer of the thread. No more is taken from the sender than the receiver's socket accepts, so a slow
// receiver slows down the sender and its relay holds little memory (RX-03). The end of one direction is passed on (FIN,
// close_notify); if a direction fails, the other connection is aborted with RST, so that an interruption is never mistaken
// for the end.
//
// The caller owns the streams and the counters, which must live until relay() returns. Both streams must belong to the
// caller's loop. Loop thread only.

#include <cstdint>
#include <functional>

#include <sallyport/base/error.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {

/// Byte counters of a running relay. Loop thread only.
struct relay_counts {
    // Bytes that were forwarded.
    std::uint64_t a_to_b = 0;
    std::uint64_t b_to_a = 0;
    // Bytes that were received; more than were forwarded if the other peer is slow or has closed its connection.
    std::uint64_t received_from_a = 0;
    std::uint64_t received_from_b = 0;
    clock::time_point last_activity = clock::now();
};

enum class relay_result : std::uint8_t {
    // Both directions were shut down cleanly.
    complete,
    a_failed,
    b_failed,
    // The limit's stall watch reported a stall; without a watch, no byte was transferred within the progress limit.
    stalled,
};

struct relay_outcome {
    relay_result result = relay_result::complete;
    // Empty if the result is `complete`.
    error cause{};
};

/// The direction in which the data of a transfer flows, if the caller knows it.
enum class relay_flow : std::uint8_t { either, a_to_b, b_to_a };

/// Rate limits of both directions in bytes per second, shared by the consecutive transfers of a session. Null: no limit.
struct relay_rate_limits {
    token_bucket* a_to_b = nullptr;
    token_bucket* b_to_a = nullptr;
};

/// Called when the sender of a transfer with a known flow has finished cleanly, before the end is passed on. If it returns
/// an error, the transfer has failed, and both connections are aborted with RST.
using end_check = std::function<result<void>()>;

/// Relays until both directions have ended. FTP data flows in one direction, and a peer that only receives may never end its
/// own: once one direction has ended and the end was passed on, a direction without data gets 100 ms to end or fail too;
/// then the relay is complete. With a known flow this applies to that direction: the receiver may end its own direction at
/// any time and close after the last byte, and a sender that closes after its last byte is no failure. A small transfer from
/// a plain sender is complete with its last byte and end. The caller closes the streams; after a failure both are closed
/// already.
task<relay_outcome> relay(stream& a, stream& b, time_limit limit, relay_counts& counts, relay_flow flow = relay_flow::either,
                          relay_rate_limits rate_limits = {}, end_check check_end = {});

}  // namespace sallyport::net
