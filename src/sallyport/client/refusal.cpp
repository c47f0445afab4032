#include <sallyport/client/refusal.hpp>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {

namespace {

using proto::client_failure;
using proto::client_step;

/// Whether a word of the text starts with one of these: "ssl" in "AUTH SSL", but not in "hassle".
bool says(std::string_view text, std::initializer_list<std::string_view> phrases) {
    return std::ranges::any_of(phrases, [text](std::string_view phrase) {
        for (auto at = text.find(phrase); at != text.npos; at = text.find(phrase, at + 1))
            if (at == 0 || !is_alpha(text[at - 1])) return true;
        return false;
    });
}

bool before_login(client_step at) { return at == client_step::greeting || at == client_step::login; }

// vsftpd: "Non-anonymous sessions must use encryption." ProFTPD, pyftpdlib: "SSL/TLS required on the control channel".
// Pure-FTPd: "421 Sorry, cleartext sessions and weak ciphers are not accepted". IIS: "534 Policy requires SSL."
// FileZilla Server: "503 Use AUTH first."
bool asks_for_tls(const client_failure& failed_step, std::string_view text) {
    const bool words = says(text, {"tls", "ssl", "ftps", "ftpes", "encrypt", "unencrypted", "cleartext", "clear text",
                                   "clear-text", "plaintext", "plain text", "plain ftp", "secure connection",
                                   "secure control", "secure session", "use auth", "send auth", "auth first"});
    switch (failed_step.reply_code) {
        // RFC 4217, section 12.9: data connections have to be encrypted.
        case 521:
        // RFC 2228: the protection level of the command or of the data is not sufficient.
        case 533:
        case 534: return true;
        case 522:
        case 530: return words;
        // After the login, the words may be part of a path.
        default: return before_login(failed_step.at) && words;
    }
}

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
    if (!encrypted && asks_for_tls(failed_step, text)) return refusal::needs_tls;
    return names_a_limit(failed_step, text) ? refusal::too_many : refusal::other;
}

}  // namespace sallyport::client
