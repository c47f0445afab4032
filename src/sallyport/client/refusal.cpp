#include <sallyport/client/refusal.hpp>

#include <string>
#include <string_view>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>

namespace sallyport::client {

namespace {

using diagnosis::says;
using proto::client_failure;
using proto::client_step;

bool before_login(client_step at) { return at == client_step::greeting || at == client_step::login; }

// ProFTPD: "530 Sorry, the maximum number of clients (5) for this user are already connected." Pure-FTPd: "5 users (the
// maximum) are already logged in". FileZilla Server, Serv-U: "too many connections", "Too many users logged in for this
// account".
bool names_a_limit(const client_failure& failed_step, std::string_view text) {
    if (!before_login(failed_step.at)) return false;
    // "Too many failed logins" is about the password.
    if (says(text, {"failed login", "failed attempt", "failures", "attempt", "tries", "incorrect", "invalid", "bad password",
                    "wrong password"}))
        return false;
    if (says(text, {"too many", "maximum number", "already connected", "already logged in", "simultaneous", "concurrent",
                    "overloaded", "too busy", "is busy", "server busy", "server is full", "try again later", "try later",
                    "try back later", "no more connections", "no more users", "no more logins"}))
        return true;
    return says(text, {"maximum", "max ", "max.", "limit"}) &&
           says(text, {"user", "client", "connection", "session", "login"}) &&
           says(text, {"reached", "exceeded", "number", "allowed", "full", "over"});
}

}  // namespace

refusal reason_of(const client_failure& failed_step, bool encrypted) {
    if (failed_step.reply_code < 400) return refusal::other;
    const std::string text = to_lower(failed_step.refusal);
    if (!encrypted && diagnosis::asks_for_tls(failed_step.reply_code, text, before_login(failed_step.at)))
        return refusal::needs_tls;
    return names_a_limit(failed_step, text) ? refusal::too_many : refusal::other;
}

}  // namespace sallyport::client
