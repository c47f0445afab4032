#include <sallyport/proto/relay_deadlines.hpp>

#include <algorithm>

namespace sallyport::proto {
namespace {

// A refusal and the data connection's end leave the backend together; one lost packet is sent again within this time.
constexpr auto refusal_wait = std::chrono::seconds(2);
// After a failure a server may still write to its disk; Pure-FTPd is one that may never send its final reply.
constexpr auto final_reply_wait = std::chrono::seconds(10);
// NOOP costs no server any work.
constexpr auto probe_wait = std::chrono::seconds(10);

[[nodiscard]] std::optional<std::chrono::seconds> limit_of(awaited_reply reply) noexcept {
    switch (reply) {
        case awaited_reply::none: break;
        case awaited_reply::refusal: return refusal_wait;
        case awaited_reply::final_reply:
        case awaited_reply::rest_of_reply: return final_reply_wait;
        case awaited_reply::probe: return probe_wait;
    }
    return std::nullopt;
}

}  // namespace

void relay_deadlines::note_event(relay_event event) noexcept {
    restart_wait();
    if (event == relay_event::client_hello_requested || event == relay_event::auth_accepted ||
        event == relay_event::client_tls_offered)
        handshake_since_ = now_;
}

void relay_deadlines::start_wait(awaited_reply reply) noexcept {
    const auto limit = limit_of(reply);
    if (!limit)
        reply_due_ = session_time::max();
    else if (reply_due_ == session_time::max())
        reply_due_ = now_ + *limit;
}

session_time relay_deadlines::next(const deadline_facts& facts) const noexcept {
    if (facts.data_running)
        return std::min({now_ + limits_.idle, reply_due_, facts.check_data.value_or(session_time::max())});
    const auto due = std::min(activity_ + limits_.idle, reply_due_);
    if (facts.logged_in) return due;
    const auto reply = facts.login_reply_pending ? activity_ + limits_.backend_reply : session_time::max();
    return std::min({due, login_since_ + limits_.login, reply});
}

expiry relay_deadlines::expired(const deadline_facts& facts) noexcept {
    if (facts.login_reply_pending && now_ >= activity_ + limits_.backend_reply) return expiry::login_reply;
    if (now_ >= reply_due_) {
        reply_due_ = session_time::max();
        return expiry::awaited_reply;
    }
    if (facts.data_running) {
        const bool check = facts.check_data && now_ >= *facts.check_data;
        return check ? expiry::data_check : expiry::none;
    }
    if (!facts.logged_in && now_ >= login_since_ + limits_.login) return expiry::login;
    return now_ >= activity_ + limits_.idle ? expiry::idle : expiry::none;
}

std::string relay_deadlines::text(expiry what) const {
    const auto seconds = [](auto time) {
        return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
    };
    switch (what) {
        case expiry::login_reply: return "did not reply within " + seconds(limits_.backend_reply);
        case expiry::login: return "Login timeout: not logged in within " + seconds(limits_.login) + '.';
        case expiry::idle: return "Idle timeout: no command for " + seconds(limits_.idle) + '.';
        default: return {};
    }
}

}  // namespace sallyport::proto
