#include <sallyport/server/session.hpp>

#include <utility>

#include <fmt/format.h>
#include <sodium.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/sleep_briefly.hpp>
#include <sallyport/server/file_commands.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;
namespace act = proto::act;

/// How long a client that was sent away may take to read why, before the connection is reset.
constexpr auto final_read_timeout = 1s;

std::string random_session_context() {
    std::string out(16, '\0');
    randombytes_buf(out.data(), out.size());
    return out;
}

proto::server_settings settings_for(const settings& s, const endpoint& client, const endpoint& client_destination,
                                    bool implicit_tls) {
    proto::server_settings out;
    out.greeting = s.greeting;
    out.local = client_destination;
    out.peer = client;
    out.tls_active = implicit_tls;
    out.tls_available = s.tls.has_value();
    out.tls_required = s.tls_required;
    out.anonymous_allowed = s.anonymous;
    out.passive_allowed = s.passive_allowed;
    out.active_allowed = s.active_allowed;
    out.ccc_allowed = s.ccc_allowed;
    out.idle_timeout = s.idle_timeout;
    out.login_timeout = s.login_timeout;
    out.now = net::clock::now();
    return out;
}

}  // namespace

session::session(std::shared_ptr<session_context> shared, frontend::admitted_connection from)
    : frontend::session(from),
      shared_(std::move(shared)),
      loop_(from.loop),
      control_(loop_, std::move(from.connection.socket), from.connection.local, from.connection.peer),
      client_destination_(from.client_destination),
      machine_(settings_for(shared_->config, control_.peer(), client_destination_, from.implicit_tls)),
      implicit_tls_(from.implicit_tls) {
    control_.set_keepalive(shared_->config.keepalive);
    if (shared_->config.tls) tls_session_context_ = random_session_context();
    if (log::enabled(log::level::debug))
        machine_.set_trace([this](std::string_view line) { log(log::level::debug, escape(line)); });
}

net::task<> session::serve(std::shared_ptr<session> self) { co_await self->run(); }

net::task<> session::run() {
    if (log::enabled(log::level::info))
        log(log::level::info,
            fmt::format("Connection accepted from {} to {}", control_.peer().text(), client_destination_.text()));
    result<void> ready;
    if (implicit_tls_) ready = co_await start_tls();
    while (ready) {
        if (outcome_) finish_transfer(*std::exchange(outcome_, std::nullopt));
        if (stopping_ && !transfer_) machine_.terminate(stop_text_);
        proto::server_action action = machine_.next();
        bool continues = false;
        if (const auto* wait = std::get_if<act::need_input>(&action))
            continues = co_await read_input(wait->until);
        else
            continues = co_await perform(std::move(action));
        if (machine_.bounce_attempts() != bounce_attempts_counted_) {
            status::count(shared_->counters.bounce_attempts, machine_.bounce_attempts() - bounce_attempts_counted_);
            bounce_attempts_counted_ = machine_.bounce_attempts();
        }
        if (!continues) break;
    }
    cancel_transfer();
    passive_ = {};
    persistent_data_.close();
    control_.close();
    // An upload that is being published can't be taken back any more: its outcome belongs into the log and the counters.
    if (transfer_ && !outcome_) co_await wait_for_transfer();
    if (outcome_) finish_transfer(*std::exchange(outcome_, std::nullopt));
    log(log::level::info, "Connection closed");
}

/// Sends what there is, then reads. False where the connection is over.
net::task<bool> session::read_input(net::deadline until) {
    co_await flush();
    // What a transfer has ended meanwhile comes first: it would find nobody to interrupt.
    if (outcome_ || (stopping_ && !transfer_)) co_return true;
    if (broken_) co_return false;
    if (input_ended_) {
        if (!transfer_) co_return false;  // in the middle of something that would need more input
        co_await wait_for_transfer();
        co_return true;
    }
    const result<std::size_t> got = co_await control_.read_some(buffer_, {.total = until});
    const auto now = net::clock::now();
    if (got && *got > 0) {
        curl_epsv_delay_.command_received(now);
        machine_.set_time(now);
        machine_.receive(std::string_view(buffer_.data(), *got));
        co_return true;
    }
    if (got) {
        // The client has closed its side, and may still listen: what it has asked for is served, but for uploads whose data
        // end only now (DU-03).
        input_ended_ = true;
        machine_.input_ended();
        co_return true;
    }
    switch (got.error().code) {
        case errc::cancelled: co_return !broken_;
        case errc::timeout: machine_.time_passed(now); co_return true;
        default: co_return false;
    }
}

net::task<bool> session::perform(proto::server_action action) {
    if (std::holds_alternative<act::send>(action)) {
        co_await flush();
    } else if (std::holds_alternative<act::paused>(action)) {
        co_await flush();
        if (!outcome_) co_await wait_for_transfer();
    } else if (std::holds_alternative<act::start_tls>(action)) {
        co_await flush();
        const result<void> done = co_await start_tls();
        if (!done) co_return false;
        machine_.tls_started();
    } else if (std::holds_alternative<act::clear_tls>(action)) {
        co_await flush();
        const result<void> done = co_await control_.end_tls(limits::tls_shutdown_timeout);
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
        passive_ = {};
        persistent_data_.close();
    } else if (auto* file = std::get_if<act::run_file>(&action)) {
        const proto::file_request request = file->request;
        const result<proto::file_result> answer =
            co_await run_file_command(shared_, loop_, account_, std::move(file->request));
        machine_.set_time(net::clock::now());
        machine_.file_done(answer);
        record_change(request, answer);
    } else if (auto* started = std::get_if<act::start_transfer>(&action)) {
        start_transfer(std::move(started->request));
    } else if (std::holds_alternative<act::login_timed_out>(action)) {
        report(frontend::login_failure::timed_out);
    } else if (std::holds_alternative<act::abort_transfer>(action)) {
        cancel_transfer();
    } else {
        co_await shut_down();
        co_return false;
    }
    co_return !broken_;
}

/// Writes what has gathered, and what gathers meanwhile; one writer at a time.
net::task<> session::flush() {
    if (flushing_) co_return;
    flushing_ = true;
    while (!machine_.output().empty() && !broken_) {
        machine_.release_output(write_buffer_);
        const result<void> sent = co_await control_.write_all(write_buffer_, {.progress = shared_->config.stall_timeout});
        if (!sent) broken_ = true;
    }
    flushing_ = false;
}

net::task<> session::shut_down() {
    co_await flush();
    if (broken_) co_return;
    if (control_.is_tls()) (void)co_await control_.shutdown_send(limits::tls_shutdown_timeout);
    if (machine_.quit_received()) co_return;
    // Closing with unread input resets the connection, and the reason in our last reply would be lost on the way.
    if (!control_.is_tls()) (void)co_await control_.shutdown_send(limits::tls_shutdown_timeout);
    const net::time_limit limit = net::time_limit::within(final_read_timeout);
    for (;;) {
        const result<std::size_t> got = co_await control_.read_some(buffer_, limit);
        if (!got || *got == 0) co_return;
    }
}

net::task<result<void>> session::start_tls() {
    const net::tls_accept_options options{.session_id_context = tls_session_context_,
                                          .resumption = shared_->config.tls_reuse != net::tls_reuse::off};
    const net::time_limit limit = net::time_limit::within(limits::tls_handshake_timeout);
    result<void> done = co_await control_.accept_tls(*shared_->config.tls, options, limit);
    if (log::enabled(log::level::info)) {
        if (done)
            log(log::level::info, fmt::format("{}, {}", control_.tls().version, control_.tls().cipher));
        else
            log(log::level::info, fmt::format("TLS failed: {}", escape(done.error().text())));
    }
    co_return done;
}

net::task<> session::check_login(proto::login_request request) {
    result<account> checked = fail(errc::login_refused);
    if (shared_->users.is_slow(request)) {
        co_await flush();
        auto work = [this, &request] { return shared_->users.check(request); };
        checked = co_await net::offload(shared_->hashes, loop_, std::move(work));
    } else {
        checked = shared_->users.check(request);
    }
    sodium_memzero(request.password.data(), request.password.size());
    machine_.set_time(net::clock::now());
    if (!checked) {
        status::count(shared_->counters.logins_refused);
        report(frontend::login_failure::refused);
        machine_.login_done(std::unexpected(checked.error()));
        log_login(request.user, fmt::format("refused, {}", machine_.last_reply()));
        co_return;
    }
    account_ = std::move(*checked);
    lift_log_limit();
    log_login(account_.name, "accepted");
    machine_.login_done({});
}

void session::open_passive(const act::open_passive& how) {
    persistent_data_.close();
    passive_ = {};  // before the next one is reserved: a client holds one port at a time (DC-04)
    const bool demanded = shared_->config.tls_reuse == net::tls_reuse::require || shared_->passive_data.single();
    if (how.protect && demanded) control_.offer_ticket();
    const reach::passive_request client{control_, client_destination_, id(),
                                        how.protect ? tls_session_context_ : std::string()};
    result<reach::passive_endpoint> reserved = shared_->passive_data.reserve(client, how.extended);
    if (!reserved) return machine_.passive_done(std::unexpected(reserved.error()));
    passive_ = std::move(reserved->reservation);
    machine_.passive_done(reserved->advertised);
}

void session::start_transfer(proto::transfer_request request) {
    if (passive_) passive_.on_transfer_start(request.protect == proto::protection::private_);
    transfer_setup setup{
        .shared = shared_,
        .loop = loop_,
        .owner = *this,
        .session = id(),
        .user_account = account_,
        .control_local = control_.local(),
        .control_peer = control_.peer(),
        .tls_session_context = tls_session_context_,
        .allow_missing_close_notify = reach::any_matches(shared_->config.missing_close_notify,
                                                         {control_.peer().address, client_destination_, control_.is_tls()}),
        .cwd = machine_.directory().text()};
    transfer_ = std::make_shared<transfer>(std::move(setup), std::move(request), std::exchange(passive_, {}),
                                           std::move(persistent_data_));
    loop_.spawn("transfer", run_transfer(self(), transfer_));
}

net::task<> session::run_transfer(std::shared_ptr<session> self, std::shared_ptr<transfer> t) {
    result<proto::transfer_outcome> outcome = co_await t->run();
    if (self->transfer_ != t) co_return;  // it was given up, and the client has been told
    self->outcome_ = std::move(outcome);
    self->wake();
}

/// From within the transfer.
net::task<> session::on_data_connected(std::string text, reply_timing timing) {
    if (transfer_ == nullptr || transfer_->cancelled()) co_return;
    machine_.transfer_opened(text);
    if (timing == reply_timing::immediate) co_await flush();
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
    if (log::enabled(log::level::info)) log_transfer(outcome);
    persistent_data_ = transfer_->release_persistent_data();
    machine_.set_time(net::clock::now());
    const int reply = machine_.transfer_done(outcome, transfer_->connected(), persistent_data_.is_open());
    if (shared_->config.transfer_log) write_record(outcome, reply);
    transfer_.reset();
}

void session::log_transfer(const result<proto::transfer_outcome>& outcome) const {
    const double seconds = std::chrono::duration<double>(transfer_->age()).count();
    std::string text =
        fmt::format("{} {}: {} in {:.3f} s", proto::row_of(transfer_->request().command).name,
                    escape(transfer_->request().path.text()), status::format_bytes(transfer_->bytes()), seconds);
    // The size that ALLO announces is advice (RFC 959 section 4.1.3). With REST some clients mean the whole file by it, and
    // some what is left to send.
    const proto::transfer_request& request = transfer_->request();
    const std::uint64_t bytes = transfer_->bytes();
    if (transfer_->is_upload() && request.announced && *request.announced != bytes &&
        *request.announced != request.offset + bytes)
        text += fmt::format("; ALLO had announced {} bytes", *request.announced);
    if (outcome)
        log(log::level::info, text);
    else
        log(log::level::info, fmt::format("{}, failed: {}", text, escape(outcome.error().text())));
}

void session::cancel_transfer() {
    // One that has ended, now or while it was being cancelled, is concluded by its own outcome, and once.
    if (transfer_ && !outcome_ && transfer_->cancel() && !outcome_) finish_transfer(fail(errc::cancelled));
}

void session::stop() {
    stopping_ = true;
    stop_text_ = "The service is shutting down; connect again later.";
    if (!transfer_) control_.interrupt_read();
}

void session::disconnect() {
    stopping_ = true;
    stop_text_ = "The administrator has ended this session.";
    cancel_transfer();
    wake();
}

void session::kill() {
    stopping_ = true;
    broken_ = true;
    cancel_transfer();
    control_.abort();
    if (transfer_finished_) transfer_finished_->set();
}

}  // namespace sallyport::server
