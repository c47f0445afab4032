// A session's way to its backend, at the start or at the login, and to another one in its place.

#include <sallyport/gate/session.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::gate {
namespace {

[[nodiscard]] std::string_view words_for(shortage s) noexcept {
    switch (s) {
        case shortage::failing: return "No server behind this gateway answers; try again later.";
        case shortage::full: return "All servers behind this gateway are full; try again later.";
        case shortage::none: return "There is no server behind this gateway yet; try again later.";
        case shortage::stranger: return "No server behind this gateway is for you.";
        case shortage::closed: return "All servers behind this gateway are closed for maintenance; try again later.";
    }
    return {};
}

// After a session was asked to leave: until a server that had no room is asked again. It may need a moment to see that the
// session is gone.
constexpr std::array<std::chrono::milliseconds, 3> room_pauses{
    std::chrono::milliseconds(100), std::chrono::milliseconds(300), std::chrono::milliseconds(600)};

[[nodiscard]] proto::data_path_rules data_path_rules(const service& gate) {
    using enum proto::kernel_forwarding;
    const auto& config = gate.config;
    return {.kernel = !config.kernel_data ? disabled
                      : gate.kernel       ? available
                                          : unavailable,
            .rate_limited = config.upload_rate != 0 || config.download_rate != 0,
            .single_port = gate.inbound.single() != nullptr,
            .proxy_headers = config.inbound.ports.proxies.data};
}

[[nodiscard]] bool may_wait(shortage s) noexcept { return s == shortage::full || s == shortage::none; }

}  // namespace

// False: there is none, and the client has been told.
net::task<bool> session::meet_backend() {
    if (gate_->config.dial_at_login || gate_->backends.decides_at_login()) {
        begin(std::nullopt);
        co_return true;
    }
    const caller who{.address = client_.peer().address, .user = {}, .host = {}};
    auto found = co_await find_backend(who);
    if (lost_) co_return false;
    if (found && !stopping_) {
        begin(std::move(*found));
        co_return true;
    }
    const std::string why(stopping_ ? std::string_view(stopping_text) : words_for(found.error()));
    co_await turn_away(self(), why);
    co_return false;
}

// One backend after the other until one greets: the client only ever sees the one that works.
net::task<std::expected<session::found_backend, shortage>> session::find_backend(caller who) {
    const auto& config = gate_->config;
    const auto queue_until = net::clock::now() + config.queue_wait;
    std::vector<backend_id> full;  // by their own words
    std::size_t asked_again = 0;
    for (;;) {
        auto chosen = gate_->backends.choose(who, tried_, net::clock::now());
        if (!chosen && may_wait(chosen.error())) chosen = co_await wait_for_room(who, queue_until);
        if (!chosen && !full.empty() && asked_again < room_pauses.size()) {
            bool may_get_room = asked_again > 0;
            if (!may_get_room) may_get_room = co_await ask_for_room(full, queue_until);
            if (!may_get_room || gives_up()) co_return std::unexpected(shortage::full);
            co_await home_.sleep_for(room_pauses.at(asked_again++));
            std::erase_if(tried_, [&](backend_id id) { return std::ranges::find(full, id) != full.end(); });
            full.clear();
            continue;
        }
        if (!chosen) co_return std::unexpected(full.empty() ? chosen.error() : shortage::full);
        found_backend found{.at = std::move(*chosen), .link = {}};
        if (gives_up()) co_return std::unexpected(shortage::failing);
        const auto& where = found.at.where();
        const auto begun = net::clock::now();
        const auto limit = net::time_limit::within(config.backend_connect);
        const proto::proxy_header client{.proxied = true, .source = client_.peer(), .destination = reached_};
        const backend to = where.for_client(client_.is_tls());
        const auto up_to = passes_unread() ? check_stage::tcp : check_stage::tls;
        auto link =
            co_await reach_backend(home_, to, client, config.backend_tls, config.keepalive, gate_->base->own, limit, up_to);
        if (link) {
            gate_->backend_answered(found.at.id(), where, witness::session, net::clock::now() - begun);
            found.link = std::move(*link);
            co_return found;
        }
        log(log::level::warning, fmt::format("Backend {} skipped: {}", where.text(), link.error().text()));
        // A refusal in words is an answer too: that server lives.
        if (link.error().cause.code != errc::rejected) gate_->backend_failed(found.at.id(), where, link.error());
        gate_->checks.hurry(found.at.id());
        tried_.push_back(found.at.id());
        if (link.error().reply == 421) full.push_back(found.at.id());
    }
}

/// True: one of those who hold these places without having said USER was asked to leave. Waits for one to be due, until
/// then.
net::task<bool> session::ask_for_room(std::vector<backend_id> full, net::deadline until) {
    for (;;) {
        const auto now = net::clock::now();
        const auto answer = gate_->silent.ask(full, now);
        if (answer.asked) co_return true;
        if (answer.next > until || gives_up()) co_return false;
        co_await home_.sleep_until(answer.next);
    }
}

net::task<choice> session::wait_for_room(caller who, net::deadline until) {
    const std::weak_ptr<session> me = self();
    waiter place(who, tried_, [mail = home_.mail(), me] {
        mail->post([me] {
            if (const auto there = me.lock(); there && there->room_ != nullptr) there->room_->set();
        });
    });
    if (gives_up() || !gate_->backends.enqueue(place)) co_return place.take();
    net::event room(home_);
    room_ = &room;
    for (bool told = false, woken = false; !woken;) {
        const auto now = net::clock::now();
        // Whoever leaves, the place goes to the first in the queue; each who waits there has asked for one.
        const auto answer = gate_->silent.ask(gate_->backends.full_for(who, tried_), now);
        if (answer.asked) until = std::max(until, answer.next);
        if (until <= now) break;
        if (!std::exchange(told, true)) log(log::level::info, "No backend has room yet; waiting for room");
        woken = co_await room.wait(std::min(until, answer.next));
        if (!woken && net::clock::now() >= until) {
            log(log::level::info, "No room in time");
            break;
        }
    }
    room_ = nullptr;
    co_return place.take();
}

/// Until USER: who waits for room may have this place. Again, when the client has said something.
void session::join_silent() {
    const auto now = net::clock::now();
    if (!machine_->user().empty() || !slot_) {
        silent_ = {};
    } else if (silent_) {
        silent_.heard(now);
    } else {
        silent_ = gate_->silent.join(slot_.id(), now, [mail = home_.mail(), me = std::weak_ptr<session>(self())] {
            mail->post([me] {
                if (const auto there = me.lock()) there->yield_place();
            });
        });
    }
}

void session::yield_place() {
    if (!slot_ || over() || !machine_->user().empty()) return;
    log(log::level::info, fmt::format("Ending this session to make room at {}: it has not sent USER", slot_.where().text()));
    machine_->expire("All FTP servers are busy and you have not sent USER; connect again.");
    wake();
}

/// Without a backend: the login will say for whom one is sought.
void session::begin(std::optional<found_backend> with) {
    const auto& config = gate_->config;
    auto line = fmt::format("Connection accepted from {} at {}", client_.peer().text(), reached_.text());
    proto::relay_settings s{.client_peer = client_.peer(),
                            .backend = {},
                            .tls_active = client_.is_tls(),
                            .tls_available = config.tls.has_value() || config.passes_tls(),
                            .tls_required = config.tls_required,
                            .ccc_allowed = config.ccc_allowed,
                            .pass_tls = config.passes_tls(),
                            .behind = config.backend_data,
                            .paths = data_path_rules(*gate_),
                            .policy = config.commands,
                            .certified_user = certified_user(),
                            .replace_user = config.replace_user,
                            .limit_users = config.most_per_user != 0,
                            .client_destination = reached_.address,
                            .ask_directory = config.transfers != nullptr};
    if (with) {
        slot_ = std::move(with->at);
        backend_ = std::move(with->link.stream);
        leg_ = std::move(with->link.leg);
        s.backend = backend_now();
        line += fmt::format(", backend {} ({})", slot_.where().text(), backend_.peer().text());
        machine_ = std::make_unique<proto::relay_machine>(s, with->link.greeting);
    } else {
        machine_ = std::make_unique<proto::relay_machine>(s);
    }
    log(log::level::info, line);
    machine_->set_notes([this](proto::relay_note kind, std::string_view text) { note(kind, text); },
                        log::enabled(log::level::debug));
    machine_->set_changes([this](const proto::path_change& what) { record_change(what); });
    activity_ = net::clock::now();
    if (slot_) join_silent();
}

bool session::may_miss_close_notify() const {
    return reach::any_holds(gate_->config.missing_close_notify, {client_.peer().address, reached_, client_.is_tls()});
}

/// A client that is killed ends all its connections: its control connection tells that from the end of a file (DU-03).
result<void> session::upload_may_end() const {
    if (!client_ended_ && !client_.has_ended()) return {};
    return fail(errc::closed, "incomplete: the control connection ended before the data");
}

proto::relay_backend session::backend_now() const {
    const auto& server = slot_.where();
    return {.peer = backend_.peer(),
            .protect = backend_.is_tls(),
            .match_tls = server.tls == backend_tls::match,
            .refused = gate_->backends.refused_by(slot_),
            .direct = server.direct,
            .proxy_headers = server.proxy_data,
            .gateway = backend_.local().address};
}

net::task<> session::change_backend(proto::relay_act::find_backend what) {
    leave_backend();
    if (!what.instead) tried_.clear();
    if (what.host.empty() && client_.is_tls()) what.host = client_.tls().server_name;
    const caller who{.address = client_.peer().address, .user = what.user, .host = std::move(what.host)};
    auto found = co_await find_backend(who);
    if (over()) co_return;
    activity_ = net::clock::now();
    if (stopping_) {
        machine_->no_backend(stopping_text);
    } else if (found) {
        slot_ = std::move(found->at);
        backend_ = std::move(found->link.stream);
        leg_ = std::move(found->link.leg);
        log(log::level::info,
            fmt::format("User {}: backend {} ({})", escape(who.user, 100), slot_.where().text(), backend_.peer().text()));
        machine_->backend_found(backend_now());
    } else if (found.error() == shortage::stranger) {
        machine_->no_backend_for_user();
    } else {
        machine_->no_backend(words_for(found.error()));
    }
    co_await advance();
    client_.interrupt_read();  // it waits by a deadline from before
}

/// What the machine waits for has its time from the first look on; the reader in front, which may be at rest, keeps it.
void session::keep_time_of_backend() {
    const auto wait = machine_->backend_wait();
    const auto before = word_due_;
    if (!wait)
        word_due_ = net::deadline::max();
    else if (wait->turn != word_turn_ || word_due_ == net::deadline::max())
        word_due_ = net::clock::now() + wait->limit;
    if (wait) word_turn_ = wait->turn;
    if (word_due_ < before) client_.interrupt_read();
}

void session::give_up_waiting() {
    word_due_ = net::deadline::max();
    machine_->backend_wait_over();
    if (!machine_->closing()) return;
    log(log::level::warning, fmt::format("Backend {} did not reply in time", slot_.where().text()));
    gate_->checks.hurry(slot_.id());
}

void session::leave_backend() {
    backend_.close();
    leg_ = {};
    silent_ = {};
    if (!slot_) return;
    gate_->backends.learn_refused(slot_, machine_->refused_behind());
    tried_.push_back(slot_.id());
    slot_.release();
}

}  // namespace sallyport::gate
