#pragma once
// Sends NOOP on a session that was idle for a long time, and finds out whether it is still alive, and which device has
// forgotten it: the NOOP is retransmitted with other TTLs, and expires at all hops before that device.
//
// The function blocks for some seconds, so it runs on a thread of a pool. The descriptor belongs to the caller, which does
// nothing with it meanwhile. Values in and out; any thread, and nothing outlives the call.

#include <optional>
#include <string>

namespace sallyport::doctor {

struct idle_result {
    /// "alive", "reset", "no answer" or "closed", see diagnosis::idle_probe.
    std::string state;
    /// The last hop at which the NOOP expired, if there was no answer.
    std::optional<unsigned> last_hop;
};

/// `socket` is an unencrypted control connection. `distance`: one more than the furthest hop that answers expired packets;
/// 0: unknown, and the device is not looked for.
[[nodiscard]] idle_result use_after_silence(int socket, unsigned distance);

}  // namespace sallyport::doctor
