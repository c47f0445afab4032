#include <sallyport/proto/relay_login.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>

namespace sallyport::proto {
namespace {

[[nodiscard]] bool is_utf8_option(const command& cmd) {
    return cmd.id == verb::opts && iequals(std::string_view(cmd.argument).substr(0, 4), "UTF8");
}

[[nodiscard]] login_step refused(const command& cmd, int code, std::string_view text, relay_output& out) {
    out.refuse(cmd, code, text);
    return {};
}

[[nodiscard]] login_step replied(int code, std::string_view text, relay_output& out) {
    out.send_local_reply(code, text);
    return {};
}

}  // namespace

session_stage relay_login::stage() const noexcept {
    if (logged_in_) return session_stage::logged_in;
    return user_received_ ? session_stage::user_given : session_stage::connected;
}

void relay_login::client_tls_started(std::optional<std::string> certificate_user) {
    certificate_user_ = std::move(certificate_user);
    // What was sent before without protection has no effect (TLS-01).
    opened_.reset();
}

std::string_view relay_login::greeting(const relay_settings& settings) noexcept {
    const bool named = settings.naming == server_naming::required;
    return named ? "FTP proxy ready; send USER name@host." : "FTP service ready.";
}

// ---- Commands

std::optional<local_reply> relay_login::refuse(const command& cmd, const relay_settings& settings, bool tls) const {
    if (cmd.id == verb::pass && settings.callbacks.login_check)
        if (const auto text = settings.callbacks.login_check(); !text.empty()) return local_reply{421, std::string(text)};
    if (auto no = refuse_early(cmd, stage(), settings.tls_required && !tls)) return no;
    if (user_refused_ && (cmd.id == verb::pass || cmd.id == verb::acct)) return replies::reply_of(503, replies::user_first);
    return std::nullopt;
}

login_step relay_login::on_user(const command& given, const relay_settings& settings, bool tls, bool connected,
                                relay_output& out) {
    command cmd = given;
    const auto no = take_user(cmd, settings, tls);
    user_refused_ = no.has_value();
    if (no) return refused(given, no->code, no->text, out);
    user_received_ = true;
    no_backend_for_user_ = false;
    if (connected && (!chooses_backend_ || chosen_for_ == user_)) return {login_step::kind::forward, std::move(cmd)};
    return {login_step::kind::find_backend, std::move(cmd), backend_lost_};
}

/// Reads the name, and at a forward proxy the server. Leaves in `cmd` what the server is to be sent.
std::optional<local_reply> relay_login::take_user(command& cmd, const relay_settings& settings, bool tls) {
    if (settings.tls_required && !tls) return replies::reply_of(530, replies::tls_first);
    auto server = opened_;
    if (settings.naming != server_naming::off && !server) {
        auto login = split_login(cmd.argument);
        if (!login) return local_reply{501, login.error().what};
        if (*login) {
            cmd.argument = std::move((*login)->user);
            server = std::move((*login)->server);
        } else if (settings.naming == server_naming::required) {
            return local_reply{530, "No server is named; send USER name@host or USER name@host:port."};
        }
    }
    if (const auto& certified = certificate_user_) {
        if (certified->empty()) return local_reply{530, "Your certificate names no user."};
        if (settings.certified.replaces) cmd.argument = *certified;
        if (cmd.argument != *certified) return local_reply{530, "Your certificate is another user's."};
    }
    user_ = server ? cmd.argument + '@' + server->text() : cmd.argument;
    server_ = std::move(server);
    return std::nullopt;
}

/// OPEN is in no RFC, and so not in the command table.
bool relay_login::names_server(const command& cmd, const relay_settings& settings) const {
    if (settings.naming == server_naming::off || user_received_) return false;
    return cmd.id == verb::site || (cmd.id == verb::unknown && cmd.name == "OPEN");
}

void relay_login::on_server_named(const command& cmd, const relay_settings& settings, bool tls, relay_output& out) {
    if (settings.tls_required && !tls) return out.refuse(cmd, 530, replies::tls_first);
    auto server = named_server::parse(cmd.argument);
    if (!server) return out.refuse(cmd, 501, server.error().what);
    opened_ = std::move(*server);
    out.send_local_reply(220, "Server noted; send USER and PASS.");
}

/// An address names no host in particular: it is the one that the client has connected to, and the backend has another.
login_step relay_login::on_host(const command& cmd, const ip_address& client_destination, bool connected,
                                relay_output& out) {
    if (const auto no = refuse_host(cmd.argument, stage(), client_destination)) return refused(cmd, no->code, no->text, out);
    const bool address = address_in_host(cmd.argument).has_value();
    if (connected && !(address && host_.empty())) return {login_step::kind::forward, cmd};
    if (address)
        forget_host();
    else
        store(cmd);
    return replied(220, replies::host_accepted, out);
}

void relay_login::forget_host() {
    host_.clear();
    std::erase_if(commands_before_login_, [](const command& old) { return old.id == verb::host; });
}

login_step relay_login::before_backend(const command& cmd, const relay_settings& settings, relay_output& out) {
    switch (cmd.id) {
        case verb::opts: on_opts(cmd, out); return {};
        case verb::syst: return replied(215, replies::system, out);
        case verb::noop: return replied(200, replies::noop, out);
        case verb::clnt: return replied(200, replies::noted, out);
        case verb::help:
            if (settings.naming == server_naming::off)
                return replied(214, "Log in with USER and PASS; there is more help then.", out);
            return replied(214, "Log in with USER name@host[:port] and PASS, or send OPEN host [port] or SITE host first.",
                           out);
        case verb::abor: return replied(226, replies::nothing_to_abort, out);
        case verb::pass: return on_password(cmd, out);
        case verb::quit: out.send_local_reply(221, replies::goodbye); return {login_step::kind::close};
        default: return refused(cmd, 530, replies::log_in_first, out);
    }
}

void relay_login::on_opts(const command& cmd, relay_output& out) {
    if (!is_utf8_option(cmd)) return out.refuse(cmd, 501, "Only OPTS UTF8 ON has a meaning before the login.");
    store(cmd);
    out.send_local_reply(200, "UTF8 will be on.");
}

login_step relay_login::on_password(const command& cmd, relay_output& out) {
    if (backend_lost_ && user_received_) return {login_step::kind::find_backend, cmd, true};
    if (!std::exchange(no_backend_for_user_, false)) return refused(cmd, 503, replies::user_first, out);
    // The reply is the same as to a wrong password (AU-01).
    out.note(relay_note::login_refused, {});
    out.note(relay_note::login_result, "refused, no backend is for this user");
    return replied(530, "Login incorrect.", out);
}

void relay_login::store(const command& cmd) {
    if (cmd.id == verb::user || cmd.id == verb::pass)
        repeatable_ = cmd.id == verb::user || is_anonymous_name(user_) ? cmd : command();
    if (cmd.id == verb::pass) password_pending_ = true;
    if (cmd.id == verb::host) host_ = cmd.argument;
    if (user_received_ || (cmd.id != verb::host && !is_utf8_option(cmd))) return;
    std::erase_if(commands_before_login_, [&](const command& old) { return old.id == cmd.id; });
    commands_before_login_.push_back(cmd);
}

void relay_login::reset() {
    logged_in_ = user_received_ = no_backend_for_user_ = user_refused_ = password_pending_ = false;
    opened_.reset();
    commands_before_login_.clear();
    host_.clear();
}

// ---- Backends

void relay_login::request_backend(const command& cmd, bool failover, relay_output& out) {
    replay_.assign(commands_before_login_.begin(), commands_before_login_.end());
    // HOST names a host of this gateway.
    if (server_) std::erase_if(replay_, [](const command& old) { return old.id == verb::host; });
    if (cmd.id == verb::pass) replay_.push_back({verb::user, "USER", user_});
    replay_.push_back(cmd);
    store(cmd);
    password_pending_ = false;
    backend_lost_ = false;
    logged_in_ = false;
    out.request(relay_act::find_backend{user_, server_ ? std::string() : host_, failover, server_});
}

void relay_login::backend_refused(relay_output& out) {
    no_backend_for_user_ = true;
    out.send_local_reply(331, "Send the password.");
}

/// One at a time: some servers throw away what follows a command of the login.
void relay_login::send_next(relay_output& out) {
    const auto cmd = std::move(replay_.front());
    replay_.pop_front();
    password_pending_ = cmd.id == verb::pass;
    (void)out.send_command(cmd, replay_.empty() ? reply_kind::relayed : reply_kind::replayed);
}

std::optional<login_step> relay_login::on_backend_lost(bool client_waits, const pending_reply* pending) {
    if (logged_in_ || login_refused_ || server_) return std::nullopt;
    if (!client_waits) {
        // The next command of the login finds another one.
        backend_lost_ = true;
        return login_step{};
    }
    if (pending == nullptr || repeatable_.id == verb::unknown) return std::nullopt;
    const bool login = pending->kind == reply_kind::replayed || pending->id == verb::user || pending->id == verb::pass;
    if (!login) return std::nullopt;
    return login_step{login_step::kind::find_backend, repeatable_, true};
}

// Anyone may have an anonymous login: there is nothing to guess.
void relay_login::backend_ended(relay_output& out) {
    if (std::exchange(password_pending_, false) && !is_anonymous_name(user_)) out.note(relay_note::login_refused, {});
}

// ---- Replies

bool relay_login::ends_replay(const reply& r, verb id) {
    if (id != verb::user) return false;
    user_rejected_ = false;
    if (r.intermediate()) return false;
    replay_.clear();
    return true;
}

bool relay_login::on_reply(const reply& r, verb id, relay_output& out) {
    password_pending_ = false;
    if (id == verb::user) user_rejected_ = r.transient() || r.permanent();
    if (user_rejected_ && logged_in_) user_ = logged_in_as_;
    if (id == verb::user && r.intermediate()) logged_in_ = false;
    if (r.permanent()) login_refused_ = true;
    // To a wrong password some servers reply 430, although it is a transient code. 421 ends the session.
    if (id == verb::pass && (r.permanent() || r.code == 430)) out.note(relay_note::login_refused, {});
    if (out.has_notes() && (r.transient() || r.permanent()))
        out.note(relay_note::login_result, "refused, " + std::to_string(r.code) + ' ' + r.full_text());
    if (r.code != 230 && r.code != 232) return false;
    logged_in_ = true;
    logged_in_as_ = user_;
    if (!user_rejected_ && !is_anonymous_name(user_)) out.note(relay_note::login_accepted, {});
    out.note(relay_note::login_result, "accepted");
    return true;
}

bool relay_login::hold_for_admission(const reply& r, verb id, relay_output& out) {
    const bool login = id == verb::user || id == verb::pass || id == verb::acct;
    if (!login || (r.code != 230 && r.code != 232)) return false;
    held_reply_ = r;
    password_pending_ = false;
    out.request(relay_act::admit_user{user_});
    return true;
}

}  // namespace sallyport::proto
