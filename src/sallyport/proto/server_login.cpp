#include <sallyport/proto/server_login.hpp>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>

namespace sallyport::proto {

void server_login::reset() {
    user_.clear();
    stage_ = session_stage::connected;
    anonymous_ = false;
    account_requires_tls_ = false;
}

reply server_login::start(const std::string& name, bool tls) {
    // A login replaces the previous one; TLS belongs to the connection and stays (RFC 4217, section 11).
    reset();
    const bool anonymous = anonymous_allowed_ && is_anonymous_name(name);
    // No 331: PASS must not follow unencrypted (TLS-11).
    if (!anonymous && needs_tls_first(tls)) return {530, {std::string(replies::tls_first)}};
    user_ = name;
    anonymous_ = anonymous;
    stage_ = session_stage::user_given;
    // The same reply for known and unknown names (AU-01).
    return {331, {anonymous ? "Guest login ok, send your e-mail address as password." : "Password required."}};
}

std::variant<reply, login_request> server_login::password_request(const std::string& password, bool tls) const {
    if (logged_in()) return reply{503, {"Already logged in; send USER to start another login."}};
    return login_request{.user = user_, .password = password, .anonymous = anonymous_, .protected_by_tls = tls};
}

reply server_login::finish(const result<void>& outcome, bool account_requires_tls) {
    if (outcome) {
        account_requires_tls_ = account_requires_tls;
        stage_ = session_stage::logged_in;
        return {230, {anonymous_ ? "Logged in anonymously." : "Logged in."}};
    }
    // `anonymous_` is not reset; it has no effect before the next USER.
    user_.clear();
    stage_ = session_stage::connected;
    const bool is_decided = outcome.error().code == errc::login_refused || outcome.error().code == errc::not_allowed;
    if (!is_decided) return {421, {"Passwords cannot be checked at the moment; try again later."}};
    ++refused_;
    if (outcome.error().code == errc::not_allowed) return {530, {outcome.error().what}};
    return {530, {"Login incorrect."}};
}

bool server_login::attempts_used_up() const noexcept { return refused_ >= limits::max_login_attempts; }

}  // namespace sallyport::proto
