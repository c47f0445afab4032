#include <sallyport/proto/server_machine.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct server_machine::route {
    verb id;
    handler serve;
};

// One verb, one row, in the order of `verb`, so that dispatch is an index.
constexpr server_machine::route server_machine::routes[] = {
    {verb::user, &server_machine::on_user},
    {verb::pass, &server_machine::on_pass},
    {verb::acct, &server_machine::on_acct},
    {verb::cwd, &server_machine::on_path},
    {verb::cdup, &server_machine::on_cdup},
    {verb::smnt, &server_machine::on_smnt},
    {verb::quit, &server_machine::on_quit},
    {verb::rein, &server_machine::on_rein},
    {verb::port, &server_machine::on_data_request},
    {verb::pasv, &server_machine::on_data_request},
    {verb::type, &server_machine::on_type},
    {verb::stru, &server_machine::on_stru},
    {verb::mode, &server_machine::on_mode},
    {verb::retr, &server_machine::on_file_transfer},
    {verb::stor, &server_machine::on_file_transfer},
    {verb::stou, &server_machine::on_file_transfer},
    {verb::appe, &server_machine::on_file_transfer},
    {verb::allo, &server_machine::on_allo},
    {verb::rest, &server_machine::on_rest},
    {verb::rnfr, &server_machine::on_path},
    {verb::rnto, &server_machine::on_rnto},
    {verb::abor, &server_machine::on_abor},
    {verb::dele, &server_machine::on_path},
    {verb::rmd, &server_machine::on_path},
    {verb::mkd, &server_machine::on_path},
    {verb::pwd, &server_machine::on_pwd},
    {verb::list, &server_machine::on_listing},
    {verb::nlst, &server_machine::on_listing},
    {verb::site, &server_machine::on_site},
    {verb::syst, &server_machine::on_syst},
    {verb::stat, &server_machine::on_stat},
    {verb::help, &server_machine::on_help},
    {verb::noop, &server_machine::on_noop},
    {verb::auth, &server_machine::on_auth},
    {verb::pbsz, &server_machine::on_pbsz},
    {verb::prot, &server_machine::on_prot},
    {verb::ccc, &server_machine::on_ccc},
    {verb::feat, &server_machine::on_feat},
    {verb::opts, &server_machine::on_opts},
    {verb::eprt, &server_machine::on_data_request},
    {verb::epsv, &server_machine::on_data_request},
    {verb::lang, &server_machine::on_lang},
    {verb::mdtm, &server_machine::on_mdtm},
    {verb::mlsd, &server_machine::on_listing},
    {verb::mlst, &server_machine::on_mlst},
    {verb::size, &server_machine::on_path},
    {verb::host, &server_machine::on_host},
    {verb::mfmt, &server_machine::on_mfmt},
    {verb::clnt, &server_machine::on_clnt},
};

server_machine::server_machine(server_settings settings)
    : settings_(std::move(settings)),
      protection_({.implicit_tls = settings_.tls_active,
                   .auth_offered = settings_.tls_available,
                   .ccc_allowed = settings_.ccc_allowed}),
      data_requests_(settings_.peer.address, settings_.passive_allowed, settings_.active_allowed),
      now_(settings_.now) {
    reset_login();
}

void server_machine::receive(std::string_view bytes) {
    if (closing_ || bytes.empty()) return;
    note_activity();
    // Between 234 and the handshake, and between CCC's reply and the end of TLS, nobody can tell whose bytes these are.
    if (awaited_ == awaited::tls) return close_after(421, replies::bytes_after_auth);
    if (awaited_ == awaited::clear_tls) return close_after(421, replies::bytes_after_ccc);
    if (const auto end = reader_.append(bytes, protection_.tls(), output_)) send_reply(*end);
}

void server_machine::output_sent() noexcept {
    output_.clear();
    // A long listing of replies must not stay with a session that then idles for minutes.
    if (output_.capacity() > limits::control_read_size) output_.shrink_to_fit();
}

void server_machine::release_output(std::string& into) noexcept {
    into.clear();
    into.swap(output_);
}

server_action server_machine::next() {
    if (!std::exchange(greeted_, true)) send_reply(220, settings_.greeting);
    for (;;) {
        if (std::exchange(release_pending_, false)) return act::release_data{};
        if (pending_action_) return *std::exchange(pending_action_, std::nullopt);
        if (closing_) return act::close{};
        if (awaited_ != awaited::nothing) return act::need_input{deadline()};
        if (output_.size() > limits::control_read_size) return act::send{};
        if (transfer_running_) {
            if (deferred_.full()) return act::paused{};
            if (!handle_line_during_transfer()) return act::need_input{deadline()};
        } else if (!handle_next_line()) {
            if (!input_ended_) return act::need_input{deadline()};
            close_after(221, replies::goodbye);
        }
    }
}

std::optional<client_line> server_machine::read_line() {
    std::string_view raw;
    auto line = reader_.next(raw);
    if (line && trace_ && raw.data() != nullptr) trace_("> " + mask_secrets(raw));
    return line;
}

bool server_machine::handle_next_line() {
    const auto line = deferred_.empty() ? read_line() : std::optional(deferred_.pop());
    if (line) handle_line(*line);
    return line.has_value();
}

/// A line while a transfer runs: ABOR and STAT are acted on at once, all else waits its turn (IN-05, IN-06).
bool server_machine::handle_line_during_transfer() {
    auto line = read_line();
    if (!line) return false;
    const bool now = !line->refused && acts_during_transfer(line->cmd);
    if (now && line->cmd.id == verb::abor) {
        deferred_.push_abort();
        if (!std::exchange(abort_requested_, true)) pending_action_ = act::abort_transfer{};
    } else if (now && deferred_.empty()) {
        dispatch(line->cmd);
    } else {
        deferred_.push(std::move(*line));
    }
    return true;
}

void server_machine::handle_line(const client_line& line) {
    if (line.abort_done) return send_reply(226, replies::aborted);
    if (line.refused) return send_reply(*line.refused);
    if (line.cmd.id == verb::unknown) return send_reply(500, replies::unknown_command);
    dispatch(line.cmd);
}

void server_machine::dispatch(const command& c) {
    static_assert(std::size(routes) == static_cast<std::size_t>(verb::unknown));
    static_assert(std::ranges::is_sorted(routes, {}, &route::id));
    if (c.id != verb::rnto) login_.rename_from.reset();
    if (const auto no = refuse_early(c, stage(), needs_tls_first())) return send_reply(*no);
    (this->*routes[static_cast<std::size_t>(c.id)].serve)(c);
}

session_stage server_machine::stage() const noexcept {
    if (login_.done) return session_stage::logged_in;
    return login_.named ? session_stage::user_given : session_stage::connected;
}

/// What HELP and FEAT may name, and what is answered by more than 502.
bool server_machine::is_offered(verb id) const noexcept {
    switch (id) {
        case verb::acct:
        case verb::smnt: return false;
        case verb::auth:
        case verb::pbsz:
        case verb::prot: return protection_.offered();
        case verb::ccc: return settings_.ccc_allowed && !settings_.tls_required;
        default: break;
    }
    switch (data_use_of(id)) {
        case data_use::passive: return settings_.passive_allowed;
        case data_use::active: return settings_.active_allowed;
        default: return true;
    }
}

void server_machine::send_reply(int code, std::string_view text) {
    last_reply_ = code;
    const std::size_t from = output_.size();
    append_reply(output_, code, text);
    finish_reply(from);
}

/// 421 ends the session.
void server_machine::send_reply(const local_reply& r) {
    if (r.code == 421) return close_after(r.code, r.text);
    send_reply(r.code, r.text);
}

void server_machine::send_reply(int code, std::string_view first, const std::vector<std::string>& inner,
                                std::string_view last) {
    last_reply_ = code;
    const std::size_t from = output_.size();
    append_reply(output_, code, first, inner, last);
    finish_reply(from);
}

void server_machine::send_reply(const error& cause, verb command, data_stage stage) {
    send_reply(reply_for(cause, command, stage));
}

/// Doubles 0xFF where Telnet rules (RFC 959 section 4.1.3), and shows the lines to the log.
void server_machine::finish_reply(std::size_t from) {
    if (trace_) {
        std::string_view rest = std::string_view(output_).substr(from);
        while (!rest.empty()) {
            const std::size_t end = rest.find("\r\n");
            trace_("< " + std::string(rest.substr(0, end)));
            rest.remove_prefix(std::min(rest.size(), end + 2));
        }
    }
    if (!protection_.tls() && output_.find('\xff', from) != std::string::npos)
        output_.replace(from, std::string::npos, telnet_escape(std::string_view(output_).substr(from)));
}

void server_machine::close_after(int code, std::string_view text) {
    if (std::exchange(closing_, true)) return;
    greeted_ = true;
    send_reply(code, text);
    deferred_.clear();
    reader_.clear();
}

void server_machine::terminate(std::string_view text) { close_after(421, text); }

// G5: a silent control connection under a running transfer is no idle one.
session_time server_machine::deadline() const noexcept {
    if (transfer_running_) return session_time::max();
    return login_.done ? activity_ + settings_.idle_timeout : login_since_ + settings_.login_timeout;
}

// G6: the client is told so.
void server_machine::time_passed(session_time now) {
    now_ = now;
    if (closing_ || now < deadline()) return;
    const auto seconds = [](auto limit) {
        return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count());
    };
    if (!login_.done) pending_action_ = act::login_timed_out{};
    close_after(421, login_.done ? "No command for " + seconds(settings_.idle_timeout) + " s. Goodbye."
                                 : "No login within " + seconds(settings_.login_timeout) + " s. Goodbye.");
}

/// What the client says, and the end of what it asked for. The next login, after REIN or AUTH, has its time from then on.
void server_machine::note_activity() noexcept {
    activity_ = now_;
    if (login_.done) login_since_ = now_;
}

void server_machine::act_on(server_action action, awaited answer) {
    pending_action_ = std::move(action);
    awaited_ = answer;
}

std::optional<virtual_path> server_machine::path_of(const command& c) {
    std::optional<virtual_path> path = login_.directory.resolve(c.argument);
    if (!path) send_reply(error{errc::name_invalid, 0, {}}, c.id);
    return path;
}

}  // namespace sallyport::proto
