#include <sallyport/proto/client_machine.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/overloaded.hpp>
#include <sallyport/proto/size_reply.hpp>

namespace sallyport::proto {

namespace {

/// A server that cannot connect to the client sends 425, maybe later than the client's own timeout; its text says more.
constexpr auto max_wait_for_425 = std::chrono::seconds(2);

/// The control connection may be silent while data is transferred; the data connection has its own time limits.
constexpr auto max_silence_during_data = std::chrono::hours(24 * 365);

/// The number for commands that are sent during a transfer, or with it; no operation of the queue has it.
constexpr client_machine::operation_id during_transfer_id = 0;

}  // namespace

client_machine::client_machine(client_settings settings) : settings_(std::move(settings)), login_(settings_) {
    if (settings_.tls_active) channel_.disable_telnet();
}

// ---- Operations

client_machine::operation_id client_machine::queue(decltype(operation::task) task) {
    if (step_ == step::idle && operations_.empty()) replies_.clear();
    operations_.push_back({++last_id_, std::move(task)});
    return last_id_;
}

client_machine::operation_id client_machine::queue_login() { return queue(login_task{}); }
client_machine::operation_id client_machine::queue_transfer(client_transfer transfer) { return queue(std::move(transfer)); }
client_machine::operation_id client_machine::queue_size(std::string path) { return queue(size_task{std::move(path)}); }
client_machine::operation_id client_machine::queue_request(verb command, std::string argument) {
    return queue_named_request(std::string(row_of(command).name), std::move(argument));
}
client_machine::operation_id client_machine::queue_named_request(std::string name, std::string argument) {
    return queue(request_task{std::move(name), std::move(argument)});
}
client_machine::operation_id client_machine::queue_quit() { return queue(quit_task{}); }

const reply* client_machine::reply_to(operation_id request) const noexcept {
    const auto found = std::ranges::find(replies_, request, &std::pair<operation_id, reply>::first);
    return found == replies_.end() ? nullptr : &found->second;
}

/// Requests are sent without waiting for replies; other operations start when all earlier ones have finished.
void client_machine::start_operations() {
    while (!operations_.empty()) {
        const bool after_requests = step_ == step::plain && std::holds_alternative<request_task>(operations_.front().task);
        if (step_ != step::idle && !after_requests) return;
        operation next = std::move(operations_.front());
        operations_.pop_front();
        start(std::move(next));
    }
}

void client_machine::start(operation o) {
    if (step_ == step::idle) failure_.reset();
    size_.is_requested = false;
    if (std::holds_alternative<quit_task>(o.task)) {
        if (!closed_) send(step::quit, "QUIT");
        return;
    }
    if (ended_) return fail_operation(client_step::request, error{errc::closed, 0, "the control connection is closed"});
    std::visit(
        overloaded{[this](const login_task&) { perform(login_.log_in(settings_)); },
                   [this](client_transfer& transfer) {
                       const bool ascii = transfer.ascii;
                       transfer_ = {};
                       transfer_.request = std::move(transfer);
                       negotiation_.clear_attempts();
                       require_type(ascii);
                   },
                   [this](size_task& size) {
                       size_.path = std::move(size.path);
                       size_.value.reset();
                       size_.unreadable.clear();
                       size_.is_requested = true;
                       if (!use_early_size() && !size_.unknown_to_server) require_type(false);
                   },
                   [this, id = o.id](const request_task& request) { start_request(id, request); }, [](const quit_task&) {}},
        o.task);
}

void client_machine::start_request(operation_id id, const request_task& request) {
    if (auto sent = channel_.send(request.name, request.argument, id); !sent) {
        if (sent.error().code == errc::stray_reply) return end_session(at(), std::move(sent.error()));
        failure_ = failure_at(client_step::request, std::move(sent.error()), nullptr);
        return;
    }
    if (pending_requests_++ == 0) ++turn_;
    step_ = step::plain;
}

void client_machine::send_noop() {
    if (step_ != step::transferring || transfer_.control_finished || channel_.awaits_reply_to(verb::noop)) return;
    // This cannot fail: there is no argument, and the reply to the transfer is pending.
    static_cast<void>(send_during_transfer(verb::noop));
}

void client_machine::abort_transfer() {
    if (step_ != step::transferring || transfer_.control_finished || transfer_.aborted) return;
    static_cast<void>(send_during_transfer(verb::abor));
    transfer_.aborted = true;
    failure_ = failure_at(client_step::transfer, {errc::cancelled, 0, "the transfer was aborted"}, nullptr);
    if (!transfer_.data_started) transfer_.data_started = transfer_.data_finished = true;
    ++turn_;
}

// ---- The loop of the driver

client_action client_machine::next() {
    for (;;) {
        start_operations();
        if (auto action = local_action()) return *action;
        command_reply a;
        switch (channel_.next(a)) {
            case client_channel::status::need_more: return read_action();
            case client_channel::status::ended:
                end_session(at(), channel_.failure(), channel_.reply_code() != 0 ? &a.received : nullptr);
                break;
            case client_channel::status::reply: on_reply(a); break;
        }
    }
}

std::optional<client_action> client_machine::local_action() {
    switch (step_) {
        case step::idle: return client_act::done{};
        case step::handshake: return client_act::start_tls{};
        case step::connecting:
            return client_act::connect_data{negotiation_.attempt().target, negotiation_.patience(settings_, epsv_port_wait)};
        case step::listening: return client_act::listen_data{};
        case step::accepting: return client_act::accept_data{settings_.data_open};
        case step::transferring: return transfer_action();
        default: return std::nullopt;
    }
}

std::optional<client_action> client_machine::transfer_action() {
    if (!transfer_.data_started) {
        transfer_.data_started = true;
        return client_act::transfer_data{login_.protects_data()};
    }
    if (transfer_.aborted && !transfer_.data_finished) return client_act::close_data{};
    if (!transfer_.control_finished) return std::nullopt;
    if (!transfer_.data_finished) {
        if (failure_ && failure_->reply_code != 0) return client_act::close_data{};
        return client_act::await_data{};
    }
    check_after_transfer();
    step_ = step::idle;
    if (!transfer_.aborted || ended_) {
        start_operations();
        return step_ == step::idle ? std::optional<client_action>(client_act::done{}) : local_action();
    }
    if (auto sent = send_during_transfer(verb::noop); !sent)
        end_session(client_step::transfer, std::move(sent.error()));
    else
        step_ = step::resync;
    return local_action();
}

/// The replies after the final reply to a transfer may belong to NOOP or ABOR, or be a 421. Otherwise one of them is a stray
/// reply, and it is unknown which one.
void client_machine::check_after_transfer() {
    if (ended_) return;
    command_reply extra;
    auto status = client_channel::status::reply;
    while (status == client_channel::status::reply) {
        status = channel_.next(extra);
        if (status != client_channel::status::reply || extra.operation != during_transfer_id) continue;
        if (extra.command == "SIZE") on_early_size(extra.received);
        if (awaits_prepared() && extra.command == name(prepared_->method)) on_prepared(extra.received);
    }
    if (status != client_channel::status::ended) return;
    if (channel_.reply_code() != 421) return end_session(client_step::transfer, channel_.failure());
    stop_accepting();
    closed_ = true;
}

client_act::read client_machine::read_action() const {
    switch (step_) {
        case step::login: return {login_.limit(settings_), turn_};
        case step::quit: return {settings_.quit, turn_};
        case step::transferring: return {transfer_.data_finished ? settings_.reply : max_silence_during_data, turn_};
        case step::negotiate: return {std::min(settings_.reply, negotiation_.patience(settings_, epsv_reply_wait)), turn_};
        case step::unopened: return {std::min<std::chrono::milliseconds>(settings_.reply, max_wait_for_425), turn_};
        case step::request:
            // In active mode the server connects before it replies: with a firewall on the path there is no reply.
            return {negotiation_.active() ? settings_.data_open : settings_.reply, turn_};
        default: return {settings_.reply, turn_};
    }
}

void client_machine::on_reply(const command_reply& a) {
    const reply& r = a.received;
    if (step_ != step::login && a.operation == during_transfer_id) {
        if (a.command == "NOOP" || a.command == "ABOR") return on_reply_during_transfer(a);
        if (a.command == "SIZE") return on_early_size(r);
        if (a.command == "MFMT") return;
        if (prepared_ && a.command == name(prepared_->method)) return on_prepared(r);
    }
    last_ = r;
    switch (step_) {
        case step::login: return perform(login_.on_reply(settings_, r, channel_.drained()));
        case step::plain: return on_plain(a);
        case step::type: return on_type(r);
        case step::size: return on_size(r);
        case step::negotiate: return on_negotiated(r);
        case step::rest: return on_rest(r);
        case step::request:
        case step::transferring: return on_request(r);
        case step::unopened: return on_unopened(r);
        case step::quit:
            step_ = step::idle;
            ended_ = closed_ = true;
            return;
        case step::idle:
        case step::handshake:
        case step::connecting:
        case step::listening:
        case step::accepting:
        case step::resync: break;
    }
}

void client_machine::on_plain(const command_reply& a) {
    replies_.emplace_back(a.operation, a.received);
    if (--pending_requests_ == 0) step_ = step::idle;
}

/// A reply to a NOOP or ABOR during a transfer. Only the reply to the NOOP after ABOR matters.
void client_machine::on_reply_during_transfer(const command_reply& a) {
    if (step_ == step::resync && a.command == "NOOP" && !channel_.awaits_reply_to(verb::noop)) step_ = step::idle;
}

void client_machine::send(step then, std::string_view command_name, std::string_view argument) {
    step_ = then;
    ++turn_;
    if (auto sent = channel_.send(command_name, argument, last_id_); !sent) {
        // An invalid argument fails this operation only; unsolicited bytes of the server end the session.
        if (sent.error().code == errc::stray_reply) return end_session(at(), sent.error());
        fail_operation(at(), sent.error());
    }
}

result<void> client_machine::send_during_transfer(verb id) {
    ++turn_;
    return channel_.send(row_of(id).name, {}, during_transfer_id);
}

// ---- Logging in

void client_machine::perform(login_action action) {
    std::visit(overloaded{[this](const login_act::wait&) {
                              // The time limit restarts, but only once.
                              if (turn_ == 0) ++turn_;
                          },
                          [this](const login_act::send& what) { send(step::login, what.name, what.argument); },
                          [this](const login_act::start_tls&) { step_ = step::handshake; },
                          [this](const login_act::done&) {
                              step_ = step::idle;
                              if (settings_.until == open_until::login) return;
                              if (auto quiet = channel_.check_no_stray_reply(); !quiet)
                                  end_session(login_.at(), std::move(quiet.error()));
                          },
                          [this](const client_failure& why) {
                              stop_accepting();
                              failure_ = why;
                              step_ = step::idle;
                          }},
               action);
}

void client_machine::tls_started() {
    channel_.disable_telnet();
    perform(login_.tls_started(settings_));
}

// ---- Before a transfer

void client_machine::require_type(bool ascii) {
    if (ascii == type_is_ascii_) return after_type();
    type_is_ascii_ = ascii;
    send(step::type, "TYPE", ascii ? "A" : "I");
}

void client_machine::on_type(const reply& r) {
    if (r.positive()) return after_type();
    type_is_ascii_ = !type_is_ascii_;
    refuse(errc::rejected, "the server refused TYPE: ", r);
}

void client_machine::after_type() {
    if (size_.is_requested) return send(step::size, "SIZE", size_.path);
    try_method(negotiation_.start(settings_));
}

void client_machine::on_size(const reply& r) {
    step_ = step::idle;
    if (r.code == 213) size_.value = size_in(r);
    if (!size_.value && !r.transient() && !r.permanent()) size_.unreadable = summary(r);
    if (r.code == 500 || r.code == 502) size_.unknown_to_server = true;
}

// ---- The data connection

void client_machine::try_method(bool there_is_one) {
    if (!there_is_one) {
        if (attempts().empty())
            return fail_operation(
                client_step::data,
                error{errc::unsupported, 0, "none of the selected data methods supports IPv6; allow EPSV or EPRT"});
        return fail_operation(client_step::data, *attempts().back().failure);
    }
    if (negotiation_.active())
        step_ = step::listening;
    else if (!use_prepared())
        send(step::negotiate, name(negotiation_.method()));
}

/// The reply to the EPSV or PASV that was sent together with the transfer before is there, or on its way.
bool client_machine::use_prepared() {
    if (!prepared_) return false;
    if (prepared_->method != negotiation_.method()) {
        if (!awaits_prepared()) prepared_.reset();
        return false;
    }
    transfer_.is_prepared = true;
    step_ = step::negotiate;
    ++turn_;
    if (awaits_prepared()) return true;
    const reply answer = std::move(*prepared_->answer);
    prepared_.reset();
    on_negotiated(answer);
    return true;
}

void client_machine::on_prepared(const reply& r) {
    if (step_ == step::negotiate && transfer_.is_prepared) {
        prepared_.reset();
        last_ = r;
        return on_negotiated(r);
    }
    prepared_->answer = r;
}

void client_machine::method_failed(error why, bool for_session) {
    if (std::exchange(transfer_.is_prepared, false)) prepared_.reset();
    try_method(negotiation_.fail(settings_, std::move(why), for_session));
}

void client_machine::on_negotiated(const reply& r) {
    if (transfer_.is_prepared && !r.positive()) {
        // It may be refused at that time only.
        refuses_to_prepare_ = true;
        transfer_.is_prepared = false;
        return send(step::negotiate, name(negotiation_.method()));
    }
    // A reply without a usable port refuses the method, whatever its code; only a 4xx may be temporary.
    if (!r.positive()) return method_failed(error{errc::rejected, 0, summary(r)}, !r.transient());
    if (negotiation_.active()) return request_transfer(step::request);
    if (auto target = negotiation_.on_passive_reply(settings_, r); !target)
        return method_failed(std::move(target.error()), true);
    step_ = step::connecting;
    // The method has worked for the transfer before, so that the connection is expected to be established.
    if (!transfer_.is_prepared || transfer_.request.offset != 0) return;
    transfer_.is_requested = true;
    request_transfer(step::connecting);
}

void client_machine::data_listening(const result<endpoint>& at) {
    if (!at) return method_failed(at.error(), true);
    auto argument = negotiation_.active_argument(settings_, *at);
    if (!argument) return method_failed(std::move(argument.error()), true);
    send(step::negotiate, name(negotiation_.method()), *argument);
}

void client_machine::data_opened(const result<void>& outcome) {
    const bool active = step_ == step::accepting;
    if (outcome) {
        step_ = active ? step::transferring : step::request;
        if (!active && !transfer_.is_requested) request_transfer(step::request);
        return;
    }
    // The server waits for a connection that does not come, and answers nothing meanwhile. One that has refused the request
    // may have closed its port.
    const bool answers_nothing = outcome.error().code == errc::timeout;
    if (transfer_.is_requested && answers_nothing) return end_session(client_step::transfer, outcome.error());
    if (!active && !transfer_.is_requested) return method_failed(outcome.error(), true);
    if (transfer_.control_finished) return end_session(client_step::data, outcome.error());
    negotiation_.attempt().failure = outcome.error();
    step_ = step::unopened;
    ++turn_;
}

/// The server has started a transfer, but its data connection did not arrive. If the server reports that too, the session
/// continues; otherwise replies would not match commands any more.
void client_machine::on_unopened(const reply& r) {
    auto cause = *negotiation_.attempt().failure;
    const bool is_refusal = !r.preliminary() && !r.positive() && r.code != 425 && r.code != 426;
    if (transfer_.is_requested && !is_refusal) return end_session(client_step::transfer, std::move(cause));
    if (r.preliminary()) return;
    if (r.positive()) return end_session(client_step::data, std::move(cause));
    if (r.code == 425 || r.code == 426) return method_failed(error{errc::rejected, 0, summary(r)}, true);
    refuse(errc::rejected, {}, r);
}

// ---- The transfer

void client_machine::request_transfer(step then) {
    negotiation_.attempt().accepted = true;
    if (transfer_.request.offset != 0) return send(step::rest, "REST", std::to_string(transfer_.request.offset));
    send(then, row_of(transfer_.request.command).name, transfer_.request.path);
    if (step_ != then) return;
    ask_for_size();
    prepare_next();
}

void client_machine::prepare_next() {
    if (!transfer_.request.prepare_next || refuses_to_prepare_ || negotiation_.active() || prepared_) return;
    // This cannot fail: there is no argument, and the reply to the transfer is pending.
    static_cast<void>(channel_.send(name(negotiation_.method()), {}, during_transfer_id));
    prepared_ = preparation{negotiation_.method(), std::nullopt};
}

void client_machine::on_rest(const reply& r) {
    if (r.code == 350) return send(step::request, row_of(transfer_.request.command).name, transfer_.request.path);
    refuse(errc::unsupported, "the server cannot resume a file: ", r);
}

void client_machine::on_request(const reply& r) {
    if (r.preliminary()) {
        if (step_ == step::transferring) return;
        transfer_.announced = announced_size(r);
        transfer_.beginning = r.full_text();
        ++turn_;
        step_ = negotiation_.active() ? step::accepting : step::transferring;
        return;
    }
    const bool started = step_ == step::transferring;
    // The port was asked for some time ago.
    if (!started && r.code == 425 && transfer_.is_prepared)
        return end_session(client_step::transfer, error{errc::rejected, 0, summary(r)}, &r);
    if (!started && r.code == 425) return method_failed(error{errc::rejected, 0, summary(r)}, true);
    if (!started && !r.positive()) return refuse(errc::rejected, {}, r);
    if (started && !r.positive() && (awaits_prepared() || size_.early_pending > 0) && !transfer_.aborted)
        return end_session(
            client_step::transfer,
            error{errc::stray_reply, 0, "the server refused the transfer, or the command after it: " + summary(r)});
    transfer_.control_finished = true;
    if (!started && negotiation_.active()) {
        // 226 without 150: the server has connected, sent all data and closed; its connection waits in the listener's
        // backlog.
        step_ = step::accepting;
        return;
    }
    step_ = step::transferring;
    if (transfer_.aborted) return;
    if (!r.positive()) failure_ = failure_at(client_step::transfer, {errc::rejected, 0, summary(r)}, &r);
}

void client_machine::data_done() {
    transfer_.data_finished = true;
    ++turn_;
}

}  // namespace sallyport::proto
