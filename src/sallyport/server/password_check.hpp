#pragma once
// The check of the password of one login: with the accounts of the settings and of the database, on the pool of slow hashes;
// and for names that have no account there, with PAM. Both have turns that are fair by client address. A client whose
// certificate the account names needs no password.
//
// A coroutine of a session, on its loop; the session owns what it refers to, and waits for it.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/fair_queue.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

// With PAM, a refusal is sent no earlier than this after the password, whatever the reason and the place of the account: the
// duration does not tell which names exist, and where (AU-01). Longer than a check takes.
inline constexpr std::chrono::seconds refusal_time{2};

/// What the check needs from its session.
struct password_check {
    std::shared_ptr<session_context> shared;
    net::loop& loop;
    work_owner owner;
    ip_address client;
    // Of its certificate (control_connection::certificate_names()).
    std::vector<std::string> certificate;
    // A password was accepted from this address lately.
    bool known_address = false;
    // Sends the replies to earlier commands, before a wait.
    std::function<net::task<>()> flush;
    // The session was stopped, or the client has left.
    std::function<bool()> is_over;
    // The text of the 421 if this account must not be tried now because of failed logins; otherwise empty.
    std::function<std::string_view(const std::string& who)> rejection;
};

/// errc::rejected: because of failed logins, with the text for the client. errc::login_refused: with a reason for the log,
/// or without one. errc::cancelled: the session is over; errc::exhausted: it was not its turn in time. Other errors: the
/// password could not be checked.
[[nodiscard]] net::task<result<account_ptr>> check_password(password_check from, const proto::login_request& request);

}  // namespace sallyport::server
