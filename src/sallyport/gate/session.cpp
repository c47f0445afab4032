#include <sallyport/gate/session.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/gate/backend.hpp>
#include <sallyport/net/pause.hpp>

namespace sallyport::gate {

using status::transfer_end;

namespace {

// Commands and replies are short; idle sessions are many.
constexpr std::size_t read_size = 2048;
// For the client to take the last reply and close: what it still sends would turn our close into a reset, and the reply
// would be lost (G6).
constexpr auto farewell = std::chrono::milliseconds(500);

}  // namespace

session::session(std::shared_ptr<service> gate, front::arrival from)
    : front::session(from),
      gate_(std::move(gate)),
      home_(from.home),
      client_(home_, std::move(from.connection.socket), from.connection.local, from.connection.peer),
      reached_(from.reached),
      implicit_tls_(from.implicit_tls),
      client_wake_(home_),
      backend_wake_(home_) {
    client_.set_keepalive(gate_->config.keepalive);
    const auto pace = [](std::uint64_t rate) {
        return token_bucket(static_cast<double>(rate), static_cast<double>(rate) / 10);
    };
    if (gate_->config.upload_rate != 0) upload_pace_ = pace(gate_->config.upload_rate);
    if (gate_->config.download_rate != 0) download_pace_ = pace(gate_->config.download_rate);
}

net::task<> run_session(std::shared_ptr<session> self) {
    if (self->passes_unread()) {
        co_await self->pass_unread();
        co_return;
    }
    if (self->implicit_tls_) {
        const bool shaken = co_await self->start_tls();
        if (!shaken) co_return;
    }
    const bool served = co_await self->meet_backend();
    if (!served) co_return;
    self->home_.spawn("gate: backend leg", run_backend_leg(self));
    co_await self->client_leg();
    co_await self->finish();
}

net::task<> turn_away(std::shared_ptr<session> self, std::string why) {
    status::count(self->gate_->counters.turned_away_no_backend);
    self->log(log::level::warning, fmt::format("Connection from {} turned away: {}", self->client_.peer().text(), why));
    std::string line;
    proto::append_reply(line, 421, why);
    const auto limit = net::time_limit::within(farewell);
    const auto sent = co_await self->client_.write_all(line, limit);
    if (sent) co_await self->say_farewell();
}

net::task<> run_backend_leg(std::shared_ptr<session> self) { co_await self->backend_leg(); }

net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<data_path> path) {
    co_await self->transfer(std::move(path));
}

void session::stop() {
    stopping_ = true;
    if (room_ != nullptr) room_->set();
    if (machine_ || passing_) wake();
}

void session::dismiss() {
    dismissed_ = true;
    if (passing_) return kill();  // nothing can be said inside another's TLS
    stop();
}

void session::kill() {
    lost_ = true;
    drop_data(transfer_end::stopped);
    client_.abort();
    backend_.abort();
    if (room_ != nullptr) room_->set();
    if (machine_ || passing_) wake();
}

// ---- The legs

net::task<> session::client_leg() {
    std::array<char, read_size> buffer;
    co_await advance();
    while (!over()) {
        if (net::clock::now() >= answer_due()) {
            give_up_silent_backend();
            co_await advance();
        }
        if (!over() && net::clock::now() >= word_due_) {
            give_up_waiting();
            co_await advance();
        }
        if (!over() && net::clock::now() >= led_due()) {
            look_at_led();
            co_await advance();
        }
        expire_if_due();
        if (over()) break;
        if (tls_due_) {
            co_await all_said();
            const bool shaken = co_await start_tls();
            if (!shaken) break;
            tls_due_ = false;
            machine_->client_tls_started(certified_user());
            continue;
        }
        if (through_due_) {
            co_await all_said();
            co_await pass_through();
            break;
        }
        if (clear_due_) {
            co_await all_said();
            const auto ended = co_await client_.end_tls(limits::tls_shutdown);
            if (!ended) {
                log(log::level::warning, fmt::format("TLS with {} did not end in good order: {}", client_.peer().text(),
                                                     escape(ended.error().text())));
                lost_ = true;
                break;
            }
            clear_due_ = false;
            machine_->client_tls_ended();
            continue;
        }
        if (client_ended_ || !machine_->wants_client()) {
            client_wake_.clear();
            co_await client_wake_.wait(quiet_until());
            continue;
        }
        const net::time_limit limit{.total = quiet_until()};
        const auto got = co_await client_.read_some(buffer, limit);
        if (!got && (got.error().code == errc::timeout || got.error().code == errc::cancelled)) continue;
        if (got && *got == 0 && !is_past_upload()) {
            client_ended_ = true;  // it only waits for the answers
            machine_->input_ended();
            co_await advance();
            continue;
        }
        if (!got || *got == 0) {
            lost_ = true;
            break;
        }
        activity_ = net::clock::now();
        if (machine_->logged_in()) login_since_ = activity_;  // it may be REIN
        haste_.heard(activity_);
        machine_->from_client({buffer.data(), *got});
        if (silent_) join_silent();
        co_await advance();
    }
}

net::task<> session::backend_leg() {
    std::array<char, read_size> buffer;
    while (!over()) {
        if (auto what = std::exchange(wanted_, std::nullopt)) {
            co_await change_backend(std::move(*what));
            continue;
        }
        if (slot_ && !machine_->has_backend()) leave_backend();
        if (tls_behind_due_) {
            co_await start_tls_behind();
            continue;
        }
        if (!machine_->wants_backend()) {
            backend_wake_.clear();
            co_await backend_wake_.wait(net::deadline::max());
            continue;
        }
        const auto got = co_await backend_.read_some(buffer, net::time_limit());
        while (!over() && data_ && data_->needs_silence()) {
            backend_wake_.clear();
            co_await backend_wake_.wait(net::deadline::max());
        }
        if (over()) break;
        if (wanted_ || !machine_->has_backend() || (!got && got.error().code == errc::timeout)) continue;
        if (!got && tls_behind_due_ && got.error().code == errc::cancelled) continue;
        if (got && *got > 0) {
            activity_ = net::clock::now();
            machine_->from_backend({buffer.data(), *got});
        } else {
            machine_->backend_closed(got ? "closed" : got.error().text());
            gate_->checks.hurry(slot_.id());  // no proof: a client can make a server close
        }
        co_await advance();
    }
}

net::task<> session::transfer(std::shared_ptr<data_path> path) {
    auto& counters = gate_->counters;
    status::count(counters.transfers_running);
    const auto outcome = co_await path->run();
    status::uncount(counters.transfers_running);
    const bool complete = outcome.end == proto::data_end::complete;
    status::count(complete ? counters.transfers_complete : counters.transfers_failed);
    add_to_summary(path->record(), complete);
    status::count(counters.bytes_received, path->counts().a_to_b);
    status::count(counters.bytes_sent, path->counts().b_to_a);
    if (complete && log::enabled(log::level::info))
        log(log::level::info, fmt::format("{}, complete", path->summary()));
    else if (!complete)
        log(log::level::warning,
            fmt::format("{}, cut: {}", path->summary(), outcome.why.empty() ? "given up" : escape(outcome.why)));
    activity_ = net::clock::now();
    if (data_ != path) co_return;
    keep_record(path->record(), end_of(outcome, path->too_late()), outcome.why);
    data_.reset();
    machine_->data_ended(outcome);
    co_await advance();
}

// Does what the machine asks for and sends what it says, until it has nothing more. Any of the coroutines may be here while
// another one waits inside for a slow peer; each leg is written by one of them at a time, which takes what the others add.
net::task<> session::advance() {
    const net::time_limit limit{.progress = gate_->config.data_stall};
    for (;;) {
        perform();
        if (machine_->logged_in()) allow_log();
        if (machine_->has_to_backend() && !backend_writing_) {
            backend_writing_ = true;
            machine_->take_to_backend(to_backend_);
            const auto sent = co_await backend_.write_all(to_backend_, limit);
            backend_writing_ = false;
            if (!sent) machine_->backend_closed(sent.error().text());
        } else if (machine_->has_to_client() && !client_writing_ && !lost_) {
            client_writing_ = true;
            machine_->take_to_client(to_client_);
            const auto sent = co_await client_.write_all(to_client_, limit);
            client_writing_ = false;
            lost_ = lost_ || !sent;
        } else {
            break;
        }
    }
    keep_time_of_backend();
    wake();
}

/// Waits until the client has been sent all that the machine has for it.
net::task<> session::all_said() {
    for (;;) {
        co_await advance();
        if (lost_ || !client_writing_) co_return;
        client_wake_.clear();
        co_await client_wake_.wait(net::deadline::max());
    }
}

net::task<> session::finish() {
    co_await all_said();
    drop_data(lost_ ? transfer_end::client : transfer_end::stopped);
    end_direct(0);
    write_record(0);
    leave_backend();
    if (room_ != nullptr) room_->set();
    backend_wake_.set();
    log(log::level::info, lost_ ? "The client's connection ended" : "Session ended");
    tell_summary();
    if (!lost_) co_await say_farewell();
    client_.close();
}

net::task<> session::say_farewell() {
    const auto limit = net::time_limit::within(farewell);
    std::array<char, read_size> unread;
    auto got = result<std::size_t>(1);
    co_await client_.finish_sending(farewell);
    while (got && *got > 0) got = co_await client_.read_some(unread, limit);
}

// ---- What the machine asks for

void session::perform() {
    for (;;) {
        auto action = machine_->next();
        if (std::holds_alternative<proto::relay_act::idle>(action) ||
            std::holds_alternative<proto::relay_act::close>(action))
            return;
        if (const auto* start = std::get_if<proto::relay_act::start_tls>(&action)) {
            (start->leg == proto::relay_leg::client ? tls_due_ : tls_behind_due_) = true;
            return;
        }
        if (std::holds_alternative<proto::relay_act::pass_through>(action)) {
            through_due_ = true;
            return;
        }
        if (std::holds_alternative<proto::relay_act::end_tls>(action)) {
            clear_due_ = true;
            return;
        }
        if (const auto* reserve = std::get_if<proto::relay_act::reserve_port>(&action)) reserve_port(*reserve);
        if (std::holds_alternative<proto::relay_act::drop_data>(action))
            drop_data(machine_->closing() ? transfer_end::stopped : transfer_end::aborted);
        if (auto* find = std::get_if<proto::relay_act::find_backend>(&action)) wanted_ = std::move(*find);
        if (const auto* admit = std::get_if<proto::relay_act::admit_user>(&action)) admit_user(admit->name);
        if (auto* open = std::get_if<proto::relay_act::open_data>(&action)) open_data(std::move(open->plan));
        if (std::holds_alternative<proto::relay_act::confirm_data>(action) && data_) data_->confirm();
    }
}

void session::reserve_port(proto::relay_act::reserve_port what) {
    led_ = {};
    if (what.leg == proto::relay_leg::backend) {
        port_behind_ = {};
        const auto& local = backend_.local().address;
        auto reserved = gate_->inbound.ports().reserve(home_, local, backend_.peer().address);
        if (!reserved) return machine_->port_reserved(std::unexpected(reserved.error()));
        port_behind_ = std::move(*reserved);
        const endpoint own{local, port_behind_.port()};
        if (!what.to) return machine_->port_reserved(own);
        return lead(what.leg,
                    {.client = backend_.peer().address, .at = own, .to = *what.to, .from = client_.local().address}, own);
    }
    port_ = {};
    const bool demanded = gate_->config.reuse == net::tls_reuse::require || gate_->inbound.single();
    if (what.protect && demanded) client_.offer_ticket();
    const reach::passive_caller who{client_, reached_, id(), what.protect ? id() : std::string()};
    auto offer = gate_->inbound.offer(who, what.extended);
    if (!offer) return machine_->port_reserved(std::unexpected(offer.error()));
    port_ = std::move(offer->port);
    if (what.to) {  // which takes a moment by itself
        const endpoint own{client_.local().address, port_.port()};
        return lead(what.leg,
                    {.client = client_.peer().address, .at = own, .to = *what.to, .from = backend_.local().address},
                    offer->told);
    }
    if (haste_.pause() > net::clock::duration::zero())
        return home_.spawn("gate: a pause", tell_port_later(self(), offer->told));
    haste_.answered(net::clock::now());
    machine_->port_reserved(offer->told);
}

net::task<> tell_port_later(std::shared_ptr<session> self, endpoint told) {
    co_await net::brief_pause(self->home_, self->haste_.pause());
    if (self->over()) co_return;
    self->haste_.answered(net::clock::now());
    self->machine_->port_reserved(told);
    co_await self->advance();
}

void session::open_data(proto::relay_plan plan) {
    record_owed_ = true;
    if (plan.data_path.route != proto::data_route::relayed) return begin_direct(std::move(plan));
    if (port_) port_.begin(plan.protect_client);
    data_terms terms{.local = client_.local().address,
                     .tls_id = id(),
                     .must_resume = gate_->config.reuse == net::tls_reuse::require || (port_ && port_.by_tls()),
                     .backend_tls = {},
                     .backend_header = {},
                     .client = client_.peer().address,
                     .backend = backend_.peer().address,
                     .client_met = [this] { backend_wake_.set(); },
                     .connected = [this](endpoint client) { return tell_data_connected(self(), client); },
                     .upload_may_end = [this] { return upload_may_end(); },
                     .allow_missing_close_notify = may_miss_close_notify()};
    if (upload_pace_) terms.pace.a_to_b = &*upload_pace_;
    if (download_pace_) terms.pace.b_to_a = &*download_pace_;
    if (plan.protect_backend) terms.backend_tls = {.server_name = slot_.where().tls_host(), .resume = backend_.session()};
    const auto& to = slot_.where();
    if (const auto* behind = std::get_if<proto::leg_connects>(&plan.backend);
        behind != nullptr && to.proxy && to.proxy_data) {
        // Before the client has connected nobody knows from which port it will. The other end is the port that the backend
        // promised: that is how some tell data from control.
        const proto::proxy_header client{true, {client_.peer().address, 0}, {reached_.address, behind->to.port}};
        terms.backend_header = proto::write_proxy_header(client, *to.proxy);
    }
    data_ = std::make_shared<data_path>(gate_, home_, std::move(plan), std::move(port_), std::move(port_behind_),
                                        std::move(terms));
    home_.spawn("gate: transfer", run_transfer(self(), data_));
}

net::task<> tell_data_connected(std::shared_ptr<session> self, endpoint client) {
    self->machine_->data_connected(client);
    co_await self->advance();
}

void session::admit_user(const std::string& name) {
    user_place_.reset();
    if (auto place = gate_->base->users->admit(name, gate_->config.most_per_user)) user_place_.emplace(std::move(*place));
    machine_->user_admitted(user_place_.has_value());
}

void session::drop_data(transfer_end why) {
    port_ = {};
    led_ = {};
    port_behind_ = {};
    if (const auto path = std::exchange(data_, nullptr)) {
        keep_record(path->record(), why, {});
        path->stop();
    }
}

/// Whoever waits and now has a reason not to, goes on.
void session::wake() {
    if (passing_) return client_wake_.set();
    if (over() || tls_due_ || clear_due_ || through_due_ || stop_due()) client_.interrupt_read();
    if (wanted_ || tls_behind_due_ || !machine_->has_backend()) backend_.interrupt_read();
    client_wake_.set();
    backend_wake_.set();
}

// G5: a running transfer is activity. G6: who is idle for too long is told so.
net::deadline session::quiet_until() const {
    const auto& config = gate_->config;
    // A transfer has deadlines of its own (G5). One that goes past us is the server's business, and keepalive tells whether
    // that is still there.
    if (data_ || direct_) return std::min({net::clock::now() + config.idle, word_due_, led_due()});
    const auto due = std::min(activity_ + config.idle, word_due_);
    return machine_->logged_in() ? due : std::min({due, login_since_ + config.login, answer_due()});
}

// G7: during the login another backend may still do, where it can be asked; a client that waits for its time to be over
// gives up first, and its next try may find the same backend.
net::deadline session::answer_due() const {
    return machine_->awaits_login() ? activity_ + gate_->config.backend_answer : net::deadline::max();
}

void session::give_up_silent_backend() {
    log(log::level::warning,
        fmt::format("Backend {} has not answered for {} s", slot_.where().text(), gate_->config.backend_answer.count()));
    gate_->checks.hurry(slot_.id());
    machine_->backend_silent();
}

void session::expire_if_due() {
    if (stop_due()) return machine_->expire(dismissed_ ? "The administrator has ended this session." : stopping_text);
    if (const auto now = net::clock::now(); now < quiet_until() || now >= std::min(word_due_, led_due())) return;
    if (machine_->awaits_backend()) return machine_->expire("The server behind has not answered in time.");
    if (machine_->logged_in()) return machine_->expire(fmt::format("Idle for {} s.", gate_->config.idle.count()));
    report(front::offence::login_timed_out);
    machine_->expire("The login took too long.");
}

}  // namespace sallyport::gate
