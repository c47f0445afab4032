#include <sallyport/client/connection.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>
#include <variant>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/client/through_proxy.hpp>
#include <sallyport/net/stall_watch.hpp>

namespace sallyport::client {

namespace act = proto::client_act;
using proto::client_failure;
using proto::client_step;

namespace {

constexpr auto unlimited = std::chrono::hours(24 * 365);
/// Maximum wait for the final reply after the data connection failed; the control connection may be lost as well.
constexpr auto reply_wait_after_failure = std::chrono::seconds(5);

proto::open_until machine_depth(open_depth until) noexcept {
    switch (until) {
        case open_depth::tcp:
        case open_depth::greeting: return proto::open_until::greeting;
        case open_depth::tls: return proto::open_until::tls;
        case open_depth::login: break;
    }
    return proto::open_until::login;
}

}  // namespace

/// Shared by the coroutine that reads the control connection and the one that transfers data.
struct connection::control_reader {
    explicit control_reader(net::loop& l) : finished(l) {}
    net::event finished;
    bool timed_out = false;
};

net::time_limit connection::within(net::clock::duration timeout) const {
    return {timeout, std::min(deadline_, net::clock::now() + timeout)};
}

proto::client_settings connection::settings(open_depth until) const {
    proto::client_settings s;
    s.local = control_.local();
    s.peer = server_end();
    s.tls_active = server_.tls == tls_mode::implicit;
    s.tls_required = server_.tls != tls_mode::none;
    s.protect_data = options_.protect_data;
    s.until = machine_depth(until);
    s.user = credentials_.user;
    s.password = credentials_.password;
    s.account = credentials_.account;
    s.methods = options_.methods;
    // A server can't connect to this host through a proxy.
    if (options_.proxy) std::erase_if(s.methods, proto::is_active);
    s.address_rule = options_.address_rule;
    s.active_address = options_.active_address;
    s.greeting = s.delayed_greeting = options_.greeting;
    s.reply = options_.reply;
    s.round_trip = std::chrono::ceil<std::chrono::milliseconds>(control_.round_trip());
    s.data_open = options_.data_open;
    s.quit = options_.quit;
    return s;
}

endpoint connection::server_end() const {
    if (!options_.proxy || control_.peer().port == 0) return control_.peer();
    return {ip_address::parse(server_.host).value_or(ip_address()), server_.port};
}

// ---- Opening

net::task<std::optional<client_failure>> connection::open(server_address server, open_depth until, credentials login_as) {
    clock_.restart();
    server_ = std::move(server);
    credentials_ = std::move(login_as);
    auto connected = co_await connector_.connect(server_, deadline_);
    clock_.stop();
    if (!connected) co_return std::move(connected.error());
    control_ = std::move(*connected);
    control_.set_keepalive(options_.keepalive);
    if (!options_.preamble.empty()) {
        const auto sent = co_await control_.write_all(options_.preamble, within(options_.greeting));
        if (!sent) co_return client_failure{client_step::greeting, sent.error()};
    }
    if (until == open_depth::tcp) co_return std::nullopt;
    if (server_.tls == tls_mode::implicit) {
        clock_.enter(client_step::tls);
        const auto secured = co_await secure_control();
        if (!secured) co_return client_failure{client_step::tls, secured.error()};
    }
    machine_.emplace(settings(until));
    if (options_.transcript) machine_->set_trace(options_.transcript);
    co_await run_machine(nullptr);
    co_return machine_->failure();
}

net::task<result<void>> connection::secure_control() {
    if (!options_.tls) co_return fail(errc::misuse, "TLS is required, but no TLS context is set");
    net::tls_connect_options how;
    how.server_name = server_.tls_name.empty() ? server_.host : server_.tls_name;
    const auto limit = within(options_.tls_handshake);
    const auto done = co_await control_.connect_tls(*options_.tls, how, limit);
    identity_ = {};
    if (!done && done.error().code == errc::tls_untrusted) identity_.key = control_.tls().peer_key;
    if (!done) co_return std::unexpected(done.error());
    const auto facts = control_.tls();
    identity_ = {facts.peer_fingerprint, facts.peer_key, std::nullopt};
    trace(
        fmt::format("{}, {}, certificate {}, key {}", facts.version, facts.cipher, facts.peer_fingerprint, facts.peer_key));
    if (!options_.check_key) co_return result<void>{};
    auto refused = options_.check_key(facts.peer_key);
    if (!refused) co_return result<void>{};
    identity_.refusal = refused->reason;
    co_return fail(errc::tls_untrusted, std::move(refused->text));
}

net::task<> connection::start_tls() {
    const auto secured = co_await secure_control();
    if (secured)
        machine_->tls_started();
    else
        machine_->connection_failed(secured.error());
}

// ---- Calls

net::task<std::optional<client_failure>> connection::login() {
    clock_.restart();
    machine_->queue_login();
    co_await run_machine(nullptr);
    co_return machine_->failure();
}

net::task<std::expected<proto::reply, client_failure>> connection::request(proto::verb verb, std::string argument) {
    return named_request(std::string(proto::row_of(verb).name), std::move(argument));
}

net::task<std::expected<proto::reply, client_failure>> connection::named_request(std::string name, std::string argument) {
    clock_.restart();
    const auto order = machine_->queue_named_request(std::move(name), std::move(argument));
    co_await run_machine(nullptr);
    if (const auto* reply = machine_->reply_to(order)) co_return *reply;
    co_return std::unexpected(machine_->failure().value_or(client_failure{}));
}

net::task<std::expected<proto::reply, client_failure>> connection::command(proto::verb verb, std::string argument,
                                                                           std::vector<int> success) {
    auto reply = co_await request(verb, std::move(argument));
    if (!reply) co_return reply;
    const bool succeeded = success.empty() ? reply->positive() : std::ranges::find(success, reply->code) != success.end();
    if (succeeded) co_return reply;
    co_return std::unexpected(proto::failure_at(client_step::request, error{errc::rejected, 0, summary(*reply)}, &*reply));
}

net::task<std::expected<std::optional<std::uint64_t>, client_failure>> connection::size(std::string path) {
    clock_.restart();
    machine_->queue_size(std::move(path));
    co_await run_machine(nullptr);
    if (const auto& why = machine_->failure()) co_return std::unexpected(*why);
    co_return machine_->size();
}

net::task<std::optional<client_failure>> connection::transfer(proto::client_transfer command, data_handler& handler) {
    clock_.restart();
    machine_->queue_transfer(std::move(command));
    co_await run_machine(&handler);
    co_return machine_->failure();
}

net::task<> connection::quit() {
    clock_.restart();
    if (machine_ && control_.is_open()) {
        machine_->queue_quit();
        co_await run_machine(nullptr);
    }
    close();
}

void connection::close() noexcept {
    data_.abort();
    if (control_.is_open()) control_.close();
}

// ---- Actions of the machine

net::task<> connection::run_machine(data_handler* handler) {
    counts_.reset();
    tls_of_data_.reset();
    if (handler) traced_attempts_ = 0;
    for (;;) {
        const auto action = machine_->next();
        trace_attempts();
        if (std::holds_alternative<act::done>(action)) break;
        clock_.enter(machine_->at());
        if (interruption_.is_final) {
            machine_->connection_failed(error{errc::cancelled, 0, {}});
        } else if (const auto* read = std::get_if<act::read>(&action)) {
            co_await perform_read(*read);
        } else if (std::holds_alternative<act::start_tls>(action)) {
            co_await start_tls();
        } else if (const auto* connect = std::get_if<act::connect_data>(&action)) {
            co_await connect_data(*connect);
        } else if (std::holds_alternative<act::listen_data>(action)) {
            co_await listen_for_data();
        } else if (const auto* accept = std::get_if<act::accept_data>(&action)) {
            const auto opened = co_await data_.accept(control_.peer().address, within(accept->limit));
            if (!opened) trace(opened.error().text());
            machine_->data_opened(opened);
        } else if (const auto* move = std::get_if<act::transfer_data>(&action)) {
            co_await move_data(move->protect, *handler);
        } else {
            // The transfer has ended already; move_data() waits for the end of both.
            machine_->data_done();
        }
    }
    clock_.stop();
    data_.abort();
    trace_attempts();
    if (handler && options_.mapping) co_await options_.mapping->close();
}

net::task<result<void>> connection::send_output(net::time_limit limit) {
    result<void> sent;
    // One write at a time: the running one also sends output that is added in the meantime.
    if (std::exchange(sending_, true)) co_return sent;
    while (sent && !machine_->output().empty()) {
        const std::string out = machine_->output();
        machine_->output_sent();
        sent = co_await control_.write_all(out, limit);
    }
    sending_ = false;
    co_return sent;
}

net::task<> connection::perform_read(act::read how) {
    if (how.turn != wait_turn_) {
        wait_turn_ = how.turn;
        read_deadline_ = within(how.limit).total;
    }
    const net::time_limit limit{how.limit, read_deadline_};
    const auto sent = co_await send_output(limit);
    if (!sent) {
        machine_->connection_failed(sent.error());
        co_return;
    }
    std::array<char, limits::control_read_size> block;
    const auto n = co_await control_.read_some(block, limit);
    if (n && *n != 0) {
        machine_->receive({block.data(), *n});
        co_return;
    }
    const auto why = n ? error{errc::closed, 0, {}} : n.error();
    trace("no reply: " + why.text());
    machine_->connection_failed(why);
}

// ---- Data

net::task<> connection::connect_data(act::connect_data to) {
    const auto limit = within(to.limit);
    // The request for a transfer may be sent together with the connect.
    const auto sent = co_await send_output(limit);
    if (!sent) {
        machine_->connection_failed(sent.error());
        co_return;
    }
    const auto& proxy = options_.proxy;
    const auto first = proxy ? control_.peer() : to.to;
    auto opened = co_await data_.connect(control_.local().address, first, options_.max_segment, limit);
    if (opened && proxy) {
        // The server's name, so that both connections are with one host.
        const bool is_server = to.to.address == server_end().address;
        const proxy_destination server{is_server ? server_.host : to.to.address.text(), to.to.port};
        opened = co_await pass_proxy(data_.stream(), *proxy, server, limit);
        if (opened) trace(fmt::format("connected to {} through the proxy {}", server.text(), proxy->text()));
    }
    if (opened && !options_.data_preamble.empty()) opened = co_await data_.stream().write_all(options_.data_preamble, limit);
    if (!opened) trace(opened.error().text());
    machine_->data_opened(opened);
}

net::task<> connection::listen_for_data() {
    auto at = data_.listen(control_.local().address, options_.active_ports);
    if (at && options_.mapping) at = co_await options_.mapping->open(*at, control_.peer().address, within(options_.reply));
    machine_->data_listening(at);
}

net::task<> connection::move_data(bool protect, data_handler& handler) {
    const auto watching = std::make_shared<control_reader>(loop_);
    moving_ = true;
    loop_.spawn("reading the control connection", read_control(watching));

    // The reader uses this object, so an exception must not end this before the reader has ended.
    std::exception_ptr exception;
    try {
        counts_ = co_await run_handler(protect, handler);
    } catch (...) {
        exception = std::current_exception();
        counts_ = transfer_counts{0, fail_without_memory().error(), false};
    }
    if (counts_->failure)
        data_.abort();
    else
        data_.close();
    moving_ = false;
    try {
        machine_->data_done();
    } catch (...) {
        exception = std::current_exception();
    }

    const auto final_reply_timeout =
        counts_->failure ? std::min<std::chrono::milliseconds>(reply_wait_after_failure, options_.reply) : options_.reply;
    const auto until = exception ? net::clock::now() : within(final_reply_timeout).total;
    const bool finished = co_await with_memory_reserve([&] { return watching->finished.wait(until); });
    if (!finished) {
        watching->timed_out = true;
        control_.interrupt_read();
        const auto ever = net::clock::now() + unlimited;
        (void)co_await with_memory_reserve([&] { return watching->finished.wait(ever); });
    }
    if (exception) std::rethrow_exception(exception);
}

net::task<transfer_counts> connection::run_handler(bool protect, data_handler& handler) {
    data_.stream().set_keepalive(options_.keepalive);
    if (protect) {
        data_protection how{*options_.tls, server_.tls_name.empty() ? server_.host : server_.tls_name, newest_session_,
                            options_.require_same_certificate ? std::optional(identity_.fingerprint) : std::nullopt};
        if (auto newest = control_.session(); newest && !how.resume) how.resume = newest;
        if (!options_.resume_data) how.resume = {};
        const auto secured = co_await data_.protect(how, within(options_.tls_handshake));
        if (!secured) {
            error why = secured.error();
            why.what = "TLS on the data connection" + (why.what.empty() ? "" : ": " + why.what);
            co_return transfer_counts{0, why, false};
        }
        tls_of_data_ = data_tls{data_.stream().tls().resumed};
    }
    net::stall_watch stall({.window = options_.stall, .bytes_per_second = options_.stall_rate});
    auto limit = stall.limit();
    limit.total = deadline_;
    handler.limit_rate(loop_, options_.rate);
    auto out = co_await handler.run(data_.stream(), limit);
    const bool stalled = out.failure && out.failure->code == errc::timeout && net::clock::now() < deadline_;
    if (stalled) out.failure->what = stall.text();
    if (protect && data_.stream().is_open()) {
        // A TLS 1.3 ticket may be valid only once, so the next data connection gets the newest one.
        if (auto fresh = data_.stream().session()) newest_session_ = fresh;
    }
    co_return out;
}

net::task<> connection::read_control(std::shared_ptr<control_reader> w) {
    // Also after an exception; then the coroutine that moves the data reads the final reply.
    const at_exit finish([&w] { w->finished.set(); });
    for (;;) {
        const auto action = machine_->next();
        if (std::holds_alternative<act::close_data>(action)) data_.abort();
        if (!std::holds_alternative<act::read>(action)) break;
        net::time_limit limit{unlimited, net::deadline::max()};
        if (options_.noop_interval && moving_) limit = net::time_limit::within(*options_.noop_interval);
        std::array<char, limits::control_read_size> block;
        const auto n = co_await control_.read_some(block, limit);
        if (n && *n != 0)
            machine_->receive({block.data(), *n});
        else if (w->timed_out)
            machine_->connection_failed(error{errc::timeout, 0, {}});
        else if (!n && std::exchange(interruption_.woke_reader, false))
            continue;
        else if (!n && n.error().code == errc::timeout && moving_)
            co_await send_noop();
        else if (!n && n.error().code == errc::timeout)
            continue;
        else
            machine_->connection_failed(n ? error{errc::closed, 0, {}} : n.error());
    }
}

net::task<> connection::send_noop() {
    if (!moving_) co_return;
    machine_->send_noop();
    // If it cannot be sent, the reader of the control connection reports the error.
    const auto sent = co_await send_output(within(options_.reply));
    static_cast<void>(sent);
}

net::task<bool> connection::abort_transfer() {
    if (!moving_) co_return false;
    machine_->abort_transfer();
    const auto sent = co_await send_output(within(options_.reply));
    static_cast<void>(sent);
    if (!moving_) co_return true;
    interruption_.woke_reader = true;
    control_.interrupt_read();
    co_return true;
}

net::task<> connection::cancel() {
    interruption_.is_final = true;
    connector_.cancel();
    const bool is_aborted = co_await abort_transfer();
    if (!is_aborted) control_.interrupt_read();
}

std::optional<activity> connection::current() const {
    const auto at = clock_.running();
    if (!at) return std::nullopt;
    activity out{*at, std::nullopt};
    if (*at == client_step::data && machine_ && !machine_->attempts().empty())
        out.method = machine_->attempts().back().method;
    return out;
}

// ---- The transcript

void connection::trace(const std::string& text) const {
    if (options_.transcript) options_.transcript("* " + text);
}

/// Adds one line for each data method and its peer.
void connection::trace_attempts() {
    if (!options_.transcript) return;
    const auto& all = machine_->attempts();
    for (; traced_attempts_ < all.size(); ++traced_attempts_) {
        const auto& a = all[traced_attempts_];
        const bool tried = a.target.port != 0 || a.failure;
        if (!tried) break;
        if (options_.proxy) {
            trace(fmt::format("{}: connecting through the proxy", name(a.method)));
            continue;
        }
        if (a.advertised.port != 0 && a.advertised.address != a.target.address)
            trace(fmt::format("the server advertises {}; connecting to {}, the address of the control connection",
                              a.advertised.text(), a.target.text()));
        trace(fmt::format("{}: {} {}", name(a.method), is_active(a.method) ? "listening on" : "connecting to",
                          a.target.text()));
    }
}

}  // namespace sallyport::client
