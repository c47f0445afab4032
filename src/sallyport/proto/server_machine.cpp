#include <sallyport/proto/server_machine.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
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
    {verb::port, &server_machine::on_port},
    {verb::pasv, &server_machine::on_pasv},
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
    {verb::eprt, &server_machine::on_port},
    {verb::epsv, &server_machine::on_epsv},
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
      lines_(limits::command_line_before_login),
      now_(settings_.now),
      tls_(settings_.tls_active) {
    reset_login();
}

void server_machine::receive(std::string_view bytes) {
    if (closing_ || bytes.empty()) return;
    note_activity();
    const bool first = !std::exchange(heard_, true);
    if (tls_) {
        lines_.append(bytes);
        return;
    }
    if (first && begins_tls(bytes)) {
        refuse_foreign_protocol();
        return;
    }
    std::string text;
    if (!telnet_.filter(bytes, text, output_)) close_after(421, "Too many Telnet negotiations. Goodbye.");
    lines_.append(text);
}

void server_machine::output_sent() noexcept {
    output_.clear();
    // A long listing of replies must not stay with a session that then idles for minutes.
    if (output_.capacity() > limits::control_read) output_.shrink_to_fit();
}

void server_machine::take_output(std::string& into) noexcept {
    into.clear();
    into.swap(output_);
}

server_action server_machine::next() {
    if (!std::exchange(greeted_, true)) say(220, settings_.greeting);
    for (;;) {
        if (std::exchange(drop_due_, false)) return act::drop_data{};
        if (due_) return *std::exchange(due_, std::nullopt);
        if (closing_) return act::close{};
        if (awaited_ != awaited::nothing) return act::need_input{deadline()};
        if (output_.size() > limits::control_read) return act::send{};
        if (transfer_running_) {
            if (held_.size() >= limits::commands_during_transfer) return act::paused{};
            if (!watch_line()) return act::need_input{deadline()};
        } else if (!take_held() && !take_line()) {
            if (!input_ended_) return act::need_input{deadline()};
            close_after(221, "Goodbye.");
        }
    }
}

bool server_machine::take_held() {
    if (held_.empty()) return false;
    if (held_.front().times > 1) {
        --held_.front().times;
        serve(line_buffer::status::line, "NOOP");
        return true;
    }
    const held_line line = std::move(held_.front());
    held_.erase(held_.begin());
    if (line.abort_served)
        say(226, "Transfer aborted.");
    else
        serve(line.kind, line.text);
    return true;
}

bool server_machine::take_line() {
    std::string_view line;
    const line_buffer::status kind = lines_.next(line);
    if (kind == line_buffer::status::need_more) return false;
    if (trace_ && kind != line_buffer::status::too_long) trace_("> " + mask_secrets(line));
    serve(kind, line);
    return true;
}

/// A line while a transfer runs: ABOR and STAT are acted on at once, all else waits its turn (IN-05, IN-06).
bool server_machine::watch_line() {
    std::string_view line;
    const line_buffer::status kind = lines_.next(line);
    if (kind == line_buffer::status::need_more) return false;
    if (trace_ && kind != line_buffer::status::too_long) trace_("> " + mask_secrets(line));
    const result<command> c = kind == line_buffer::status::line ? parse_command(line) : fail(errc::syntax);
    const bool now = c && acts_during_transfer(*c);
    if (now && c->id == verb::abor) {
        held_.push_back({.abort_served = true});
        if (!std::exchange(abort_asked_, true)) due_ = act::abort_transfer{};
    } else if (now && held_.empty()) {
        dispatch(*c);
    } else {
        quit_read_ = quit_read_ || (c && c->id == verb::quit);
        hold(kind, line, c && c->id == verb::noop);
    }
    return true;
}

void server_machine::hold(line_buffer::status kind, std::string_view line, bool noop) {
    // Clients keep a control connection awake by NOOP for hours: a run of them must not fill the queue (G5).
    if (noop && !held_.empty() && held_.back().text == "NOOP")
        ++held_.back().times;
    else
        held_.push_back({.kind = kind, .text = noop ? "NOOP" : std::string(line)});
}

void server_machine::serve(line_buffer::status kind, std::string_view line) {
    switch (kind) {
        case line_buffer::status::line: serve_line(line); return;
        case line_buffer::status::bad_byte: say(501, "A control byte is in this line; nothing was done."); return;
        case line_buffer::status::too_long:
            if (++overlong_lines_ >= limits::overlong_lines)
                close_after(421, "Too many overlong lines. Goodbye.");
            else
                say(500, "Line too long; nothing was done.");
            return;
        case line_buffer::status::need_more: return;
    }
}

void server_machine::serve_line(std::string_view line) {
    const bool first = !std::exchange(spoken_to_, true);
    const result<command> c = parse_command(line);
    const bool known = c && c->id != verb::unknown;
    if ((first || !known) && is_foreign_protocol(line)) {
        refuse_foreign_protocol();
    } else if (!c) {
        say(line.empty() || !is_alpha(line.front()) ? 500 : 501, c.error().what);
    } else if (!known) {
        say(500, "Unknown command.");
    } else {
        dispatch(*c);
    }
}

void server_machine::dispatch(const command& c) {
    static_assert(std::size(routes) == static_cast<std::size_t>(verb::unknown));
    static_assert(std::ranges::is_sorted(routes, {}, &route::id));
    const command_row& row = row_of(c.id);
    if (c.id != verb::rnto) login_.rename_from.reset();
    if (stage() < row.earliest)
        refuse_login_missing();
    else
        (this->*routes[static_cast<std::size_t>(c.id)].serve)(c);
}

session_stage server_machine::stage() const noexcept {
    if (login_.done) return session_stage::logged_in;
    return login_.named ? session_stage::user_given : session_stage::connected;
}

void server_machine::refuse_foreign_protocol() {
    close_after(421, "This is an FTP server. Goodbye.");  // short and without echo (TLS-07)
}

/// What HELP and FEAT may name, and what is answered by more than 502.
bool server_machine::is_offered(verb id) const noexcept {
    switch (id) {
        case verb::acct:
        case verb::smnt: return false;
        case verb::auth:
        case verb::pbsz:
        case verb::prot: return settings_.tls_available || settings_.tls_active;
        case verb::ccc: return settings_.ccc_allowed && !settings_.tls_required;
        default: break;
    }
    switch (data_use_of(id)) {
        case data_use::passive: return settings_.passive_allowed;
        case data_use::active: return settings_.active_allowed;
        default: return true;
    }
}

void server_machine::say(int code, std::string_view text) {
    last_reply_ = code;
    const std::size_t from = output_.size();
    append_reply(output_, code, text);
    finish_reply(from);
}

void server_machine::say(int code, std::string_view first, const std::vector<std::string>& inner, std::string_view last) {
    last_reply_ = code;
    const std::size_t from = output_.size();
    append_reply(output_, code, first, inner, last);
    finish_reply(from);
}

void server_machine::say(const error& cause, verb what, data_stage stage) {
    const failure_reply answer = reply_for(cause, what, stage);
    say(answer.code, answer.text);
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
    if (!tls_ && output_.find('\xff', from) != std::string::npos)
        output_.replace(from, std::string::npos, telnet_escape(std::string_view(output_).substr(from)));
}

void server_machine::close_after(int code, std::string_view text) {
    if (std::exchange(closing_, true)) return;
    greeted_ = true;
    say(code, text);
    held_.clear();
    lines_.clear();
}

void server_machine::expire(std::string_view text) { close_after(421, text); }

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
    if (!login_.done) due_ = act::login_timed_out{};
    close_after(421, login_.done ? "No command for " + seconds(settings_.idle_timeout) + " s. Goodbye."
                                 : "No login within " + seconds(settings_.login_timeout) + " s. Goodbye.");
}

/// What the client says, and the end of what it asked for. The next login, after REIN or AUTH, has its time from then on.
void server_machine::note_activity() noexcept {
    activity_ = now_;
    if (login_.done) login_since_ = now_;
}

void server_machine::act_on(server_action action, awaited answer) {
    due_ = std::move(action);
    awaited_ = answer;
}

std::optional<virtual_path> server_machine::path_of(const command& c) {
    std::optional<virtual_path> path = login_.directory.resolve(c.argument);
    if (!path) say(error{errc::name_invalid, 0, {}}, c.id);
    return path;
}

}  // namespace sallyport::proto
