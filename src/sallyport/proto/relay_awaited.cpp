#include <sallyport/proto/relay_awaited.hpp>

namespace sallyport::proto {
namespace {

// The command is not known, or not allowed now. A transfer fails with other codes.
[[nodiscard]] bool refuses_to_know(int code) noexcept { return code >= 500 && code <= 503; }

/// The transfer has ended during which ABOR or STAT was sent.
[[nodiscard]] bool left_after_transfer(const reply_situation& s) noexcept {
    if (s.stage != relay_stage::awaiting_reply || s.pending.empty()) return false;
    const auto& first = s.pending.front();
    return first.kind == reply_kind::discarded ||
           (first.kind == reply_kind::relayed && (first.id == verb::abor || first.id == verb::stat));
}

}  // namespace

bool reply_in_doubt(const reply_situation& s) noexcept {
    return s.stage == relay_stage::transfer ? s.transfer.in_doubt() : left_after_transfer(s);
}

awaited_reply reply_awaited(const reply_situation& s) noexcept {
    if (s.stage == relay_stage::closing || !s.connected || !s.logged_in || s.pending.empty()) return awaited_reply::none;
    // Data have deadlines of their own.
    if (s.stage == relay_stage::transfer && !s.transfer.data()) return awaited_reply::none;
    if (s.pending.has(reply_kind::probe)) return awaited_reply::probe;
    if (reply_in_doubt(s)) {
        const bool failing = s.stage == relay_stage::transfer && !s.transfer.answered();
        return failing ? awaited_reply::refusal : awaited_reply::final_reply;
    }
    return s.reply_begun && s.reading ? awaited_reply::rest_of_reply : awaited_reply::none;
}

bool is_reply_to_probe(const reply& r, const reply_situation& s) noexcept {
    if (!reply_in_doubt(s) || s.pending.front().kind == reply_kind::probe || reply_awaited(s) != awaited_reply::probe)
        return false;
    const bool other_commands = s.pending.has(reply_kind::relayed) || s.pending.has(reply_kind::discarded);
    return r.code == 200 || (refuses_to_know(r.code) && !other_commands);
}

}  // namespace sallyport::proto
