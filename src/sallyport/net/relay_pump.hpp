#pragma once
// Moves bytes between two connections until both directions have ended: the data path of the gateway (G1, G8).
//
// Without TLS on either side the bytes never enter user space (splice through a pipe); with TLS they pass through one
// fixed buffer per direction. A slow side slows the other: nothing else is queued. The end of one direction is passed on as
// such (FIN, close_notify); a broken direction aborts the other side by RST, so that a cut is never taken for the end.

#include <cstdint>
#include <functional>

#include <sallyport/base/error.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {

/// Counts as they grow; read on the loop's thread.
struct relay_counts {
    std::uint64_t a_to_b = 0;  // handed on
    std::uint64_t b_to_a = 0;
    std::uint64_t received_from_a = 0;  // taken; more than was handed on where the other side is slow or gone
    std::uint64_t received_from_b = 0;
    clock::time_point last_activity = clock::now();
};

enum class relay_result : std::uint8_t {
    complete,  // both directions ended in good order
    a_failed,
    b_failed,
    stalled,  // by the limit's watch; without one, no byte moved for the whole progress limit
};

struct relay_outcome {
    relay_result result = relay_result::complete;
    error cause{};  // where end != complete
};

/// Which way the bytes of a transfer flow, where the caller knows.
enum class relay_flow : std::uint8_t { either, a_to_b, b_to_a };

/// How fast each way may be, in bytes; shared by one session's transfers, one after the other. Nothing: as fast as can be.
struct relay_rate_limits {
    token_bucket* a_to_b = nullptr;
    token_bucket* b_to_a = nullptr;
};

/// Asked when the source of a transfer with a known flow has ended in good order, before that end is passed on. An error: it
/// does not count, and both connections are closed by RST.
using end_check = std::function<result<void>()>;

/// FTP data flows one way, and a side that only receives may never end its own: once one direction has ended in good
/// order and its end was passed on, a direction that has carried nothing gets a moment (100 ms) to end or break too, and
/// then the relay is complete. With a known flow that one direction is meant: a receiver may end its own at any time and
/// be gone with the last byte, and a sender that is gone after its last byte is no failure. A small one in the clear is over
/// with its last byte: its end may be passed to the receiver alone. The caller closes the streams; after a failure both are
/// closed already.
task<relay_outcome> relay(stream& a, stream& b, time_limit limit, relay_counts& counts, relay_flow flow = relay_flow::either,
                          relay_rate_limits rate_limits = {}, end_check check_end = {});

}  // namespace sallyport::net
