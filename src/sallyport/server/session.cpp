#include <sallyport/server/session.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sodium.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/frontend/login_text.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/sleep_briefly.hpp>
#include <sallyport/server/file_commands.hpp>
#include <sallyport/server/home.hpp>
#include <sallyport/server/password_check.hpp>

namespace sallyport::server {
namespace {

namespace act = proto::act;

proto::server_settings settings_for(const settings& s, const endpoint& client, const endpoint& client_destination,
                                    bool implicit_tls, std::function<proto::site_doctor_facts()> known) {
    proto::server_settings out;
    out.texts = s.texts;
    out.local = client_destination;
    out.peer = client;
    out.tls_active = implicit_tls;
    out.tls_available = s.tls.has_value();
    out.tls_required = s.tls_required;
    out.anonymous_allowed = s.anonymous.has_value();
    out.passive_allowed = s.passive_allowed;
    out.active_allowed = s.active_allowed;
    out.ccc_allowed = s.ccc_allowed;
    out.policy = s.commands;
    if (s.site_doctor) out.site_doctor = std::move(known);
    out.idle_timeout = s.idle_timeout;
    out.login_timeout = s.login_timeout;
    out.data_timeout = s.data_timeout;
    out.now = net::clock::now();
    return out;
}

}  // namespace

session::session(std::shared_ptr<session_context> shared, frontend::admitted_connection from)
    : frontend::session(from),
      shared_(std::move(shared)),
      loop_(from.loop),
      control_(*shared_, from),
      disk_(shared_->disk, loop_, owner_of_work(), client_left_),
      machine_(settings_for(shared_->config, control_.peer(), control_.client_destination(), from.implicit_tls,
                            [this] { return proto::site_doctor_facts{seen_by_doctor(), history_.doctor.others()}; })) {
    machine_.set_command_handler([this](proto::verb id) { note_work(proto::row_of(id).name); });
    if (log::enabled(log::level::debug))
        machine_.set_trace([this](std::string_view line) { log(log::level::debug, escape(line)); });
}

net::task<> session::serve(std::shared_ptr<session> self) {
    std::exception_ptr failure;
    try {
        co_await self->run();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) self->end_without_memory(failure);
}

/// A session that an exception ended: usually there was no memory for it.
void session::end_without_memory(const std::exception_ptr& failure) noexcept {
    net::log_exception("session", failure);
    control_.close_with("421 Out of memory; connect again later.\r\n");
    passive_ = {};
    persistent_data_.close();
    try {
        cancel_transfer();
    } catch (...) {
        net::log_exception("session", std::current_exception());
    }
    transfer_.reset();
}

net::task<> session::run() {
    note_work({});
    if (log::enabled(log::level::info))
        log(log::level::info,
            fmt::format("Connection accepted from {} to {}", control_.peer().text(), control_.client_destination().text()));
    for (bool continues = true; continues;) {
        if (outcome_) finish_transfer(*std::exchange(outcome_, std::nullopt));
        if (stopped_by_ && !transfer_) machine_.terminate(reply_text_of(*stopped_by_));
        proto::server_action action = machine_.next();
        show_to_doctor();
        // Before the action, which may be to wait for the client.
        if (machine_.bounce_attempts() != bounce_attempts_counted_) {
            status::count(shared_->counters.bounce_attempts, machine_.bounce_attempts() - bounce_attempts_counted_);
            bounce_attempts_counted_ = machine_.bounce_attempts();
            report_failed_data(frontend::refused(machine_.refused_target(), control_.peer().address));
        }
        if (const auto* wait = std::get_if<act::need_input>(&action))
            continues = co_await read_input(wait->until);
        else
            continues = co_await perform(std::move(action));
    }
    cancel_transfer();
    release_passive();
    persistent_data_.close();
    control_.close();
    // An upload that is being published can't be taken back any more: its outcome belongs into the log and the counters.
    if (transfer_ && !outcome_) co_await wait_for_transfer();
    if (outcome_) finish_transfer(*std::exchange(outcome_, std::nullopt));
    log_end();
}

proto::site_doctor_session session::seen_by_doctor() const {
    return machine_.doctor_session(frontend::sources_at(passive_, history_.last_peer));
}

/// For the other sessions of this user.
void session::show_to_doctor() {
    if (!shared_->config.site_doctor) return;
    if (!machine_.logged_in()) return history_.doctor.withdraw();
    history_.doctor.publish({control_.peer().address, {}, user_.who->name}, seen_by_doctor());
}

/// Sends what there is, then reads. False where the connection is over.
net::task<bool> session::read_input(net::deadline until) {
    co_await control_.flush(machine_);
    // What a transfer has ended meanwhile comes first: there was no read for it to interrupt.
    if (outcome_ || (stopped_by_ && !transfer_)) co_return true;
    if (control_.is_broken()) co_return false;
    if (control_.input_ended()) {
        // In the middle of something that would need more input.
        if (!transfer_) co_return false;
        co_await wait_for_transfer();
        co_return true;
    }
    const result<std::string_view> got = co_await control_.read(until);
    const auto now = net::clock::now();
    if (got && !got->empty()) {
        curl_epsv_delay_.command_received(now);
        machine_.set_time(now);
        machine_.receive(*got);
        co_return true;
    }
    if (got) {
        // The client has closed its side, and may still listen: what it has asked for is served, but for uploads whose data
        // end only now (DU-03).
        machine_.input_ended();
        co_return true;
    }
    switch (got.error().code) {
        case errc::cancelled: co_return !control_.is_broken();
        case errc::timeout: machine_.time_passed(now); co_return true;
        default: co_return false;
    }
}

net::task<bool> session::perform(proto::server_action action) {
    if (std::holds_alternative<act::send>(action)) {
        co_await control_.flush(machine_);
    } else if (std::holds_alternative<act::paused>(action)) {
        co_await control_.flush(machine_);
        if (!outcome_) co_await wait_for_transfer();
    } else if (const auto* tls = std::get_if<act::start_tls>(&action)) {
        co_await control_.flush(machine_);
        co_await start_tls(tls->until);
    } else if (std::holds_alternative<act::clear_tls>(action)) {
        co_await control_.flush(machine_);
        const result<void> done = co_await control_.end_tls();
        if (!done) co_return false;
        machine_.tls_cleared();
    } else if (auto* login = std::get_if<act::check_login>(&action)) {
        co_await check_login(std::move(login->request));
    } else if (auto* passive = std::get_if<act::open_passive>(&action)) {
        if (curl_epsv_delay_.delay() > net::clock::duration::zero())
            co_await net::sleep_briefly(loop_, curl_epsv_delay_.delay());
        open_passive(*passive);
        curl_epsv_delay_.reply_sent(net::clock::now());
    } else if (std::holds_alternative<act::release_data>(action)) {
        // After a refused transfer command, the client's connection may still be on its way.
        if (machine_.last_reply() >= 400) passive_ = {};
        release_passive();
        persistent_data_.close();
    } else if (auto* listed = std::get_if<act::run_file>(&action); listed != nullptr && listed->request.listing) {
        co_await send_status(std::move(*listed->request.listing));
    } else if (auto* file = std::get_if<act::run_file>(&action)) {
        co_await run_file(std::move(file->request));
    } else if (auto* started = std::get_if<act::start_transfer>(&action)) {
        start_transfer(std::move(started->request));
    } else if (std::holds_alternative<act::login_timed_out>(action)) {
        report(frontend::login_failure::timed_out);
    } else if (std::holds_alternative<act::abort_transfer>(action)) {
        cancel_transfer();
    } else {
        if (std::get<act::close>(action).graceful) {
            co_await control_.flush(machine_);
            co_await control_.shut_down(machine_.quit_received());
        }
        co_return false;
    }
    co_return !control_.is_broken();
}

/// The next lines are read when the client has received the ones before, so it costs no more memory if it reads slowly
/// (RX-03).
net::task<> session::send_status(proto::transfer_request listing) {
    status_listing source(shared_, disk_, user_.who, std::move(listing));
    for (bool more = true; more;) {
        client_check_.arm(net::clock::now() + limits::client_check_interval);
        result<std::string> lines = co_await source.next();
        client_check_.disarm();
        more = lines && !lines->empty() && !control_.is_broken();
        machine_.set_time(net::clock::now());
        if (lines)
            machine_.file_done(proto::file_result{.lines = std::move(*lines), .more = more});
        else
            machine_.file_done(std::unexpected(lines.error()));
        if (more) co_await control_.flush(machine_);
    }
}

net::task<> session::start_tls(net::deadline until) {
    const result<void> done = co_await control_.start_tls(until);
    if (log::enabled(log::level::info)) log(log::level::info, tls_text(done, control_.stream()));
    const auto now = net::clock::now();
    machine_.set_time(now);
    if (done)
        machine_.tls_started();
    else if (done.error().code == errc::timeout)
        machine_.time_passed(now);
    else
        machine_.tls_failed();
}

net::task<> session::check_login(proto::login_request request) {
    const auto begin = net::clock::now();
    password_check check{.shared = shared_,
                         .loop = loop_,
                         .owner = owner_of_work(),
                         .client = control_.peer().address,
                         .certificate = control_.certificate_names(),
                         .known_address = slot().has_recent_login(),
                         .flush = [this] { return control_.flush(machine_); },
                         .is_over = [this] { return stopped_by_ || control_.is_lost(); },
                         .rejection = [this](const std::string& who) { return login_rejection(who); }};
    result<account_ptr> checked = co_await check_password(std::move(check), request);
    sodium_memzero(request.password.data(), request.password.size());
    if (checked) checked = co_await admit(std::move(*checked));
    machine_.set_time(net::clock::now());
    if (checked) {
        user_.become(std::move(*checked));
        logged_in(user_.who->name);
        if (!user_.who->anonymous) slot().report_login();
        log_login(user_.who->name, "accepted");
        co_return machine_.login_done({}, user_.who->login.tls_required);
    }
    const errc cause = checked.error().code;
    // An owner whose right password waits in vain for its turn must not use up the guesses of the account.
    if (cause != errc::login_refused) slot().report_unchecked();
    if (cause == errc::login_refused) {
        status::count(shared_->counters.logins_refused);
        report(frontend::login_failure::refused);
        if (shared_->config.system_users) co_await delay_refusal(begin + refusal_time);
    } else if (cause == errc::exhausted) {
        status::count(shared_->counters.rejected_login_queue);
    } else if (cause == errc::rejected) {
        machine_.terminate(checked.error().what);
    } else if (cause != errc::cancelled && cause != errc::not_allowed) {
        // Not a wrong password: the client may try again.
        log(log::level::error, fmt::format("Cannot check the password: {}", checked.error().text()));
        machine_.terminate("Cannot check the password now; connect again later.");
    }
    machine_.login_done(std::unexpected(checked.error()));
    const auto& reason = checked.error().what;
    log_login(request.user,
              fmt::format("refused, {}{}{}", machine_.last_reply(), reason.empty() ? "" : ": ", escape(reason, 300)));
}

/// After the right password: the account with its files, if its rules admit this session.
net::task<result<account_ptr>> session::admit(account_ptr user) {
    user_.slot.reset();
    const auto good = check_login_rules(user->login, control_.peer().address, control_.stream().is_tls(), seconds_now());
    if (!good) co_return std::unexpected(good.error());
    if (const auto maximum = user->login.max_sessions; maximum > 0) {
        auto slot = shared_->base->sessions_of_users->admit(user->name, maximum);
        if (!slot)
            co_return fail(
                errc::not_allowed,
                fmt::format("This account has {} sessions already, the maximum; end one of them first.", maximum));
        user_.slot.emplace(std::move(*slot));
    }
    auto opened = co_await open_home(disk_, std::move(user));
    if (opened) co_return opened;
    log(log::level::error, fmt::format("The home of this account cannot be opened: {}", escape(opened.error().text(), 500)));
    co_return fail(errc::rejected, "The directory of this account is not available now; connect again later.");
}

net::task<> session::delay_refusal(net::deadline until) {
    while (net::clock::now() < until && !stopped_by_ && !control_.is_lost())
        co_await loop_.sleep_until(std::min(until, net::clock::now() + limits::login_queue_check_interval));
    machine_.set_time(net::clock::now());
}

net::task<> session::run_file(proto::file_request request) {
    client_check_.arm(net::clock::now() + limits::client_check_interval);
    const result<proto::file_result> answer = co_await run_file_command(shared_, disk_, user_, request);
    client_check_.disarm();
    machine_.set_time(net::clock::now());
    machine_.file_done(answer);
    if (shared_->config.transfer_log && is_recorded(request.command))
        shared_->config.transfer_log->write(
            change_record_of(request, answer, owner(), machine_.directory().text(), machine_.last_reply()));
}

/// A client that closed only its sending side still gets the replies to its commands.
void session::check_client() {
    if (control_.is_lost())
        client_left_ = true;
    else
        client_check_.arm(net::clock::now() + limits::client_check_interval);
}

void session::open_passive(const act::open_passive& how) {
    persistent_data_.close();
    // Before the next one is reserved: a client holds one port at a time (DC-04).
    release_passive();
    const auto caller = control_.passive_caller(id(), how.protect);
    result<reach::passive_endpoint> reserved = shared_->passive_data.reserve(caller, how.extended);
    const auto method = how.extended ? proto::data_method::epsv : proto::data_method::pasv;
    if (!reserved) {
        report_failed_data(frontend::no_port(method, control_.peer().address, reserved.error()));
        return machine_.passive_done(std::unexpected(reserved.error()));
    }
    passive_ = std::move(reserved->reservation);
    history_.offer = {method, reserved->advertised, control_.peer().address};
    history_.advertised = reserved->advertised;
    machine_.passive_done(reserved->advertised);
}

void session::release_passive() {
    if (!stopped_by_) report_failed_data(frontend::abandoned(history_.offer, passive_));
    passive_ = {};
    history_.offer.reset();
}

void session::report_failed_data(const std::optional<diagnosis::failed_data>& seen) const {
    if (seen) log(log::level::warning, frontend::count_failed_data(shared_->failed_data, *seen));
}

void session::start_transfer(proto::transfer_request request) {
    if (passive_) passive_.on_transfer_start(request.protect == proto::protection::private_);
    const auto& stream = control_.stream();
    transfer_setup setup{
        .shared = shared_,
        .loop = loop_,
        .owner = *this,
        .client = owner_of_work(),
        .session = id(),
        .user_account = user_.who,
        .control_socket = stream.native_handle(),
        .control_local = stream.local(),
        .control_peer = stream.peer(),
        .tls_session_context = control_.tls_session_context(),
        .tls_history = tls_history_,
        .round_trip = request.protect == proto::protection::private_ ? stream.round_trip() : std::chrono::microseconds(),
        .rate = proto::data_use_of(request.command) == proto::data_use::upload ? user_.upload : user_.download,
        .allow_missing_close_notify = reach::any_matches(
            shared_->config.missing_close_notify, {stream.peer().address, control_.client_destination(), stream.is_tls()}),
        .cwd = machine_.directory().text()};
    if (const auto offer = std::exchange(history_.offer, std::nullopt)) setup.advertised = offer->advertised;
    transfer_ = std::make_shared<transfer>(std::move(setup), std::move(request), std::exchange(passive_, {}),
                                           std::move(persistent_data_));
    loop_.spawn("transfer", run_transfer(self(), transfer_));
}

net::task<> session::run_transfer(std::shared_ptr<session> self, std::shared_ptr<transfer> t) {
    result<proto::transfer_outcome> outcome = fail_without_memory();
    try {
        outcome = co_await t->run();
    } catch (...) {
        net::log_exception("transfer", std::current_exception());
    }
    t->end(outcome);
    // Else it was given up, and the client has its reply.
    if (self->transfer_ != t) co_return;
    self->outcome_ = std::move(outcome);
    self->wake();
}

// From within the transfer.
net::deadline session::data_connection_deadline() {
    machine_.set_time(net::clock::now());
    return machine_.data_connection_deadline().at;
}

net::task<> session::on_data_connected(std::string text, reply_timing timing) {
    if (transfer_ == nullptr || transfer_->cancelled()) co_return;
    if (transfer_->data().is_open()) history_.last_peer = transfer_->data().peer();
    machine_.transfer_opened(text);
    show_to_doctor();
    if (timing != reply_timing::immediate) co_return;
    co_await control_.flush(machine_);
    // The main coroutine would read until the peer of the broken connection sends something.
    if (control_.is_broken()) control_.interrupt_read();
}

void session::wake() {
    if (transfer_finished_)
        transfer_finished_->set();
    else
        control_.interrupt_read();
}

net::task<> session::wait_for_transfer() {
    transfer_finished_.emplace(loop_);
    co_await transfer_finished_->wait(net::deadline::max());
    transfer_finished_.reset();
}

void session::finish_transfer(const result<proto::transfer_outcome>& outcome) {
    status::count(outcome ? shared_->counters.transfers_complete : shared_->counters.transfers_failed);
    status::count(transfer_->is_upload() ? shared_->counters.bytes_received : shared_->counters.bytes_sent,
                  transfer_->bytes());
    add_transfer(summary_, kind_of(*transfer_), outcome.has_value(), transfer_->bytes());
    if (log::enabled(log::level::info)) log(log::level::info, transfer_text(*transfer_, outcome));
    persistent_data_ = transfer_->release_persistent_data();
    machine_.set_time(net::clock::now());
    const int reply = machine_.transfer_done(outcome, transfer_->connected(), persistent_data_.is_open());
    if (shared_->config.transfer_log)
        shared_->config.transfer_log->write(
            transfer_record_of(*transfer_, outcome, owner(), stopped_by_.has_value(), reply));
    transfer_.reset();
}

void session::cancel_transfer() {
    // One that has ended, now or while it was being cancelled, is concluded by its own outcome, and once.
    if (transfer_ && !outcome_ && transfer_->cancel(!stopped_by_) && !outcome_) finish_transfer(fail(errc::cancelled));
}

void session::stop() {
    stopped_by_ = status::session_end::shutdown;
    if (!transfer_) control_.interrupt_read();
}

void session::disconnect() {
    stopped_by_ = status::session_end::administrator;
    cancel_transfer();
    wake();
}

void session::kill() {
    stopped_by_ = status::session_end::shutdown;
    cancel_transfer();
    control_.abort();
    if (transfer_finished_) transfer_finished_->set();
}

record_owner session::owner() const { return {id(), user_.who->name, control_.peer(), control_.stream().is_tls()}; }

void session::log_login(std::string_view user, std::string_view outcome) const {
    if (!log::enabled(log::level::info)) return;
    const auto& stream = control_.stream();
    log(log::level::info,
        frontend::login_text(user, stream.peer(), stream.is_tls() ? stream.tls().version : std::string(), outcome));
}

void session::log_end() const {
    if (!log::enabled(log::level::info)) return;
    using enum status::session_end;
    const bool by_client = control_.is_broken() || control_.input_ended();
    const auto by = stopped_by_ ? *stopped_by_ : machine_.quit_received() ? quit : by_client ? client : server;
    log(log::level::info, end_text(by, machine_.last_reply(), summary_, describe()));
}

status::session_report session::describe() const {
    using namespace std::chrono;
    const auto now = net::clock::now();
    const auto& stream = control_.stream();
    status::session_report out;
    out.id = id();
    out.client = stream.peer();
    out.client_destination = control_.client_destination();
    out.user = user_.who->name;
    out.logged_in = machine_.logged_in();
    if (stream.is_tls()) out.client_tls = stream.tls().version;
    out.age = duration_cast<milliseconds>(now - started_at_);
    out.advertised = history_.advertised;
    if (transfer_)
        out.transfer = running_transfer_of(*transfer_);
    else
        out.idle = duration_cast<milliseconds>(now - machine_.last_activity());
    if (passive_) out.openings.push_back({false, passive_.port(), stream.peer().address, std::nullopt});
    return out;
}

}  // namespace sallyport::server
