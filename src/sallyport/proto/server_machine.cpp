#include <sallyport/proto/server_machine.hpp>

#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/server_information.hpp>
#include <sallyport/proto/text_lines.hpp>

namespace sallyport::proto {

server_machine::server_machine(server_settings settings)
    : settings_(std::move(settings)),
      deadlines_(settings_),
      protection_({.implicit_tls = settings_.tls_active,
                   .auth_offered = settings_.tls_available,
                   .ccc_allowed = settings_.ccc_allowed}),
      login_(settings_.anonymous_allowed, settings_.tls_required),
      data_(settings_.peer.address, settings_.passive_allowed, settings_.active_allowed) {
    input_.set_logged_in(false);
    if (settings_.tls_active) act_on(act::start_tls{deadlines_.next(session_phase::handshake).at}, awaited::tls);
}

// ---- Input and actions

void server_machine::receive(std::string_view bytes) {
    if (closing_ || bytes.empty()) return;
    deadlines_.note_activity(login_.logged_in());
    // Between 234 and the handshake, and between the reply to CCC and the end of TLS, the sender of these bytes is unknown.
    if (awaited_ == awaited::tls) return close_after(421, replies::bytes_after_auth);
    if (awaited_ == awaited::clear_tls) return close_after(421, replies::bytes_after_ccc);
    if (const auto end = input_.append(bytes, protection_.tls(), replies_)) send_reply(as_reply(*end));
}

void server_machine::time_passed(session_time now) {
    deadlines_.set_time(now);
    if (closing_) return;
    const auto over = deadlines_.expired(phase());
    if (over == deadline_kind::nothing) return;
    if (over == deadline_kind::tls) return tls_failed();
    if (over == deadline_kind::login) pending_action_ = act::login_timed_out{};
    close_after(421, deadlines_.text(over));
}

server_action server_machine::next() {
    if (awaited_ != awaited::tls && !std::exchange(greeted_, true))
        send_reply(with_lines(settings_.texts->banner, as_reply(220, settings_.texts->greeting)));
    for (;;) {
        if (data_.pop_release_request()) return act::release_data{};
        if (pending_action_) return *std::exchange(pending_action_, std::nullopt);
        if (closing_) return act::close{!tls_failed_};
        const act::need_input need_input{deadlines_.next(phase()).at};
        if (awaited_ != awaited::nothing) return need_input;
        if (output().size() > limits::control_read_size) return act::send{};
        if (transfer_.running()) {
            if (const auto line = input_.next_during_transfer(replies_))
                handle_line(*line);
            else if (input_.full())
                return act::paused{};
            else
                return need_input;
        } else if (const auto line = input_.next(replies_)) {
            handle_line(*line);
        } else {
            if (!input_.at_end()) return need_input;
            close_after(221, settings_.texts->goodbye);
        }
    }
}

session_phase server_machine::phase() const noexcept {
    if (awaited_ == awaited::tls) return session_phase::handshake;
    if (transfer_.running()) return session_phase::transfer;
    return login_.logged_in() ? session_phase::commands : session_phase::login;
}

void server_machine::terminate(std::string_view text) {
    if (awaited_ != awaited::tls) close_after(421, text);
}

void server_machine::act_on(server_action action, awaited answer) {
    pending_action_ = std::move(action);
    awaited_ = answer;
}

/// 421 ends the session.
void server_machine::send_reply(const reply& r) {
    if (r.code == 421 && !closing_) return close_after(r.code, r.text());
    replies_.write(r, protection_.tls());
}

void server_machine::close_after(int code, std::string_view text) {
    if (std::exchange(closing_, true)) return;
    greeted_ = true;
    send_reply(as_reply(code, text));
    input_.clear();
}

// ---- Commands

void server_machine::handle_line(const client_line& line) {
    if (transfer_.running() && line.cmd.id == verb::abor) {
        if (transfer_.abort()) pending_action_ = act::abort_transfer{};
        return;
    }
    if (line.abort_done) return send_reply(as_reply(226, replies::aborted));
    if (line.refused) return send_reply(as_reply(*line.refused));
    if (line.cmd.id == verb::unknown) return send_reply(as_reply(500, replies::unknown_command));
    dispatch(line.cmd);
}

void server_machine::dispatch(const command& c) {
    if (on_command_) on_command_(c.id);
    files_.note_command(c.id);
    if (const auto no = refuse_early(c, login_.stage(), login_.needs_tls_first(protection_.tls())))
        return send_reply(as_reply(*no));
    if (const auto no = settings_.policy.refuses(c)) return send_reply(as_reply(*no));
    switch (c.id) {
        case verb::user:
        case verb::pass:
        case verb::acct:
        case verb::rein:
        case verb::quit:
        case verb::host: return handle_login(c);
        case verb::auth:
        case verb::pbsz:
        case verb::prot:
        case verb::ccc: return handle_protection(c);
        case verb::type:
        case verb::stru:
        case verb::mode:
        case verb::rest:
        case verb::rang:
        case verb::allo:
        case verb::port:
        case verb::eprt:
        case verb::pasv:
        case verb::epsv:
        case verb::retr:
        case verb::stor:
        case verb::stou:
        case verb::appe:
        case verb::list:
        case verb::nlst:
        case verb::mlsd:
        case verb::abor: return handle_transfer(c);
        case verb::feat:
        case verb::help:
        case verb::syst:
        case verb::opts:
        case verb::lang:
        case verb::site:
        case verb::noop:
        case verb::clnt: return handle_information(c);
        case verb::stat:
            if (c.argument.empty()) return handle_information(c);
            break;
        default: break;
    }
    const byte_range range = c.id == verb::hash ? parameters_.release_range() : byte_range{};
    handle_step(files_.start(c, parameters_.type(), range));
}

void server_machine::handle_login(const command& c) {
    switch (c.id) {
        case verb::user: reset_login(); return send_reply(login_.start(c.argument, protection_.tls()));
        case verb::pass: {
            auto asked = login_.password_request(c.argument, protection_.tls());
            if (const auto* no = std::get_if<reply>(&asked)) return send_reply(*no);
            return act_on(act::check_login{std::get<login_request>(std::move(asked))}, awaited::login);
        }
        case verb::acct: return send_reply(as_reply(202, "No account is needed here."));
        case verb::rein:
            if (const auto no = protection_.refuse_rein()) return send_reply(as_reply(*no));
            protection_.reset_levels();
            reset_login();
            return send_reply(as_reply(220, settings_.texts->greeting));
        case verb::host:
            // There are no virtual hosts, so each name is accepted.
            if (const auto no = refuse_host(c.argument, login_.stage(), settings_.local.address))
                return send_reply(as_reply(*no));
            return send_reply(as_reply(220, replies::host_accepted));
        default: return close_after(221, settings_.texts->goodbye);
    }
}

/// All earlier commands are discarded for the next login (TLS-01).
void server_machine::reset_login() {
    login_.reset();
    input_.set_logged_in(false);
    parameters_ = {};
    files_ = {};
    data_.release_negotiation();
}

void server_machine::handle_protection(const command& c) {
    switch (c.id) {
        case verb::auth:
            if (const auto no = protection_.accept_auth(c, input_.pending())) return send_reply(as_reply(*no));
            reset_login();
            send_reply(as_reply(234, replies::start_handshake));
            deadlines_.start_handshake();
            return act_on(act::start_tls{deadlines_.next(session_phase::handshake).at}, awaited::tls);
        case verb::pbsz:
            if (const auto no = protection_.accept_pbsz(c)) return send_reply(as_reply(*no));
            return send_reply(as_reply(200, replies::pbsz));
        case verb::prot: {
            const auto level = protection_.read_prot(c, login_.data_must_be_protected());
            if (!level) return send_reply(as_reply(level.error()));
            // An open data connection keeps the protection level with which it was established.
            data_.release_persistent();
            return send_reply(as_reply(protection_.set_data(*level)));
        }
        default:
            if (const auto no =
                    protection_.refuse_ccc(input_.pending(), settings_.tls_required || login_.data_must_be_protected()))
                return send_reply(as_reply(*no));
            send_reply(as_reply(200, replies::cleared));
            return act_on(act::clear_tls{}, awaited::clear_tls);
    }
}

void server_machine::handle_transfer(const command& c) {
    switch (c.id) {
        case verb::type: return send_reply(parameters_.set_type(c));
        case verb::stru: return send_reply(server_parameters::set_structure(c));
        case verb::rest: return send_reply(parameters_.set_offset(c));
        case verb::rang: return send_reply(parameters_.set_range(c));
        case verb::allo: return send_reply(parameters_.set_allocation(c));
        case verb::mode: {
            const auto answer = parameters_.set_mode(c);
            // In stream mode a file ends with its connection.
            if (parameters_.mode() == transfer_mode::stream) data_.release_persistent();
            return send_reply(answer);
        }
        case verb::port:
        case verb::eprt:
        case verb::pasv:
        case verb::epsv: {
            const auto asked = data_.negotiate(c, protection_.data());
            if (const auto* answer = std::get_if<reply>(&asked)) return send_reply(*answer);
            return act_on(std::get<act::open_passive>(asked), awaited::passive);
        }
        case verb::list:
        case verb::nlst:
        case verb::mlsd: parameters_.release_range(); return start_transfer(files_.listing(c));
        case verb::abor: data_.release_negotiation(); return send_reply(as_reply(226, replies::nothing_to_abort));
        default: return start_transfer(parameters_.file_transfer(c, files_.directory()));
    }
}

void server_machine::start_transfer(std::expected<transfer_request, reply> request) {
    if (const auto no = protection_.refuse_transfer(login_.data_must_be_protected())) return send_reply(as_reply(*no));
    if (!data_.is_negotiated()) return send_reply(as_reply(425, replies::no_data_connection));
    // An ABOR after this command, received during an earlier transfer, also applies to this one.
    if (input_.has_abort()) {
        data_.release_negotiation();
        return send_reply(as_reply(426, replies::aborted_before));
    }
    if (!request) {
        data_.release_unless_persistent();
        return send_reply(request.error());
    }
    request->type = parameters_.type();
    request->mode = parameters_.mode();
    request->protect = protection_.data() ? protection::private_ : protection::clear;
    request->data = data_.release();
    transfer_.start(*request);
    pending_action_ = act::start_transfer{std::move(*request)};
}

void server_machine::handle_information(const command& c) {
    const server_offer offer{.tls = protection_.offered(),
                             .ccc = settings_.ccc_allowed && !settings_.tls_required,
                             .passive = settings_.passive_allowed,
                             .active = settings_.active_allowed,
                             .doctor = settings_.site_doctor != nullptr,
                             .policy = settings_.policy};
    switch (c.id) {
        case verb::feat: return send_reply(feat_reply(offer, files_.options()));
        case verb::help: return send_reply(help_reply(c.argument, offer));
        case verb::opts: {
            auto selected = files_.options();
            send_reply(opts_reply(c.argument, selected));
            return files_.set_options(selected);
        }
        case verb::lang: return send_reply(lang_reply(c.argument));
        case verb::site:
            if (const auto change = parse_site_change(c.argument)) return handle_step(files_.change(c.id, *change));
            if (!settings_.site_doctor || !is_site_doctor(c.argument)) return send_reply(site_reply(c.argument, offer));
            return send_reply(site_doctor_reply(settings_.site_doctor()));
        case verb::syst: return send_reply(as_reply(215, replies::system));
        case verb::noop: return send_reply(as_reply(200, replies::noop));
        case verb::clnt: return send_reply(as_reply(200, replies::noted));
        default:
            return send_reply(stat_reply({.client = settings_.peer.address,
                                          .user = login_.user(),
                                          .type = parameters_.type(),
                                          .mode = parameters_.mode(),
                                          .tls = protection_.tls(),
                                          .data_protected = protection_.data(),
                                          .transfer = transfer_.active_verb(),
                                          .data = data_.text()}));
    }
}

void server_machine::handle_step(server_files::step step) {
    if (const auto* answer = std::get_if<reply>(&step)) return send_reply(*answer);
    act_on(act::run_file{std::get<file_request>(std::move(step))}, awaited::file);
}

// ---- Outcomes

void server_machine::tls_started() {
    if (std::exchange(awaited_, awaited::nothing) != awaited::tls) return;
    // With implicit TLS it is active from the start.
    if (!protection_.tls()) protection_.tls_started();
}

/// No reply can be sent, since it would not be encrypted.
void server_machine::tls_failed() {
    if (std::exchange(awaited_, awaited::nothing) != awaited::tls) return;
    greeted_ = closing_ = tls_failed_ = true;
    pending_action_.reset();
}

void server_machine::tls_cleared() {
    if (std::exchange(awaited_, awaited::nothing) == awaited::clear_tls) protection_.tls_ended();
}

void server_machine::login_done(const result<void>& outcome, bool account_requires_tls) {
    deadlines_.note_activity(login_.logged_in());
    if (std::exchange(awaited_, awaited::nothing) != awaited::login || closing_) return;
    auto answer = login_.finish(outcome, account_requires_tls);
    input_.set_logged_in(login_.logged_in());
    if (login_.logged_in()) answer = with_lines(settings_.texts->login, std::move(answer));
    send_reply(answer);
    if (login_.attempts_used_up()) close_after(421, "Too many failed logins; connect again later.");
}

void server_machine::passive_done(const result<endpoint>& advertised) {
    if (std::exchange(awaited_, awaited::nothing) != awaited::passive || closing_) return;
    send_reply(data_.passive_opened(advertised));
}

void server_machine::file_done(const result<file_result>& outcome) {
    deadlines_.note_activity(login_.logged_in());
    if (outcome && outcome->more && awaited_ == awaited::file && !closing_) {
        if (files_.start_lines()) replies_.write_first_line(213, server_files::status_follows, protection_.tls());
        return replies_.write_inner_lines(outcome->lines, protection_.tls());
    }
    if (std::exchange(awaited_, awaited::nothing) != awaited::file || closing_) return;
    handle_step(files_.finish(outcome));
}

void server_machine::transfer_opened(std::string_view text) {
    if (transfer_.running() && !closing_) send_reply(transfer_.opened(text));
}

int server_machine::transfer_done(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists) {
    deadlines_.note_activity(login_.logged_in());
    if (!transfer_.running()) return 0;
    if (data_persists) data_.store_persistent();
    const auto answer = transfer_.finish(outcome, data_connected, data_persists);
    if (closing_) return 0;
    send_reply(answer);
    return answer.code;
}

}  // namespace sallyport::proto
