// What the relay machine waits for, and until when. The session is over where nobody says anything for too long, and where
// the login takes too long; a transfer has deadlines of its own. During the login a backend that does not answer is
// replaced, if it can be: a client that waits for its own time to be over gives up first, and may find the same backend
// again (G7).
//
// After the login a slow answer is awaited as long as the session may
// be idle: some servers take minutes over a checksum or a DELE. Waits with a deadline are those for words that may never
// come: for a refusal that belongs to a failure which we have seen ourselves, for the final reply to a transfer that has
// failed here, for the replies to ABOR and STAT that were sent during one, and for the rest of a reply that has begun.

#include <sallyport/proto/relay_machine.hpp>

#include <string>
#include <utility>

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
    if (pending_.has(reply_kind::probe)) return awaited::probe;
    if (in_doubt()) return stage_ == stage::transfer && !transfer_.answered ? awaited::refusal : awaited::word;
    // While we don't read it is not the backend that is slow.
    return replies_.only_blank() || !can_read_backend() ? awaited::nothing : awaited::rest_of_reply;
}

// ---- Deadlines

bool relay_machine::data_running() const noexcept {
    if (stage_ != stage::transfer) return false;
    return transfer_.path == data_path::relay ? !transfer_.ended : !transfer_.answered;
}

session_time relay_machine::deadline() const noexcept {
    const auto& limit = settings_.timeouts;
    // G5: a running transfer is activity; it has deadlines of its own. One that bypasses us is the server's business, and
    // keepalive tells whether that is still there.
    if (data_running()) {
        const bool opening = transfer_.path == data_path::kernel && !transfer_.opening_checked;
        const auto look = opening ? transfer_.began + limit.data_connect : session_time::max();
        return std::min({times_.now + limit.idle, times_.word, look});
    }
    const auto due = std::min(times_.activity + limit.idle, times_.word);
    if (logged_in_) return due;
    const auto reply = awaits_login() ? times_.activity + limit.backend_reply : session_time::max();
    return std::min({due, times_.login_since + limit.login, reply});
}

void relay_machine::time_passed(session_time now) {
    times_.now = now;
    if (stage_ == stage::closing) return;
    const auto& limit = settings_.timeouts;
    if (awaits_login() && now >= times_.activity + limit.backend_reply) backend_silent();
    if (now >= times_.word) expire_words();
    if (stage_ == stage::closing) return;
    if (data_running()) {
        const bool opening = transfer_.path == data_path::kernel && now >= transfer_.began + limit.data_connect;
        if (opening && !std::exchange(transfer_.opening_checked, true)) actions_.emplace_back(relay_act::check_opening{});
        return;
    }
    const bool login_over = !logged_in_ && now >= times_.login_since + limit.login;
    if (login_over || now >= times_.activity + limit.idle) expire_session();
}

// G6: the client is told so.
void relay_machine::expire_session() {
    if (!pending_.empty()) return end_session("The server behind has not answered in time.");
    const auto idle = std::chrono::duration_cast<std::chrono::seconds>(settings_.timeouts.idle);
    if (logged_in_) return end_session("Idle for " + std::to_string(idle.count()) + " s.");
    note(relay_note::login_timeout, {});
    end_session("The login took too long.");
}

void relay_machine::backend_silent() {
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(settings_.timeouts.backend_reply);
    actions_.emplace_back(relay_act::suspect_backend{"has not answered for " + std::to_string(waited.count()) + " s"});
    note(relay_note::violation, "the backend does not answer");
    if (!replace_backend()) end_session("The server behind this gateway does not answer; try again later.");
}

/// What is awaited has its time from when the driver is told to wait.
void relay_machine::keep_word_deadline() noexcept {
    const auto limit = [this]() -> std::optional<std::chrono::seconds> {
        switch (what_is_awaited()) {
            case awaited::nothing: break;
            case awaited::refusal: return refusal_wait;
            case awaited::word:
            case awaited::rest_of_reply: return word_wait;
            case awaited::probe: return probe_wait;
        }
        return std::nullopt;
    }();
    if (!limit)
        times_.word = session_time::max();
    else if (times_.word_turn != turn_ || times_.word == session_time::max())
        times_.word = times_.now + *limit;
    if (limit) times_.word_turn = turn_;
}

void relay_machine::expire_words() {
    times_.word = session_time::max();
    const auto what = what_is_awaited();
    if (what == awaited::nothing) return;
    ++turn_;
    if (what == awaited::refusal) {
        transfer_.waited = true;
        return join_transfer();
    }
    if (what == awaited::probe) {
        note(relay_note::violation, "the backend does not answer NOOP");
        actions_.emplace_back(relay_act::suspect_backend{"did not reply in time"});
        return end_session("The FTP server did not respond in time.");
    }
    note(relay_note::violation, what == awaited::word
                                    ? "the backend owes its final reply; NOOP will tell whether it still answers"
                                    : "the backend does not end its reply; NOOP will tell whether it still answers");
    send_backend({verb::noop, "NOOP", {}}, reply_kind::probe);
}

/// The transfer is over during which ABOR or STAT was sent.
bool relay_machine::left_unanswered() const noexcept {
    if (stage_ != stage::awaiting_reply || pending_.empty()) return false;
    const auto& first = pending_.front();
    return first.kind == reply_kind::discarded ||
           (first.kind == reply_kind::relayed && (first.id == verb::abor || first.id == verb::stat));
}

/// It may be that no more replies come to what the backend was sent last: to a transfer that failed here, to ABOR or to
/// STAT.
bool relay_machine::in_doubt() const noexcept {
    if (stage_ != stage::transfer) return left_unanswered();
    return transfer_.ended && transfer_.ended->result != data_result::complete && !transfer_.final;
}

/// Whether `r` answers our NOOP although replies to what was sent before it are missing: they will not come any more.
bool relay_machine::passes_over(const reply& r) const noexcept {
    if (!in_doubt() || pending_.front().kind == reply_kind::probe || what_is_awaited() != awaited::probe) return false;
    const bool other_commands = pending_.has(reply_kind::relayed) || pending_.has(reply_kind::discarded);
    return r.code == 200 || (refuses_to_know(r.code) && !other_commands);
}

void relay_machine::give_up_replies() {
    note(relay_note::violation, "the backend answers NOOP, but never sent the reply that it owed before");
    while (pending_.front().kind != reply_kind::probe) {
        const auto lost = pending_.remove_first();
        if (lost.kind == reply_kind::transfer)
            clear_transfer();
        else if (lost.kind == reply_kind::local)
            emit(lost.text);
        else if (lost.kind == reply_kind::relayed)
            deliver(lost.id == verb::abor ? reply{226, {"Transfer aborted."}}
                                          : reply{451, {"The FTP server did not answer this command."}});
    }
    stage_ = stage::awaiting_reply;
    forget(0);
}

}  // namespace sallyport::proto
