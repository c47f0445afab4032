// USER PASS ACCT REIN QUIT HOST and the protection of both connections: AUTH PBSZ PROT CCC.

#include <sallyport/proto/server_machine.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

bool is_anonymous_name(std::string_view name) noexcept { return iequals(name, "anonymous") || iequals(name, "ftp"); }

}  // namespace

void server_machine::reset_login() {
    login_ = {};
    // Implicit TLS and its clients protect data without being asked to; in explicit TLS the client must ask (RFC 4217 9).
    if (settings_.tls_active) login_.protect = protection::private_;
    lines_.set_max_line(limits::command_line_before_login);
}

void server_machine::refuse_login_missing() {
    say(530, needs_tls_first() && !login_.named ? "TLS is required: AUTH TLS first, then log in."
                                                : "Log in with USER and PASS first.");
}

void server_machine::on_user(const command& c) {
    const bool anonymous = settings_.anonymous_allowed && is_anonymous_name(c.argument);
    // A login replaces the one before it; protection belongs to the connection and stays (RFC 4217 section 11).
    login_state fresh;
    fresh.protect = login_.protect;
    fresh.buffer_size_given = login_.buffer_size_given;
    login_ = std::move(fresh);
    lines_.set_max_line(limits::command_line_before_login);
    drop_negotiation();
    if (!anonymous && needs_tls_first()) return refuse_login_missing();  // no 331: PASS must not follow in clear (TLS-11)
    login_.user = c.argument;
    login_.anonymous = anonymous;
    login_.named = true;
    // The same answer for every name, known or not (AU-01).
    say(331, anonymous ? "Guest login ok, send your e-mail address as password." : "Password required.");
}

void server_machine::on_pass(const command& c) {
    if (login_.done) return say(503, "You are logged in already; USER begins another login.");
    if (!login_.named && needs_tls_first()) return refuse_login_missing();
    if (!login_.named) return say(503, "Send USER first.");
    act_on(
        act::check_login{
            {.user = login_.user, .password = c.argument, .anonymous = login_.anonymous, .protected_by_tls = tls_}},
        awaited::login);
}

void server_machine::login_done(const result<void>& outcome) {
    note_activity();
    if (std::exchange(awaited_, awaited::nothing) != awaited::login || closing_) return;
    if (outcome) {
        login_.done = true;
        lines_.set_max_line(limits::command_line);
        return say(230, login_.anonymous ? "Logged in anonymously." : "Logged in.");
    }
    login_.named = false;
    login_.user.clear();
    if (outcome.error().code != errc::login_refused)
        return close_after(421, "Passwords cannot be checked at the moment; try again later.");
    say(530, "Login incorrect.");
    if (++failed_logins_ >= limits::login_attempts) close_after(421, "Too many failed logins. Goodbye.");
}

void server_machine::on_acct(const command&) { say(202, "No account is needed here."); }

void server_machine::on_rein(const command&) {
    // TLS stays on: falling back to clear text is nothing a single command should do.
    reset_login();
    drop_negotiation();
    say(220, settings_.greeting);
}

void server_machine::on_quit(const command&) {
    quit_read_ = true;
    close_after(221, "Goodbye.");
}

/// There are no virtual hosts: every name is this server; an address must be the one that was reached (RFC 7151 3.3).
void server_machine::on_host(const command& c) {
    if (login_.named) return say(503, "HOST must come before USER.");
    std::string_view name = c.argument;
    if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
    const std::optional<ip_address> literal = ip_address::parse(name);
    if (literal ? *literal != settings_.local.address : name.find_first_of(" :/@[]") != std::string_view::npos)
        return say(504, "That host is not served here.");
    say(220, "Host accepted.");
}

void server_machine::on_auth(const command& c) {
    if (!is_offered(verb::auth)) return say(502, "TLS is not set up on this server.");
    if (tls_ || tls_cleared_) return say(503, "TLS was started already.");
    const bool protects_data = iequals(c.argument, "SSL") || iequals(c.argument, "TLS-P");
    if (!protects_data && !iequals(c.argument, "TLS") && !iequals(c.argument, "TLS-C"))
        return say(504, "Only AUTH TLS is spoken here.");
    // Bytes behind AUTH came in clear, perhaps from somebody else: never to be read as if TLS had protected them (TLS-01).
    if (lines_.pending() != 0 || !held_.empty())
        return close_after(421, "Commands behind AUTH before its answer are refused. Goodbye.");
    reset_login();
    drop_negotiation();
    // The older drafts' AUTH SSL and TLS-P mean a protected data connection from the start.
    if (protects_data) login_.protect = protection::private_;
    say(234, "Start TLS now.");
    act_on(act::start_tls{}, awaited::tls);
}

void server_machine::tls_started() {
    if (std::exchange(awaited_, awaited::nothing) != awaited::tls) return;
    tls_ = true;
}

void server_machine::on_pbsz(const command& c) {
    if (!is_offered(verb::pbsz)) return say(502, "TLS is not set up on this server.");
    if (!tls_) return say(503, "Start TLS with AUTH TLS first.");
    if (!parse_decimal(c.argument, UINT32_MAX)) return say(501, "PBSZ takes a number up to 4294967295; send PBSZ 0.");
    login_.buffer_size_given = true;
    say(200, "PBSZ=0");
}

void server_machine::on_prot(const command& c) {
    if (!is_offered(verb::prot)) return say(502, "TLS is not set up on this server.");
    if (tls_cleared_) return say(503, "Protection cannot be changed after CCC.");
    if (!tls_) return say(503, "Start TLS with AUTH TLS first.");
    if (!login_.buffer_size_given) return say(503, "Send PBSZ 0 first.");
    if (iequals(c.argument, "P")) {
        drop_standing();  // it has the protection that it was made with
        login_.protect = protection::private_;
        say(200, "Data connections will be protected by TLS.");
    } else if (iequals(c.argument, "C")) {
        if (settings_.tls_required && !login_.anonymous) return say(534, "Data must be protected here; send PROT P.");
        drop_standing();
        login_.protect = protection::clear;
        say(200, "Data connections will be clear text.");
    } else if (iequals(c.argument, "S") || iequals(c.argument, "E")) {
        say(536, "TLS knows only PROT C and PROT P.");
    } else {
        say(504, "PROT takes C or P.");
    }
}

void server_machine::on_ccc(const command&) {
    if (!tls_) return say(533, "The control connection is not protected.");
    if (!is_offered(verb::ccc) || login_.protect != protection::private_)
        return say(534, "The control connection stays protected here.");
    say(200, "The control connection goes on in clear text.");
    act_on(act::clear_tls{}, awaited::clear_tls);
}

void server_machine::tls_cleared() {
    if (std::exchange(awaited_, awaited::nothing) != awaited::clear_tls) return;
    tls_ = false;
    tls_cleared_ = true;
}

}  // namespace sallyport::proto
