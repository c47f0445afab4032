#pragma once
// Replies of the backend that may never arrive: which reply a session waits for with a deadline, and how it learns that the
// reply will not arrive.
//
// After the login a slow reply is awaited as long as the session may be idle: some servers take minutes over a checksum or a
// DELE. A deadline holds for a refusal that belongs to a failure which the gateway has seen itself, for the final reply to a
// transfer that failed, for the replies to ABOR and STAT that were sent during one, and for the rest of a reply that has
// begun. When it has passed the backend is sent NOOP: its reply shows that the earlier one is lost. Pure; any thread.

#include <cstdint>

#include <sallyport/proto/pending_replies.hpp>
#include <sallyport/proto/relay_transfer.hpp>
#include <sallyport/proto/relay_transitions.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

enum class awaited_reply : std::uint8_t {
    none,
    // The reply that gives the reason of a failure on the backend leg.
    refusal,
    // The final reply to a transfer that failed, or to ABOR or STAT.
    final_reply,
    // The rest of a reply whose first bytes have arrived.
    rest_of_reply,
    // The reply to the gateway's NOOP.
    probe,
};

/// The state that the functions below depend on; it is used during the call only.
struct reply_situation {
    relay_stage stage = relay_stage::open;
    const pending_replies& pending;
    const relay_transfer& transfer;
    bool logged_in = false;
    // A backend is connected.
    bool connected = false;
    // Bytes of a reply have arrived that is not complete.
    bool reply_begun = false;
    // The gateway reads the backend leg: a reply can arrive.
    bool reading = true;
};

[[nodiscard]] awaited_reply reply_awaited(const reply_situation& s) noexcept;
/// It may be that no more replies arrive to what the backend was sent last: to a transfer that failed, to ABOR or to STAT.
[[nodiscard]] bool reply_in_doubt(const reply_situation& s) noexcept;
/// Whether `r` answers our NOOP although replies to what was sent before it are missing: they will not arrive any more.
[[nodiscard]] bool is_reply_to_probe(const reply& r, const reply_situation& s) noexcept;

}  // namespace sallyport::proto
