// The login at a gateway: what is answered before a backend is known, the choice of one for the user, and another one in its
// place when it fails before the user is in (G7).

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::proto {
namespace {

// Users without a secret: RFC 1635, and what most servers take for the same.
[[nodiscard]] bool is_anonymous(std::string_view user) { return iequals(user, "anonymous") || iequals(user, "ftp"); }

[[nodiscard]] bool is_utf8_option(const command& cmd) {
    return cmd.id == verb::opts && iequals(std::string_view(cmd.argument).substr(0, 4), "UTF8");
}

}  // namespace

// ---- Before a backend is known

// Nothing is promised here that the backend to come might not keep.
void relay_machine::before_login(const command& cmd) {
    switch (cmd.id) {
        case verb::opts: return early_opts(cmd);
        case verb::feat: return deliver_features({211, {"Features:", "HOST", "UTF8", "End"}});
        case verb::syst: return answer(215, replies::system);
        case verb::noop: return answer(200, replies::noop);
        case verb::clnt: return answer(200, replies::noted);
        case verb::help: return answer(214, "Log in with USER and PASS; there is more help then.");
        case verb::abor: return answer(226, replies::nothing_to_abort);
        case verb::pass: return password(cmd);
        case verb::quit: answer(221, replies::goodbye); return end_session({});
        default: return refuse(cmd, 530, replies::log_in_first);
    }
}

/// An address names no host in particular: it is the one that the client has reached already, and the backend has another.
void relay_machine::host(const command& cmd) {
    if (const auto no = refuse_host(cmd.argument, login_stage(), settings_.client_destination)) return refuse(cmd, *no);
    const bool address = address_in_host(cmd.argument).has_value();
    if (has_backend_ && !(address && login_.host.empty())) return pass(cmd);
    if (address)
        forget_host();
    else
        remember(cmd);
    answer(220, replies::host_accepted);
}

void relay_machine::forget_host() {
    login_.host.clear();
    std::erase_if(login_.commands_before_login, [](const command& old) { return old.id == verb::host; });
}

void relay_machine::early_opts(const command& cmd) {
    if (!is_utf8_option(cmd)) return refuse(cmd, 501, "Only OPTS UTF8 ON has a meaning before the login.");
    remember(cmd);
    answer(200, "UTF8 will be on.");
}

void relay_machine::password(const command& cmd) {
    if (login_.failed && user_given_) return seek(cmd, true);
    if (!std::exchange(login_.no_backend_for_user, false)) return refuse(cmd, 503, replies::user_first);
    // Who is unknown hears the same as who has the wrong password (AU-01).
    note(relay_note::login_refused, {});
    note(relay_note::login_result, "refused, no backend is for this user");
    answer(530, "Login incorrect.");
}

// ---- Who serves the user

void relay_machine::begin_login(const command& given) {
    if (settings_.tls_required && !protection_.tls()) return refuse(given, 530, replies::tls_first);
    command cmd = given;
    if (const auto& certified = certificate_user_) {
        if (certified->empty()) return refuse(given, 530, "Your certificate names no user.");
        if (settings_.replace_user) cmd.argument = *certified;
        if (cmd.argument != *certified) return refuse(given, 530, "Your certificate is another user's.");
    }
    reset_channel();  // whoever comes next makes its own
    reader_.set_logged_in(false);
    user_given_ = true;
    login_.user = cmd.argument;
    login_.no_backend_for_user = false;
    if (!has_backend_ || (login_.chooses && login_.chosen_for != cmd.argument)) return seek(cmd, login_.failed);
    pass(cmd);
}

/// `cmd`: the client waits for its reply.
void relay_machine::seek(const command& cmd, bool instead) {
    login_.replay.assign(login_.commands_before_login.begin(), login_.commands_before_login.end());
    if (cmd.id == verb::pass) login_.replay.push_back({verb::user, "USER", login_.user});
    login_.replay.push_back(cmd);
    remember(cmd);
    lose_backend();
    login_.failed = false;
    logged_in_ = false;
    stage_ = stage::selecting_backend;
    actions_.emplace_back(relay_act::find_backend{login_.user, login_.host, instead});
}

void relay_machine::lose_backend() {
    has_backend_ = backend_protected_ = backend_pbsz_accepted_ = false;
    backend_.protect = backend_.match_tls = false;
    reset_channel();
    replies_ = reply_parser();
    pending_.clear();
    to_backend_.clear();
}

void relay_machine::backend_found(const relay_backend& found) {
    if (stage_ != stage::selecting_backend) return;
    times_.activity = times_.now;
    backend_ = found;
    refuses_client_address_ = false;
    inside_ = {found.peer.address, found.gateway, settings_.client_peer.address, settings_.client_destination};
    paths_.reset();
    has_backend_ = true;
    login_.chosen_for = login_.user;
    say_next();
}

void relay_machine::no_backend(std::string_view why) {
    if (stage_ == stage::selecting_backend) end_session(why);
}

void relay_machine::no_backend_for_user() {
    if (stage_ != stage::selecting_backend) return;
    times_.activity = times_.now;
    stage_ = stage::open;
    login_.no_backend_for_user = true;
    answer(331, "Send the password.");
}

// ---- What another backend has heard already

void relay_machine::remember(const command& cmd) {
    if (cmd.id == verb::user || cmd.id == verb::pass)
        login_.at = cmd.id == verb::user || is_anonymous(login_.user) ? cmd : command();
    if (cmd.id == verb::host) login_.host = cmd.argument;
    if (user_given_ || (cmd.id != verb::host && !is_utf8_option(cmd))) return;
    std::erase_if(login_.commands_before_login, [&](const command& old) { return old.id == cmd.id; });
    login_.commands_before_login.push_back(cmd);
}

void relay_machine::forget_login() {
    logged_in_ = user_given_ = login_.no_backend_for_user = false;
    login_.commands_before_login.clear();
    login_.host.clear();
    paths_.reset();
    reader_.set_logged_in(false);
}

/// One at a time: some servers throw away what follows a command of the login.
void relay_machine::say_next() {
    const auto cmd = std::move(login_.replay.front());
    login_.replay.pop_front();
    stage_ = stage::awaiting_reply;
    send_backend(cmd, login_.replay.empty() ? reply_kind::relayed : reply_kind::replayed);
}

void relay_machine::on_replayed(const reply& r) {
    if (r.preliminary()) return;
    if (pending_.front().id == verb::user && !r.intermediate()) {
        // No password was asked for, or the user was refused: the client, who waits behind PASS, hears that.
        login_.replay.clear();
        pending_.front() = {reply_kind::relayed, verb::pass, {}};
        return on_relayed(0, r);
    }
    forget(0);
    say_next();
}

/// True where the client need not hear that its backend has failed: another one is sought, at once or when it goes on.
bool relay_machine::replace_backend() {
    if (logged_in_ || login_.login_refused) return false;
    if (stage_ == stage::open && pending_.empty()) {
        lose_backend();
        login_.failed = true;
        return true;
    }
    if (stage_ != stage::awaiting_reply || pending_.empty()) return false;
    const auto& now = pending_.front();
    const bool at_login = now.kind == reply_kind::replayed || now.id == verb::user || now.id == verb::pass;
    if (!at_login || login_.at.id == verb::unknown) return false;
    seek(command(login_.at), true);
    return true;
}

void relay_machine::on_login(const reply& r, verb id) {
    if (id == verb::user && r.intermediate()) logged_in_ = false;
    if (r.permanent()) login_.login_refused = true;
    if (id == verb::pass && r.permanent()) note(relay_note::login_refused, {});
    if (notes_ && (r.transient() || r.permanent()))
        note(relay_note::login_result, "refused, " + std::to_string(r.code) + ' ' + r.full_text());
    if (r.code != 230 && r.code != 232) return;
    note(relay_note::login_result, "accepted");
    paths_.reset();
    logged_in_ = true;
    reader_.set_logged_in(true);
    if (!backend_.protect || backend_protected_ || (backend_.match_tls && !protection_.data())) return;
    protect_backend_data("P", reply_kind::protection);
    backend_protected_ = true;
}

}  // namespace sallyport::proto
