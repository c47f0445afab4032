// What the relay machine waits for from its backend, and for how long. A slow answer is awaited as long as the session may
// be idle: some servers take minutes over a checksum or a DELE. These waits are those for words that may never come: for a
// refusal that belongs to a failure which we have seen ourselves, for the final reply to a transfer that has failed here,
// for the replies to ABOR and STAT that were sent during one, and for the rest of a reply that has begun.

#include <sallyport/proto/relay_machine.hpp>

#include <algorithm>

namespace sallyport::proto {
namespace {

// A refusal and the data connection's end leave the backend together; one lost packet is sent again within this time.
constexpr auto refusal_wait = std::chrono::seconds(2);
// After a cut a server may still write to its disk; Pure-FTPd is one that may never say its final word.
constexpr auto word_wait = std::chrono::seconds(10);
// NOOP costs no server any work.
constexpr auto probe_wait = std::chrono::seconds(10);

// That a command is not known, or not here. A transfer fails by other codes.
[[nodiscard]] bool refuses_to_know(int code) noexcept { return code >= 500 && code <= 503; }

}  // namespace

relay_machine::awaited relay_machine::what_is_awaited() const noexcept {
    if (stage_ == stage::closing || !has_backend_ || !logged_in_ || pending_.empty()) return awaited::nothing;
    if (stage_ == stage::transfer && !transfer_.ended) return awaited::nothing;  // data have limits of their own
    if (std::ranges::any_of(pending_, [](const pending& p) { return p.kind == owed::probe; })) return awaited::probe;
    if (in_doubt()) return stage_ == stage::transfer && !transfer_.answered ? awaited::refusal : awaited::word;
    // While we don't read it is not the backend that is slow.
    return replies_.only_blank() || !wants_backend() ? awaited::nothing : awaited::rest_of_reply;
}

std::optional<relay_wait> relay_machine::backend_wait() const noexcept {
    switch (what_is_awaited()) {
        case awaited::nothing: break;
        case awaited::refusal: return relay_wait{refusal_wait, turn_};
        case awaited::word:
        case awaited::rest_of_reply: return relay_wait{word_wait, turn_};
        case awaited::probe: return relay_wait{probe_wait, turn_};
    }
    return std::nullopt;
}

void relay_machine::backend_wait_over() {
    const auto what = what_is_awaited();
    if (what == awaited::nothing) return;
    ++turn_;
    if (what == awaited::refusal) {
        transfer_.waited = true;
        return join_transfer();
    }
    if (what == awaited::probe) {
        note(relay_note::violation, "the backend does not answer NOOP");
        return end_session("The FTP server did not respond in time.");
    }
    note(relay_note::violation, what == awaited::word
                                    ? "the backend owes its final reply; NOOP will tell whether it still answers"
                                    : "the backend does not end its reply; NOOP will tell whether it still answers");
    send_backend({verb::noop, "NOOP", {}}, owed::probe);
}

/// The transfer is over during which ABOR or STAT was sent.
bool relay_machine::left_unanswered() const noexcept {
    if (stage_ != stage::awaiting || pending_.empty()) return false;
    const auto& first = pending_.front();
    return first.kind == owed::swallowed ||
           (first.kind == owed::relayed && (first.id == verb::abor || first.id == verb::stat));
}

/// It may be that no more replies come to what the backend was sent last: to a transfer that failed here, to ABOR or to
/// STAT.
bool relay_machine::in_doubt() const noexcept {
    if (stage_ != stage::transfer) return left_unanswered();
    return transfer_.ended && transfer_.ended->end != data_end::complete && !transfer_.final;
}

/// Whether `r` answers our NOOP although replies to what was sent before it are missing: they will not come any more.
bool relay_machine::passes_over(const reply& r) const noexcept {
    if (!in_doubt() || pending_.front().kind == owed::probe || what_is_awaited() != awaited::probe) return false;
    const bool other_commands =
        std::ranges::any_of(pending_, [](const pending& p) { return p.kind == owed::relayed || p.kind == owed::swallowed; });
    return r.code == 200 || (refuses_to_know(r.code) && !other_commands);
}

void relay_machine::give_up_replies() {
    note(relay_note::violation, "the backend answers NOOP, but never sent the reply that it owed before");
    while (pending_.front().kind != owed::probe) {
        const auto lost = std::move(pending_.front());
        pending_.pop_front();
        if (lost.kind == owed::transfer)
            clear_transfer();
        else if (lost.kind == owed::local)
            emit(lost.text);
        else if (lost.kind == owed::relayed)
            deliver(lost.id == verb::abor ? reply{226, {"Transfer aborted."}}
                                          : reply{451, {"The FTP server did not answer this command."}});
    }
    stage_ = stage::awaiting;
    forget(0);
}

}  // namespace sallyport::proto
