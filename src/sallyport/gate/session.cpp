#include <sallyport/gate/session.hpp>

#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/frontend/login_text.hpp>
#include <sallyport/gate/leg_settings.hpp>
#include <sallyport/gate/named_destination.hpp>
#include <sallyport/gate/original_destination.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>

namespace sallyport::gate {

using status::transfer_result;
namespace act = proto::relay_act;
namespace outcome = proto::relay_outcome;
namespace {
// Commands and replies are short, and there are many idle sessions.
constexpr std::size_t read_size = 2048;

}  // namespace

session::session(std::shared_ptr<session_context> gate, frontend::admitted_connection from)
    : frontend::session(from),
      gate_(std::move(gate)),
      loop_(from.loop),
      client_(gate_, from, id(), sink()),
      selection_(gate_, loop_, sink()),
      data_(gate_, loop_, sink()),
      report_(gate_, sink()),
      to_client_(loop_),
      to_backend_(loop_),
      step_(from.implicit_tls || client_.has_implicit_tls() ? session_step::start_tls : session_step::none) {}

net::task<> session::run() {
    note_work({});
    const bool implicit_tls = std::exchange(step_, session_step::none) == session_step::start_tls;
    if (const auto no = client_.refusal(); !no.empty()) {
        co_await client_.reject(std::string(no));
        co_return;
    }
    if (implicit_tls) {
        const auto until = net::clock::now() + limits::tls_handshake_timeout;
        const bool chosen = co_await client_.choose_tls_end(until);
        if (!chosen) co_return;
        if (client_.passes_tls()) {
            co_await start_passthrough();
            co_return;
        }
        const bool handshake = co_await client_.start_tls(until);
        if (!handshake) co_return;
    }
    const bool served = co_await connect_backend();
    if (!served) co_return;
    loop_.spawn("gate: backend leg", run_backend_leg(self()));
    co_await read_client();
    co_await finish();
}

void session::stop() {
    ending_.stopping = true;
    selection_.stop();
    if (passthrough_) passthrough_->stop();
    if (machine_) wake();
}

void session::disconnect() {
    ending_.dismissed = true;
    // No reply can be sent within the backend's TLS.
    if (passthrough_) return kill();
    stop();
}

void session::kill() {
    ending_.lost = ending_.killed = true;
    data_.abort();
    client_.stream().abort();
    server_.stream.abort();
    stop();
}

// ---- From the accepted connection to a running machine

/// `named`: by the client, at a forward proxy.
net::task<std::expected<established_leg, no_leg>> session::find_destination(backend_selection::search search,
                                                                            std::optional<proto::named_server> named) {
    if (named) co_return co_await connect_named(loop_, gate_, std::move(*named), std::move(search.leg), sink());
    if (client_.interception() == nullptr) co_return co_await selection_.find(std::move(search));
    co_return co_await connect_original(loop_, *gate_, client_, std::move(search.leg), sink());
}

// False: there is no backend, and the client received 421.
net::task<bool> session::connect_backend() {
    if (client_.interception() == nullptr && selection_.selects_at_login()) {
        start_machine(std::nullopt);
        co_return true;
    }
    auto found = co_await find_destination(search_for(client_, {}, {}));
    if (ending_.lost) co_return false;
    if (found && !ending_.stopping) {
        server_ = std::move(found->leg);
        start_machine(found->greeting);
        co_return true;
    }
    co_await client_.reject(std::string(ending_.stopping ? stopping_text : found.error().reason));
    co_return false;
}

// The gateway can neither read a command to choose a backend by, nor send a reply.
net::task<> session::start_passthrough() {
    auto search = search_for(client_, {}, {});
    // The greeting is sent over TLS too.
    search.leg.up_to = check_level::tcp;
    auto found = co_await find_destination(std::move(search));
    if (ending_.lost || ending_.stopping) co_return;
    if (!found) {
        client_.count_rejected("no backend is available");
        co_return;
    }
    server_ = std::move(found->leg);
    co_await run_passthrough();
    server_.stream.close();
    client_.stream().close();
}

net::task<> session::run_passthrough() {
    // The login is within the backend's TLS and cannot be seen here.
    slot().leave_login_pool();
    passthrough_ = std::make_unique<passthrough_session>(gate_, loop_, client_, server_, sink());
    if (ending_.stopping) passthrough_->stop();
    co_await passthrough_->run(self());
}

/// Without a greeting, the backend is selected during the login.
void session::start_machine(const std::optional<proto::reply>& greeting) {
    auto settings = machine_settings(*gate_, client_, server_, report_.session_started_at());
    settings.callbacks.login_check = [this] { return login_rejection(machine_->login().user()); };
    if (gate_->config.site_doctor) settings.callbacks.site_doctor = [this] { return data_.known(*machine_, client_); };
    machine_ = std::make_unique<proto::relay_machine>(std::move(settings), greeting);
    const auto* const rule = client_.interception();
    const auto with = rule != nullptr ? fmt::format(", intercepted, TLS {}", name(rule->tls))
                      : greeting      ? fmt::format(", backend {} ({})", server_.server.name(), server_.stream.peer().text())
                                      : "";
    log(log::level::info, fmt::format("Connection accepted from {} to {}{}", client_.peer().text(),
                                      client_.client_destination().text(), with));
    const bool transcript = log::enabled(log::level::debug);
    machine_->set_notes([this](proto::relay_note kind, std::string_view text) { note(kind, text); }, transcript);
    machine_->set_path_change_handler([this](const proto::path_change& change) { report_.changed(change, owner()); });
    wait_for_user();
}

net::task<> session::change_backend(proto::relay_act::find_backend request) {
    close_backend();
    if (request.host.empty() && client_.stream().is_tls()) request.host = client_.stream().tls().server_name;
    auto search = search_for(client_, request.user, std::move(request.host));
    search.is_failover = request.is_failover;
    auto found = co_await find_destination(std::move(search), std::move(request.server));
    if (is_closing()) co_return;
    machine_->set_time(net::clock::now());
    if (ending_.stopping) {
        machine_->report(outcome::no_backend{stopping_text});
    } else if (found) {
        server_ = std::move(found->leg);
        log(log::level::info, fmt::format("User {} assigned to backend {} ({})", escape(request.user, 100),
                                          server_.server.name(), server_.stream.peer().text()));
        machine_->report(outcome::backend_found{machine_backend(*gate_, client_, server_)});
    } else if (found.error().not_permitted) {
        machine_->report(outcome::no_backend_for_user{});
    } else {
        machine_->report(outcome::no_backend{found.error().reason});
    }
    co_await advance();
}

void session::close_backend() {
    if (server_.server && machine_) {
        server_.server.learn_refused_methods(machine_->backend().server().refused);
        gate_->base->known_failures.note(peers_of(client_, server_), machine_->negotiation().failed(), net::clock::now());
    }
    server_.close();
}

/// Until USER is received, a queued session may get this session's slot.
void session::wait_for_user() {
    if (!server_.server) return;
    if (!machine_->login().user().empty()) return server_.server.user_received();
    server_.server.waits_for_user(net::clock::now(), [poster = loop_.poster(), me = std::weak_ptr<session>(self())] {
        poster->post([me] {
            if (const auto alive = me.lock()) alive->yield_slot();
        });
    });
}

void session::yield_slot() {
    if (!server_.server || is_closing() || !machine_->login().user().empty()) return;
    log(log::level::info, fmt::format("Ending this session to free a slot at {}: no USER received", server_.server.name()));
    machine_->report(outcome::session_ended{"All FTP servers are busy and you have not sent USER; connect again."});
    wake();
}

// ---- The legs

net::task<> session::read_client() {
    std::array<char, read_size> buffer;
    while (!is_closing()) {
        machine_->time_passed(net::clock::now());
        if (stop_pending()) machine_->report(outcome::session_ended{ending_.dismissed ? dismissed_text : stopping_text});
        co_await advance();
        if (is_closing()) break;
        if (step_ != session_step::none) {
            const bool continues = co_await run_step();
            if (!continues) break;
            continue;
        }
        if (ending_.client_ended || !machine_->can_read_client()) {
            to_client_.wake.clear();
            co_await to_client_.wake.wait(deadline_);
            continue;
        }
        const net::time_limit limit{.total = deadline_};
        to_client_.reading = true;
        const auto got = co_await client_.stream().read_some(buffer, limit);
        to_client_.reading = false;
        if (!got && (got.error().code == errc::timeout || got.error().code == errc::cancelled)) continue;
        // If the data bypass the gateway, the backend learns only from this that the client of an upload is gone.
        const auto* const bypassing = report_.bypassing();
        if (got && *got == 0 && (bypassing == nullptr || !bypassing->upload)) {
            ending_.client_ended = true;
            machine_->report(outcome::input_ended{});
            selection_.leave_queue();
            continue;
        }
        if (!got || *got == 0) {
            ending_.lost = true;
            break;
        }
        const auto now = net::clock::now();
        machine_->set_time(now);
        curl_epsv_delay_.command_received(now);
        machine_->from_client({buffer.data(), *got});
        wait_for_user();
    }
}

/// False: the session has ended.
net::task<bool> session::run_step() {
    co_await wait_until_sent();
    const auto step = step_;
    bool done = step == session_step::none;
    if (step == session_step::read_hello) done = co_await client_.choose_tls_end(deadline_);
    if (step == session_step::start_tls) done = co_await client_.start_tls(deadline_);
    if (step == session_step::end_tls) done = co_await client_.end_tls();
    if (step == session_step::passthrough) co_await run_passthrough();
    if (!done) {
        ending_.lost = true;
        co_return false;
    }
    step_ = session_step::none;
    if (step == session_step::read_hello) {
        // The client may have taken long; the next time limit begins now.
        machine_->set_time(net::clock::now());
        machine_->report(outcome::client_hello_read{client_.passes_tls()});
    }
    if (step == session_step::start_tls) machine_->report(outcome::client_tls_started{client_.certificate_user()});
    if (step == session_step::end_tls) machine_->report(outcome::client_tls_ended{});
    co_return true;
}

net::task<> session::start_backend_tls() {
    const auto handshake = co_await server_.start_tls(*gate_->config.backend_tls, tls_host_of(client_, server_), deadline_);
    backend_tls_pending_ = false;
    machine_->set_time(net::clock::now());
    if (handshake)
        machine_->report(outcome::backend_tls_started{});
    else
        machine_->report(outcome::backend_closed{handshake.error().text()});
    co_await advance();
}

net::task<> session::read_backend() {
    std::array<char, read_size> buffer;
    const auto wait_for_change = [this] {
        to_backend_.wake.clear();
        return to_backend_.wake.wait(net::deadline::max());
    };
    while (!is_closing()) {
        if (auto request = std::exchange(requested_backend_, std::nullopt)) {
            co_await change_backend(std::move(*request));
            continue;
        }
        if (server_.server && !machine_->backend().is_connected()) close_backend();
        if (backend_tls_pending_) {
            co_await start_backend_tls();
            continue;
        }
        if (!machine_->can_read_backend()) {
            co_await wait_for_change();
            continue;
        }
        to_backend_.reading = true;
        const auto got = co_await server_.stream.read_some(buffer, net::time_limit());
        to_backend_.reading = false;
        while (!is_closing() && data_.running() && data_.running()->must_hold_replies()) co_await wait_for_change();
        if (is_closing()) break;
        if (requested_backend_ || !machine_->backend().is_connected() || (!got && got.error().code == errc::timeout))
            continue;
        if (!got && backend_tls_pending_ && got.error().code == errc::cancelled) continue;
        machine_->set_time(net::clock::now());
        if (got && *got > 0) {
            machine_->from_backend({buffer.data(), *got});
        } else {
            machine_->report(outcome::backend_closed{got ? "closed" : got.error().text()});
            server_.server.suspected();
        }
        co_await advance();
    }
}

// Performs the machine's actions and sends its output until there is nothing left. A coroutine may enter while another one
// waits for a slow peer; each leg is written by one coroutine at a time, which also sends what the others add.
net::task<> session::advance() {
    const net::time_limit limit{.progress = gate_->config.stall_timeout};
    const auto before = deadline_;
    for (;;) {
        perform();
        if (machine_->login().logged_in()) logged_in(machine_->login().user());
        if (machine_->has_output(proto::leg::backend) && !to_backend_.writing && !to_backend_.held) {
            to_backend_.writing = true;
            machine_->release_backend_output(to_backend_.bytes);
            const auto sent = co_await server_.stream.write_all(to_backend_.bytes, limit);
            to_backend_.writing = false;
            if (!sent) machine_->report(outcome::backend_closed{sent.error().text()});
        } else if (machine_->has_output(proto::leg::client) && !to_client_.writing && !ending_.lost) {
            to_client_.writing = true;
            machine_->release_client_output(to_client_.bytes);
            const auto sent = co_await client_.stream().write_all(to_client_.bytes, limit);
            to_client_.writing = false;
            ending_.lost = ending_.lost || !sent;
        } else {
            break;
        }
    }
    data_.show_to_doctor(*machine_, client_, server_);
    wake(deadline_ < before);
}

net::task<> session::wait_until_sent() {
    for (;;) {
        co_await advance();
        if (ending_.lost || !to_client_.writing) co_return;
        to_client_.wake.clear();
        co_await to_client_.wake.wait(net::deadline::max());
    }
}

net::task<> session::finish() {
    co_await wait_until_sent();
    data_.leave(!ending_.stopping);
    const bool by_client = ending_.lost && !ending_.killed;
    if (by_client && abandons_password(*machine_)) note(proto::relay_note::login_refused, {});
    report_.cancelled(by_client ? transfer_result::client_failed : transfer_result::stopped, owner());
    close_backend();
    selection_.stop();
    to_backend_.wake.set();
    report_.session_ended(owner_of(client_, server_, machine_->login().user()), machine_->login().logged_in(),
                          ending_.by(machine_->quit_received()));
    if (!ending_.lost) co_await client_.close_after_final_reply();
    client_.stream().close();
}

/// Wakes the coroutines that have something to do. `sooner`: the deadline is earlier than the one that a reader waits for.
void session::wake(bool sooner) {
    const bool wake_client = sooner || is_closing() || step_ != session_step::none || stop_pending();
    const bool wake_backend = requested_backend_ || backend_tls_pending_ || !machine_->backend().is_connected();
    if (wake_client && to_client_.reading) client_.stream().interrupt_read();
    if (wake_backend && to_backend_.reading) server_.stream.interrupt_read();
    to_client_.wake.set();
    to_backend_.wake.set();
}

// ---- Actions of the machine

void session::perform() {
    for (;;) {
        auto action = machine_->next();
        const auto* wait = std::get_if<act::idle>(&action);
        if (wait != nullptr) deadline_ = wait->until;
        if (wait != nullptr || std::holds_alternative<act::close>(action)) return;
        const auto step = step_of(action);
        if (step) step_ = *step;
        const auto* tls = std::get_if<act::start_tls>(&action);
        if (tls != nullptr) deadline_ = tls->until;
        if (const auto* hello = std::get_if<act::read_client_hello>(&action)) deadline_ = hello->until;
        if (tls != nullptr && !step) backend_tls_pending_ = true;
        if (step || tls != nullptr) return;
        if (const auto* reserve = std::get_if<act::reserve_port>(&action)) reserve_port(*reserve);
        if (std::holds_alternative<act::open_port>(action)) loop_.spawn("gate: opening", open_backend_port(self()));
        if (std::holds_alternative<act::release_data>(action)) data_.leave(!ending_.stopping);
        if (auto* find = std::get_if<act::find_backend>(&action)) requested_backend_ = std::move(*find);
        if (const auto* admit = std::get_if<act::admit_user>(&action)) admit_user(admit->name);
        if (auto* open = std::get_if<act::open_data>(&action)) open_data(std::move(open->plan));
        if (std::holds_alternative<act::confirm_data>(action) && data_.running()) data_.running()->confirm();
        if (const auto* done = std::get_if<act::transfer_finished>(&action)) {
            auto failed = report_.bypassing() != nullptr ? data_.end_bypassing(done->reply_code) : std::nullopt;
            if (failed) report_.path_failed(std::move(*failed));
            report_.finished(*done, owner());
        }
        if (std::holds_alternative<act::check_opening>(action)) {
            if (auto failed = data_.opening_failure()) {
                report_.path_failed(*failed);
                machine_->report(outcome::data_ended{std::move(failed->outcome)});
            }
        }
        if (const auto* late = std::get_if<act::suspect_backend>(&action)) {
            log(log::level::warning, fmt::format("Backend {} {}", server_.server.name(), late->reason));
            server_.server.suspected();
        }
    }
}

void session::reserve_port(const proto::relay_act::reserve_port& request) {
    const auto port = data_.reserve(request, client_, server_);
    const bool client = request.on == proto::leg::client;
    const bool at_once = !client || !port ||
                         (port->route == port_route::accepted && curl_epsv_delay_.delay() == net::clock::duration::zero());
    if (!at_once) return loop_.spawn("gate: advertising", advertise(self()));
    if (port && client) curl_epsv_delay_.reply_sent(net::clock::now());
    machine_->report(outcome::port_reserved{advertised_by(port)});
}

void session::open_data(proto::relay_plan plan) {
    if (plan.data_path.path != proto::data_path::relay) {
        report_.started(std::move(plan));
        to_backend_.held = data_.must_renew();
        if (to_backend_.held) loop_.spawn("gate: opening", renew_opening(self()));
        return;
    }
    auto options = data_relay_options_for(plan, *gate_, client_, server_);
    options.client_wait_ended = [this] { to_backend_.wake.set(); };
    options.on_connected = [this](endpoint client) { return on_data_connected(self(), client); };
    options.check_upload_end = [this] { return client_.check_upload_end(ending_.client_ended); };
    const auto relay = data_.start_relay(std::move(plan), std::move(options));
    report_.started(relay);
    loop_.spawn("gate: transfer", run_transfer(self(), relay));
}

void session::admit_user(const std::string& name) {
    user_slot_.reset();
    if (auto slot = gate_->base->users->admit(name, gate_->config.max_sessions_per_user))
        user_slot_.emplace(std::move(*slot));
    machine_->report(outcome::user_admitted{user_slot_.has_value()});
}

record_owner session::owner() const {
    if (!report_.needs_owner()) return {};
    return owner_of(client_, server_, machine_->login().user());
}

void session::note(proto::relay_note kind, std::string_view text) {
    using enum proto::relay_note;
    if (kind == command) return note_work(text);
    if (kind == bounce_attempt && report_.target_refused(machine_->negotiation().refused_target(), client_.peer().address))
        return;
    if (kind == login_timeout) return report(frontend::login_failure::timed_out);
    if (kind == login_refused) {
        status::count(gate_->counters.logins_refused);
        return report(frontend::login_failure::refused);
    }
    if (kind == login_accepted) return slot().report_login();
    if (kind == login_result)
        return log(log::level::info,
                   frontend::login_text(machine_->login().user(), client_.peer(), client_.tls_version(), text));
    const auto [level, prefix] = log_form(kind);
    log(level, fmt::format("{}{}", prefix, escape(text)));
}

status::session_report session::describe() const {
    const auto now = net::clock::now();
    auto out = report_of(client_, server_, now - report_.session_started_at());
    if (machine_) {
        out.user = machine_->login().user();
        out.logged_in = machine_->login().logged_in();
    }
    report_.describe(out);
    data_.describe(out, client_.peer().address, server_.stream.peer().address);
    if (!out.transfer && machine_)
        out.idle = std::chrono::duration_cast<std::chrono::milliseconds>(now - machine_->last_activity());
    return out;
}

}  // namespace sallyport::gate
