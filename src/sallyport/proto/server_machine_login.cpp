// USER PASS ACCT REIN QUIT HOST and the protection of both connections: AUTH PBSZ PROT CCC.

#include <sallyport/proto/server_machine.hpp>

#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>

namespace sallyport::proto {
namespace {

bool is_anonymous_name(std::string_view name) noexcept { return iequals(name, "anonymous") || iequals(name, "ftp"); }

}  // namespace

void server_machine::reset_login() {
    login_ = {};
    reader_.set_logged_in(false);
}

void server_machine::on_user(const command& c) {
    const bool anonymous = settings_.anonymous_allowed && is_anonymous_name(c.argument);
    // A login replaces the one before it; protection belongs to the connection and stays (RFC 4217 section 11).
    reset_login();
    drop_negotiation();
    if (!anonymous && needs_tls_first())
        return send_reply(530, replies::tls_first);  // no 331: PASS must not follow in clear (TLS-11)
    login_.user = c.argument;
    login_.anonymous = anonymous;
    login_.named = true;
    // The same answer for every name, known or not (AU-01).
    send_reply(331, anonymous ? "Guest login ok, send your e-mail address as password." : "Password required.");
}

void server_machine::on_pass(const command& c) {
    if (login_.done) return send_reply(503, "You are logged in already; USER begins another login.");
    act_on(act::check_login{{.user = login_.user,
                             .password = c.argument,
                             .anonymous = login_.anonymous,
                             .protected_by_tls = protection_.tls()}},
           awaited::login);
}

void server_machine::login_done(const result<void>& outcome) {
    note_activity();
    if (std::exchange(awaited_, awaited::nothing) != awaited::login || closing_) return;
    if (outcome) {
        login_.done = true;
        reader_.set_logged_in(true);
        return send_reply(230, login_.anonymous ? "Logged in anonymously." : "Logged in.");
    }
    login_.named = false;
    login_.user.clear();
    if (outcome.error().code != errc::login_refused)
        return close_after(421, "Passwords cannot be checked at the moment; try again later.");
    send_reply(530, "Login incorrect.");
    if (++failed_logins_ >= limits::max_login_attempts) close_after(421, "Too many failed logins. Goodbye.");
}

void server_machine::on_acct(const command&) { send_reply(202, "No account is needed here."); }

void server_machine::on_rein(const command&) {
    if (const auto no = protection_.refuse_rein()) return send_reply(*no);
    protection_.reset_levels();
    reset_login();
    drop_negotiation();
    send_reply(220, settings_.greeting);
}

void server_machine::on_quit(const command&) { close_after(221, replies::goodbye); }

/// There are no virtual hosts: every name is this server.
void server_machine::on_host(const command& c) {
    if (const auto no = refuse_host(c.argument, stage(), settings_.local.address)) return send_reply(*no);
    send_reply(220, replies::host_accepted);
}

void server_machine::on_auth(const command& c) {
    if (const auto no = protection_.accept_auth(c, pending_bytes())) return send_reply(*no);
    reset_login();
    drop_negotiation();
    send_reply(234, replies::start_handshake);
    act_on(act::start_tls{}, awaited::tls);
}

void server_machine::tls_started() {
    if (std::exchange(awaited_, awaited::nothing) == awaited::tls) protection_.tls_started();
}

void server_machine::on_pbsz(const command& c) {
    if (const auto no = protection_.accept_pbsz(c)) return send_reply(*no);
    send_reply(200, replies::pbsz);
}

void server_machine::on_prot(const command& c) {
    const auto level = protection_.read_prot(c, data_must_be_protected());
    if (!level) return send_reply(level.error());
    release_persistent_data();  // it has the protection that it was made with
    send_reply(protection_.set_data(*level));
}

void server_machine::on_ccc(const command&) {
    if (const auto no = protection_.refuse_ccc(pending_bytes(), settings_.tls_required)) return send_reply(*no);
    send_reply(200, replies::cleared);
    act_on(act::clear_tls{}, awaited::clear_tls);
}

void server_machine::tls_cleared() {
    if (std::exchange(awaited_, awaited::nothing) == awaited::clear_tls) protection_.tls_ended();
}

}  // namespace sallyport::proto
