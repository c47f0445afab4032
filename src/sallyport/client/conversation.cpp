#include <sallyport/client/conversation.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <variant>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/stall_watch.hpp>

namespace sallyport::client {

namespace act = proto::client_act;

namespace {

constexpr auto for_ever = std::chrono::hours(24 * 365);
/// After the data side failed the server's words are waited for, but not long: it may be gone too.
constexpr auto words_after_failure = std::chrono::seconds(5);

proto::client_settings settings_for(const url& where, const options& o, const net::stream& control) {
    proto::client_settings s;
    s.local = control.local();
    s.peer = control.peer();
    s.tls_active = where.tls == tls_mode::implicit;
    s.tls_required = where.tls != tls_mode::none;
    s.protect_data = o.protect_data;
    const credentials login = o.login.value_or(login_of(where));
    s.user = login.user;
    s.password = login.password;
    s.account = login.account;
    s.methods = o.methods;
    s.address_rule = o.address_rule;
    s.active_address = o.active_address;
    s.greeting = s.delayed_greeting = o.greeting;
    s.reply = o.reply;
    s.data_open = o.data_open;
    s.quit = o.quit;
    return s;
}

}  // namespace

/// What the reader of the control connection and the mover of data share while both run.
struct conversation::watch {
    explicit watch(net::loop& l) : over(l) {}
    net::event over;
    bool timed_out = false;
};

// ---- Opening

net::task<std::optional<proto::client_failure>> conversation::open(url where) {
    using proto::client_failure;
    host_ = where.host;
    const auto addresses = co_await net::resolve(loop_, where.host, net::time_limit::within(options_.connect));
    if (!addresses) co_return client_failure{step::resolve, addresses.error()};

    std::optional<error> why;
    for (const auto& address : *addresses) {
        const endpoint to{address, where.port};
        note("connecting to " + to.text());
        auto connected = co_await net::connect(loop_, to, net::connect_options{}, net::time_limit::within(options_.connect));
        if (connected) {
            control_ = std::move(*connected);
            break;
        }
        why = connected.error();
        if (why->what.empty()) why->what = to.text();
        note(why->text());
    }
    if (!control_.is_open())
        co_return client_failure{step::connect, why.value_or(error{errc::unresolved, 0, "the host has no address"})};
    control_.set_keepalive(options_.keepalive);

    if (where.tls == tls_mode::implicit) {
        const auto secured = co_await secure_control();
        if (!secured) co_return client_failure{step::tls, secured.error()};
    }
    machine_.emplace(settings_for(where, options_, control_));
    if (options_.transcript) machine_->set_trace(options_.transcript);
    co_await carry_out(nullptr);
    co_return machine_->failure();
}

net::task<result<void>> conversation::secure_control() {
    if (!options_.tls) co_return fail(errc::misuse, "TLS was asked for, but no TLS settings were given");
    net::tls_connect_options how;
    how.server_name = host_;
    const auto limit = net::time_limit::within(options_.tls_handshake);
    const auto done = co_await control_.connect_tls(*options_.tls, how, limit);
    if (!done) co_return std::unexpected(done.error());
    const auto facts = control_.tls();
    fingerprint_ = facts.peer_fingerprint;
    note(fmt::format("{}, {}, certificate {}", facts.version, facts.cipher, facts.peer_fingerprint));
    co_return result<void>{};
}

net::task<> conversation::start_tls() {
    const auto secured = co_await secure_control();
    if (secured)
        machine_->tls_started();
    else
        machine_->lost(secured.error());
}

// ---- Orders

net::task<> conversation::carry_out(data_job* job) {
    moved_.reset();
    protected_ = resumed_ = false;
    if (job) attempts_noted_ = 0;
    for (;;) {
        const auto action = machine_->next();
        note_attempts();
        if (std::holds_alternative<act::done>(action)) break;
        if (const auto* read = std::get_if<act::read>(&action)) {
            co_await perform_read(*read);
        } else if (std::holds_alternative<act::start_tls>(action)) {
            co_await start_tls();
        } else if (const auto* connect = std::get_if<act::connect_data>(&action)) {
            const auto opened = co_await data_.connect(control_.local().address, connect->to, connect->limit);
            machine_->data_opened(opened);
        } else if (std::holds_alternative<act::listen_data>(action)) {
            machine_->data_listening(data_.listen(control_.local().address, options_.active_ports));
        } else if (const auto* accept = std::get_if<act::accept_data>(&action)) {
            const auto opened = co_await data_.accept(control_.peer().address, accept->limit);
            machine_->data_opened(opened);
        } else if (const auto* move = std::get_if<act::move_data>(&action)) {
            co_await move_data(move->protect, *job);
        } else {
            machine_->data_done();  // it has ended; move_data() waits for the end of both
        }
    }
    data_.abort();
    note_attempts();
}

net::task<> conversation::perform_read(act::read how) {
    if (how.turn != turn_) {
        turn_ = how.turn;
        due_ = net::clock::now() + how.limit;
    }
    const net::time_limit limit{how.limit, due_};
    if (!machine_->output().empty()) {
        const std::string out = machine_->output();
        machine_->output_sent();
        const auto sent = co_await control_.write_all(out, limit);
        if (!sent) {
            machine_->lost(sent.error());
            co_return;
        }
    }
    co_await read_once(limit);
}

net::task<> conversation::read_once(net::time_limit limit) {
    std::array<char, limits::control_read> block;
    const auto n = co_await control_.read_some(block, limit);
    if (!n)
        machine_->lost(n.error());
    else if (*n == 0)
        machine_->lost(error{errc::closed, 0, {}});
    else
        machine_->receive({block.data(), *n});
}

// ---- Data

net::task<> conversation::move_data(bool protect, data_job& job) {
    const auto watching = std::make_shared<watch>(loop_);
    loop_.spawn("reading the control connection", watch_control(watching));

    moved_ = co_await run_job(protect, job);
    if (moved_->failure)
        data_.abort();
    else
        data_.close();
    machine_->data_done();

    const auto patience =
        moved_->failure ? std::min<std::chrono::milliseconds>(words_after_failure, options_.reply) : options_.reply;
    const bool over = co_await watching->over.wait(net::clock::now() + patience);
    if (over) co_return;
    watching->timed_out = true;
    control_.interrupt_read();
    const bool ended = co_await watching->over.wait(net::clock::now() + for_ever);
    static_cast<void>(ended);
}

net::task<moved> conversation::run_job(bool protect, data_job& job) {
    data_.stream().set_keepalive(options_.keepalive);
    if (protect) {
        data_protection how{*options_.tls, host_, newest_session_, fingerprint_};
        if (auto newest = control_.session(); newest && !how.resume) how.resume = newest;
        const auto secured = co_await data_.protect(how, options_.tls_handshake);
        if (!secured) {
            error why = secured.error();
            why.what = "TLS on the data connection" + (why.what.empty() ? "" : ": " + why.what);
            co_return moved{0, why, false};
        }
        protected_ = true;
        resumed_ = data_.stream().tls().resumed;
    }
    net::stall_watch stall({.window = options_.stall, .bytes_per_second = options_.stall_rate});
    auto out = co_await job.run(data_.stream(), stall.limit());
    if (out.failure && out.failure->code == errc::timeout) out.failure->what = stall.text();
    if (protect && data_.stream().is_open()) {
        // A ticket may serve only once (TLS 1.3): the next data connection gets the newest one.
        if (auto fresh = data_.stream().session()) newest_session_ = fresh;
    }
    co_return out;
}

net::task<> conversation::watch_control(std::shared_ptr<watch> w) {
    for (;;) {
        const auto action = machine_->next();
        if (std::holds_alternative<act::drop_data>(action)) data_.abort();
        if (!std::holds_alternative<act::read>(action)) break;
        std::array<char, limits::control_read> block;
        const auto n = co_await control_.read_some(block, net::time_limit{for_ever, net::deadline::max()});
        if (n && *n != 0)
            machine_->receive({block.data(), *n});
        else if (w->timed_out)
            machine_->lost(error{errc::timeout, 0, {}});
        else
            machine_->lost(n ? error{errc::closed, 0, {}} : n.error());
    }
    w->over.set();
}

void conversation::close() noexcept {
    data_.abort();
    if (control_.is_open()) control_.close();
}

// ---- The transcript

void conversation::note(const std::string& text) const {
    if (options_.transcript) options_.transcript("* " + text);
}

/// Says of each way to a data connection where it led, once.
void conversation::note_attempts() {
    if (!options_.transcript) return;
    const auto& all = machine_->attempts();
    for (; attempts_noted_ < all.size(); ++attempts_noted_) {
        const auto& a = all[attempts_noted_];
        const bool tried = a.to.port != 0 || a.failure;
        if (!tried) break;
        if (a.advertised.port != 0 && a.advertised.address != a.to.address)
            note(fmt::format("the server names {}; using {}, where its control connection is", a.advertised.text(),
                             a.to.text()));
        note(fmt::format("{}: {} {}", name(a.method), is_active(a.method) ? "waiting at" : "connecting to", a.to.text()));
    }
}

}  // namespace sallyport::client
