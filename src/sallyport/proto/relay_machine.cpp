#include <sallyport/proto/relay_machine.hpp>

#include <utility>

#include <sallyport/base/overloaded.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/relay_rules.hpp>

namespace sallyport::proto {

// Commands under way to the backend; more wait in the line buffer, then in the client's socket.
constexpr std::size_t pending_limit = 64;

relay_machine::relay_machine(relay_settings settings, const std::optional<reply>& greeting)
    : settings_(std::move(settings)),
      login_(!greeting, settings_.certified.name),
      protection_(settings_),
      negotiation_(settings_.client_peer.address, settings_.backend.failed),
      deadlines_(settings_.timeouts, settings_.now, settings_.accepted) {
    if (!greeting) {
        out_.send_at_once(220, relay_login::greeting(settings_));
        return;
    }
    backend_.connect(settings_.backend, out_);
    out_.set_addresses(addresses_of(settings_.backend, settings_));
    auto first = *greeting;
    out_.hide_addresses(first, nullptr);
    out_.forward_reply(first);
}

// ---- Bytes in, actions out

void relay_machine::from_client(std::string_view bytes) {
    if (closing() || bytes.empty()) return;
    deadlines_.note_activity();
    // The bytes may be REIN, and the next login has its whole time.
    if (login_.logged_in()) deadlines_.restart_login();
    if (!reads_client(stages_.now())) {
        const bool ccc = stages_.now() == relay_stage::ending_client_tls;
        return refuse(nullptr, {421, std::string(ccc ? replies::bytes_after_ccc : replies::bytes_after_auth)});
    }
    if (const auto end = lines_.append(bytes, protection_.client().tls(), out_)) refuse(nullptr, *end);
}

void relay_machine::from_backend(std::string_view bytes) {
    if (closing()) return;
    deadlines_.note_activity();
    // A reply that makes progress has its whole time again.
    if (!reply_in_doubt(situation())) deadlines_.restart_wait();
    backend_.append(bytes);
}

relay_action relay_machine::next() {
    for (;;) {
        if (auto action = out_.next_action()) return std::move(*action);
        if (closing()) return relay_act::close{};
        if (reply r; !out_.client_full() && stages_.now() != relay_stage::admitting_user) {
            const auto status = backend_.next(r);
            if (status == reply_parser::status::error) violation(backend_.failure().what);
            if (status == reply_parser::status::reply) on_reply(std::move(r));
            if (status != reply_parser::status::need_more) continue;
        }
        switch (stages_.now()) {
            case relay_stage::starting_client_tls: return relay_act::start_tls{leg::client, deadlines_.handshake()};
            case relay_stage::awaiting_client_hello: return relay_act::read_client_hello{deadlines_.handshake()};
            case relay_stage::starting_backend_tls: return relay_act::start_tls{leg::backend, deadlines_.handshake()};
            case relay_stage::ending_client_tls: return relay_act::end_tls{};
            case relay_stage::passthrough: return relay_act::start_passthrough{};
            default: break;
        }
        if (const auto line = next_line()) {
            if (line->abort_done)
                out_.send_local_reply(226, replies::aborted);
            else if (line->refused)
                refuse(nullptr, *line->refused);
            else
                handle_command(line->cmd);
            continue;
        }
        if (!lines_.finished() || stages_.now() != relay_stage::open || !out_.pending().empty()) {
            deadlines_.start_wait(reply_awaited(situation()));
            return relay_act::idle{deadlines_.next(deadlines())};
        }
        // The client's last command is answered, and it can't send another one.
        backend_.quit(out_);
        out_.send_at_once(221, replies::goodbye);
        end_session({});
    }
}

bool relay_machine::can_read_client() const noexcept {
    return reads_client(stages_.now()) && lines_.wants_bytes() && !out_.full();
}

bool relay_machine::can_read_backend() const noexcept {
    return reads_backend(stages_.now()) && backend_.is_connected() && !out_.client_full();
}

// ---- The client's commands

std::optional<client_line> relay_machine::next_line() {
    if (out_.full() || out_.pending().size() >= pending_limit) return std::nullopt;
    if (stages_.now() == relay_stage::open) return lines_.next(out_);
    if (stages_.now() == relay_stage::transfer) return lines_.next_during_transfer(out_);
    return std::nullopt;
}

void relay_machine::handle_command(const command& cmd) {
    const bool tls = protection_.client().tls();
    const bool connected = backend_.is_connected();
    // An unknown command changes nothing at a server.
    const bool renames = std::exchange(rename_begun_, cmd.id == verb::rnfr || (rename_begun_ && cmd.id == verb::unknown));
    if (login_.names_server(cmd, settings_)) return login_.on_server_named(cmd, settings_, tls, out_);
    if (const auto no = login_.refuse(cmd, settings_, tls)) return refuse(&cmd, *no);
    if (const auto no = settings_.policy.refuses(cmd)) return refuse(&cmd, *no);
    if (const auto no = protection_.refuse(cmd, lines_.pending_bytes(), settings_)) return refuse(&cmd, *no);
    switch (cmd.id) {
        case verb::auth:
            if (settings_.tls_may_pass() && !connected)
                return end_session("The FTP server closed the connection; connect again.");
            // What was sent before without protection may have no effect under TLS (TLS-01).
            if (!settings_.tls_may_pass() && login_.user_received()) start_over();
            [[fallthrough]];
        case verb::pbsz:
        case verb::prot:
        case verb::ccc: return advance(protection_.handle(cmd, settings_, login_.logged_in(), backend_, out_));
        case verb::rein:
            negotiation_.cancel(out_);
            protection_.reset_levels();
            if (connected && !out_.backend_tls()) return forward(cmd);
            // A backend may take it for the end of TLS (RFC 4217 section 11): the next login gets a fresh connection.
            start_over();
            return out_.send_local_reply(220, relay_login::greeting(settings_));
        case verb::host: return follow(login_.on_host(cmd, settings_.client_destination, connected, out_));
        case verb::user: return follow(login_.on_user(cmd, settings_, tls, connected, out_));
        default: break;
    }
    if (!connected && cmd.id == verb::feat) return out_.forward_reply(own_features(settings_, protection_.client()));
    if (!connected) return follow(login_.before_backend(cmd, settings_, out_));
    // The reply to our PWD arrives before that to the command, and costs the client no wait.
    if (settings_.query_directory && login_.logged_in() && paths_.must_ask(cmd.id))
        (void)out_.send_command({verb::pwd, "PWD", {}}, reply_kind::directory);
    switch (data_use_of(cmd.id)) {
        case data_use::passive:
        case data_use::active: return advance(negotiation_.start(cmd, context()));
        case data_use::download:
        case data_use::upload:
        case data_use::listing: return start_transfer(cmd);
        case data_use::none: break;
    }
    if (const auto no = refuse_forwarding(cmd, renames)) return refuse(&cmd, *no);
    if (const auto own = own_reply(cmd, settings_)) return out_.send_local_reply(*own);
    forward(cmd);
}

/// Sends a command as it is. During a transfer that is ABOR or STAT.
void relay_machine::forward(const command& cmd) {
    if (cmd.id == verb::abor && stages_.now() == relay_stage::transfer) {
        // Where others wait for their replies, so does this one.
        (void)out_.send_command(cmd, lines_.defer_abort() ? reply_kind::discarded : reply_kind::relayed);
        const bool answered = transfer_.answered();
        const auto event = transfer_.on_abort(out_);
        if (transfer_.answered() != answered) deadlines_.restart_wait();
        return advance(event);
    }
    if (cmd.id == verb::abor) negotiation_.cancel(out_);
    login_.store(cmd);
    if (out_.send_command(cmd, reply_kind::relayed) && goes_alone(cmd.id)) advance(relay_event::command_sent);
}

void relay_machine::follow(const login_step& step) {
    if (step.next == login_step::kind::replied) return;
    if (step.next == login_step::kind::close) return end_session({});
    if (step.cmd.id == verb::user) {
        // The next user negotiates data connections of its own.
        negotiation_.cancel(out_);
        lines_.set_logged_in(false);
    }
    if (step.next == login_step::kind::forward) return forward(step.cmd);
    backend_.release(out_);
    login_.request_backend(step.cmd, step.failover, out_);
    advance(relay_event::backend_requested);
}

void relay_machine::start_over() {
    negotiation_.cancel(out_);
    if (backend_.is_connected()) backend_.release(out_);
    login_.reset();
    paths_.reset();
    lines_.set_logged_in(false);
}

void relay_machine::start_transfer(const command& cmd) {
    if (const auto no = protection_.client().refuse_transfer(settings_.tls_required)) return refuse(&cmd, *no);
    const auto& agreed = negotiation_.agreed();
    if (!agreed) return refuse(&cmd, {425, std::string(replies::no_data_connection)});
    // An ABOR that arrived after this command, while an earlier transfer ran, means this one too.
    if (lines_.has_abort()) {
        negotiation_.cancel(out_);
        return refuse(&cmd, {426, std::string(replies::aborted_before)});
    }
    const bool data_tls = protection_.client().data() || backend_.data_protected();
    if (agreed->path.path != data_path::relay && data_tls)
        return refuse(&cmd, {425, "PROT was sent after the data connection was negotiated; send PASV or PORT again."});
    auto plan = negotiation_.take_plan(cmd, context());
    plan.path = paths_.directory.absolute(path_argument(cmd.id, cmd.argument));
    plan.cwd = paths_.directory.text();
    transfer_ = relay_transfer(plan.data_path.path, deadlines_.now());
    (void)out_.send_command(cmd, reply_kind::transfer);
    out_.request(relay_act::open_data{std::move(plan)});
    advance(relay_event::transfer_started);
}

void relay_machine::refuse(const command* cmd, const local_reply& no) {
    if (no.code == 421) {
        // A login penalty is no violation.
        if (cmd == nullptr || cmd->id != verb::pass) out_.note(relay_note::violation, "the client gets 421 " + no.text);
        return end_session(no.text);
    }
    if (cmd != nullptr) return out_.refuse(*cmd, no.code, no.text);
    out_.note(relay_note::refused, "a line that is no command");
    out_.send_local_reply(no);
}

// ---- The backend's replies

void relay_machine::on_reply(reply r) {
    const auto index = out_.pending().match(r, transfer_.has_backend_reply());
    const auto* const first = index ? &out_.pending()[*index] : nullptr;
    protection_.convert_telnet(r, out_);
    out_.hide_addresses(r, first);
    if (r.code == 421) {
        if (fail_over()) return out_.note(relay_note::violation, "the backend failed at the login: 421 " + r.text());
        login_.backend_ended(out_);
        if (protection_.awaits_handshake(stages_.now())) return end_session(r.text());
        out_.forward_reply(r);
        return end_session({});
    }
    if (const auto broken = violation_of(r, first)) return violation(*broken);
    if (!r.preliminary()) deadlines_.restart_wait();
    if (is_reply_to_probe(r, situation())) {
        out_.note(relay_note::violation, "the backend replied to NOOP, but never to an earlier command");
        const bool transfer = out_.abandon_pending();
        out_.remove_pending(0);
        return transfer ? advance(relay_event::transfer_finished) : advance({});
    }
    const auto [kind, id, text] = *first;
    if (kind == reply_kind::relayed) return on_relayed(*index, r, false);
    if (kind == reply_kind::transfer && r.preliminary()) return transfer_.on_opening(std::move(r), out_);
    if (kind == reply_kind::transfer) return advance(transfer_.on_final_reply(std::move(r), out_));
    if (kind == reply_kind::prot) out_.forward_reply(r);
    if (r.preliminary()) return;
    if (kind == reply_kind::protection && id == verb::prot && !r.positive()) {
        out_.note(relay_note::violation, "the backend refuses PROT P: " + std::to_string(r.code) + ' ' + r.full_text());
        return end_session("The FTP server refused to encrypt data connections.");
    }
    if (kind == reply_kind::replayed && login_.ends_replay(r, id)) {
        out_.forward_first_as(verb::pass);
        return on_relayed(0, r, false);
    }
    if (kind == reply_kind::auth && r.code == 234 && backend_.pending_bytes() > 0)
        return violation("replies after 234 to AUTH TLS (TLS-02)");
    if (kind == reply_kind::prot) protection_.on_prot_reply(r, text == "P", backend_);
    if (kind == reply_kind::directory) paths_.reply_received(verb::pwd, {}, protection_.unescaped(r));
    out_.remove_pending(*index);
    if (kind == reply_kind::replayed) login_.send_next(out_);
    if (kind == reply_kind::negotiation) return advance(negotiation_.on_reply(r, context()));
    if (kind == reply_kind::auth) return advance(protection_.on_auth_reply(r, settings_, out_));
    advance({});
}

/// `admitted`: the driver has decided about the user.
void relay_machine::on_relayed(std::size_t index, const reply& r, bool admitted) {
    const auto [kind, id, text] = out_.pending()[index];
    if (settings_.limit_users && !admitted && login_.hold_for_admission(r, id, out_))
        return advance(relay_event::admission_requested);
    if (id == verb::feat && r.code == 211)
        out_.forward_reply(relay_features(r, settings_, protection_.client()));
    else
        out_.forward_reply(r);
    if (r.preliminary()) return;
    if (names_path(id) || id == verb::pwd) paths_.reply_received(id, text, protection_.unescaped(r));
    if ((id == verb::user || id == verb::pass || id == verb::acct) && login_.on_reply(r, id, out_)) {
        paths_.reset();
        lines_.set_logged_in(true);
        backend_.protect_after_login(protection_.client().data(), out_);
    }
    if (id == verb::rein && r.positive()) {
        login_.reset();
        paths_.reset();
        lines_.set_logged_in(false);
    }
    if (id == verb::quit && r.positive()) return end_session({});
    out_.remove_pending(index);
    advance({});
}

bool relay_machine::fail_over() {
    const auto& pending = out_.pending();
    const bool client_waits = stages_.now() != relay_stage::open || !pending.empty();
    const bool alone = stages_.now() == relay_stage::awaiting_reply && !pending.empty();
    const auto step = login_.on_backend_lost(client_waits, alone ? &pending.front() : nullptr);
    if (!step) return false;
    if (step->next == login_step::kind::replied)
        backend_.release(out_);
    else
        follow(*step);
    return true;
}

void relay_machine::violation(std::string_view what) {
    out_.note(relay_note::violation, "invalid reply from the backend: " + std::string(what));
    login_.backend_ended(out_);
    end_session("The FTP server sent an invalid reply.");
}

// ---- The driver's reports, and time

void relay_machine::report(const relay_report& what) {
    using namespace relay_outcome;
    using enum relay_stage;
    const auto stage = stages_.now();
    std::visit(overloaded{
                   [&](const port_reserved& r) {
                       if (stage == reserving_backend_port) advance(negotiation_.backend_port_reserved(r.port, context()));
                       if (stage == reserving_client_port)
                           advance(negotiation_.client_port_reserved(r.port, r.forwarded, context()));
                   },
                   [&](const port_opened& opened) {
                       if (stage == opening_backend_port)
                           advance(negotiation_.backend_port_opened(opened.result, context()));
                   },
                   [&](const data_connected& data) {
                       if (stage == transfer) transfer_.on_connected(data.client, out_);
                   },
                   [&](const data_ended& data) {
                       deadlines_.note_activity();
                       deadlines_.restart_wait();
                       if (stage == transfer) advance(transfer_.on_data_ended(data.outcome, out_));
                   },
                   [&](const client_tls_started& tls) {
                       if (stage != starting_client_tls) return;
                       protection_.client_tls_started();
                       if (const auto& end = protection_.end_text()) return end_session(*end);
                       login_.client_tls_started(tls.certificate_user);
                       advance(relay_event::client_tls_started);
                   },
                   [&](const client_hello_read& hello) {
                       if (stage != awaiting_client_hello) return;
                       if (!hello.passes && login_.user_received()) start_over();
                       advance(protection_.on_client_hello(hello.passes, backend_.is_connected()));
                   },
                   [&](const client_tls_ended&) {
                       if (stage != ending_client_tls) return;
                       protection_.client_tls_ended();
                       advance(relay_event::client_tls_ended);
                   },
                   [&](const backend_tls_started&) {
                       if (stage == starting_backend_tls) advance(protection_.backend_tls_started(out_));
                   },
                   [&](const user_admitted& user) {
                       if (stage != admitting_user) return;
                       if (!user.yes) return end_session("Too many sessions of this user; close one, or try again later.");
                       advance(relay_event::user_admitted);
                       on_relayed(0, reply(login_.held_reply()), true);
                   },
                   [&](const backend_found& found) {
                       if (stage == selecting_backend) connect_backend(found.backend);
                   },
                   [&](const no_backend& none) {
                       if (stage == selecting_backend) end_session(none.text);
                   },
                   [&](const no_backend_for_user&) {
                       if (stage != selecting_backend) return;
                       deadlines_.note_activity();
                       login_.backend_refused(out_);
                       advance(relay_event::backend_refused);
                   },
                   [&](const backend_closed& lost) {
                       if (stage != closing && backend_.is_connected()) close_backend(lost.reason);
                   },
                   [&](const input_ended&) { lines_.end(); },
                   [&](const relay_outcome::session_ended& end) {
                       if (stage != closing) end_session(end.text);
                   },
               },
               what);
}

void relay_machine::connect_backend(const relay_backend& found) {
    deadlines_.note_activity();
    backend_.connect(found, out_);
    out_.set_addresses(addresses_of(found, settings_));
    negotiation_.backend_found(found.failed);
    paths_.reset();
    login_.backend_found();
    login_.send_next(out_);
    advance(relay_event::backend_found);
}

void relay_machine::close_backend(std::string_view reason) {
    if (fail_over()) return out_.note(relay_note::violation, "the backend failed at the login: " + std::string(reason));
    if (stages_.now() == relay_stage::transfer && !transfer_.answered()) {
        out_.send_at_once(426, "Transfer aborted: connection to the FTP server lost.");
        out_.request(
            relay_act::transfer_finished{426, transfer_.data().value_or(data_outcome{data_result::backend_failed, {}})});
    }
    out_.note(relay_note::violation, "the backend's control connection ended: " + std::string(reason));
    login_.backend_ended(out_);
    end_session("The FTP server closed the connection; connect again.");
}

void relay_machine::time_passed(session_time now) {
    set_time(now);
    while (!closing() && !protection_.end_text()) {
        const auto what = deadlines_.expired(deadlines());
        if (what == expiry::none) return;
        on_expired(what);
    }
}

void relay_machine::on_expired(expiry what) {
    switch (what) {
        case expiry::none: return;
        case expiry::login_reply:
            out_.request(relay_act::suspect_backend{deadlines_.text(what)});
            out_.note(relay_note::violation, "the backend did not reply");
            if (!fail_over()) end_session("The FTP server did not respond in time; try again later.");
            return;
        case expiry::data_check: return transfer_.check(deadlines_.now(), out_);
        case expiry::login:
        case expiry::idle:
            if (!out_.pending().empty()) return end_session("The FTP server did not respond in time.");
            if (!login_.logged_in()) out_.note(relay_note::login_timeout, {});
            backend_.quit(out_);
            return end_session(deadlines_.text(what));
        case expiry::awaited_reply: break;
    }
    const auto awaited = reply_awaited(situation());
    switch (awaited) {
        case awaited_reply::none: return;
        case awaited_reply::refusal: return advance(transfer_.stop_waiting(out_));
        case awaited_reply::probe:
            if (transfer_.path_lost()) return end_session("The router has lost the data connection; connect again.");
            out_.note(relay_note::violation, "the backend did not reply to NOOP");
            out_.request(relay_act::suspect_backend{"did not reply in time"});
            return end_session("The FTP server did not respond in time.");
        default: break;
    }
    const char* const fault = awaited == awaited_reply::rest_of_reply ? "reply is incomplete" : "final reply is missing";
    out_.note(relay_note::violation, std::string("the backend's ") + fault + "; sending NOOP to test the connection");
    (void)out_.send_command({verb::noop, "NOOP", {}}, reply_kind::probe);
}

// ---- The stage, and what the parts need to know

/// A session that awaits a reply is open again as soon as no reply is pending.
void relay_machine::advance(std::optional<relay_event> event) {
    if (event) {
        deadlines_.note_event(*event);
        stages_.take(*event);
    }
    if (stages_.now() == relay_stage::awaiting_reply && out_.pending().empty()) stages_.take(relay_event::all_replied);
    if (event == relay_event::transfer_finished) negotiation_.transfer_ended(std::exchange(transfer_, {}).no_backend_data());
}

void relay_machine::end_session(std::string_view text) {
    if (protection_.awaits_handshake(stages_.now()))
        return advance(protection_.end_after_handshake(stages_.now(), text, backend_, out_));
    const bool data = stages_.now() == relay_stage::transfer || stages_.now() == relay_stage::reserving_client_port;
    if (data || negotiation_.holds_port()) out_.request(relay_act::release_data{});
    if (!text.empty()) out_.send_at_once(421, text);
    advance(relay_event::session_ended);
    negotiation_.clear();
    out_.clear_pending();
    lines_.clear();
}

negotiation_context relay_machine::context() noexcept { return {settings_, protection_.client().data(), backend_, out_}; }

reply_situation relay_machine::situation() const noexcept {
    return {.stage = stages_.now(),
            .pending = out_.pending(),
            .transfer = transfer_,
            .logged_in = login_.logged_in(),
            .connected = backend_.is_connected(),
            .reply_begun = backend_.reply_begun(),
            .reading = can_read_backend()};
}

deadline_facts relay_machine::deadlines() const noexcept {
    const auto check = transfer_.check_at(settings_.timeouts.data_connect);
    return {.logged_in = login_.logged_in(),
            .login_reply_pending = !login_.logged_in() && !out_.pending().empty(),
            .data_running = stages_.now() == relay_stage::transfer && transfer_.data_running(),
            .check_data = stages_.now() == relay_stage::transfer ? check : std::nullopt};
}

}  // namespace sallyport::proto
