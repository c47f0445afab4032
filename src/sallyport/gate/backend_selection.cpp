#include <sallyport/gate/backend_selection.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace sallyport::gate {
namespace {

// After a session was asked to leave: the time until a server that was full is tried again. It may need a moment to see that
// the session has ended.
constexpr std::array<std::chrono::milliseconds, 3> room_pauses{
    std::chrono::milliseconds(100), std::chrono::milliseconds(300), std::chrono::milliseconds(600)};

[[nodiscard]] bool may_wait(shortage s) noexcept { return s == shortage::full || s == shortage::none; }

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

/// A destination that is a backend of the pool.
class pool_backend final : public destination::maker {
public:
    pool_backend(std::shared_ptr<session_context> gate, slot at) : gate_(std::move(gate)), slot_(std::move(at)) {}

    [[nodiscard]] const backend& parameters() const override { return slot_.where(); }
    void responded(net::clock::duration after) override {
        gate_->backend_answered(slot_.id(), slot_.where(), witness::session, after);
    }
    void failed(const backend_failure& why) override {
        // A refusal in words is an answer too: that server lives.
        if (why.cause.code != errc::rejected) gate_->backend_failed(slot_.id(), slot_.where(), why);
        suspected();
    }
    void suspected() override { gate_->checks.hurry(slot_.id()); }
    [[nodiscard]] proto::method_set refused_methods() const override { return gate_->backends.refused_by(slot_); }
    void learn_refused_methods(proto::method_set refused) override { gate_->backends.learn_refused(slot_, refused); }
    void waits_for_user(net::deadline now, std::function<void()> leave) override {
        if (silent_)
            silent_.heard(now);
        else
            silent_ = gate_->silent.join(slot_.id(), now, std::move(leave));
    }
    void user_received() override { silent_ = {}; }

private:
    std::shared_ptr<session_context> gate_;
    slot slot_;
    silent_sessions::member silent_;  // until USER
};

}  // namespace

net::task<result<void>> backend_leg::start_tls(const net::tls_client_context& settings) {
    const net::tls_connect_options as{.server_name = server.parameters().tls_host(), .resume = {}};
    const auto limit = net::time_limit::within(limits::tls_handshake);
    co_return co_await stream.connect_tls(settings, as, limit);
}

void backend_selection::stop() {
    stopped_ = true;
    if (room_) room_->set();
}

void backend_selection::leave_queue() {
    if (room_) stop();
}

net::task<std::expected<backend_selection::found, backend_selection::no_backend>> backend_selection::find(search what) {
    auto got = co_await try_all(std::move(what));
    if (got) co_return std::move(*got);
    co_return std::unexpected(no_backend{words_for(got.error()), got.error() == shortage::stranger});
}

net::task<std::expected<backend_selection::found, shortage>> backend_selection::try_all(search what) {
    const caller who{.address = what.client.source.address, .user = what.user, .host = what.host};
    if (!what.is_failover) tried_.clear();
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
            if (!may_get_room || stopped_) co_return std::unexpected(shortage::full);
            co_await home_.sleep_for(room_pauses.at(asked_again++));
            std::erase_if(tried_, [&](backend_id id) { return std::ranges::find(full, id) != full.end(); });
            full.clear();
            continue;
        }
        if (!chosen) co_return std::unexpected(full.empty() ? chosen.error() : shortage::full);
        if (stopped_) co_return std::unexpected(shortage::failing);
        const auto id = chosen->id();
        destination server(std::make_unique<pool_backend>(gate_, std::move(*chosen)));
        tried_.push_back(id);
        const auto begun = net::clock::now();
        const auto limit = net::time_limit::within(config.backend_connect);
        const backend to = server.parameters().for_client(what.client_tls);
        auto link = co_await reach_backend(home_, to, what.client, config.backend_tls, config.keepalive, gate_->base->own,
                                           limit, what.up_to);
        if (link) {
            server.responded(net::clock::now() - begun);
            co_return found{{std::move(server), std::move(link->stream), std::move(link->leg)}, std::move(link->greeting)};
        }
        log_(log::level::warning, fmt::format("Backend {} skipped: {}", server.name(), link.error().text()));
        server.failed(link.error());
        if (link.error().reply == 421) full.push_back(id);
    }
}

/// True: one of those who hold these places without having said USER was asked to leave. Waits for one to be due, until
/// then.
net::task<bool> backend_selection::ask_for_room(std::vector<backend_id> full, net::deadline until) {
    for (;;) {
        const auto answer = gate_->silent.ask(full, net::clock::now());
        if (answer.asked) co_return true;
        if (answer.next > until || stopped_) co_return false;
        co_await home_.sleep_until(answer.next);
    }
}

net::task<choice> backend_selection::wait_for_room(caller who, net::deadline until) {
    const auto room = std::make_shared<net::event>(home_);
    waiter place(who, tried_, [mail = home_.mail(), woken = std::weak_ptr(room)] {
        mail->post([woken] {
            if (const auto there = woken.lock()) there->set();
        });
    });
    if (stopped_ || !gate_->backends.enqueue(place)) co_return place.take();
    room_ = room;
    for (bool logged = false, woken = false; !woken;) {
        const auto now = net::clock::now();
        // A slot that gets free goes to the first in the queue; each session there has asked for one.
        const auto answer = gate_->silent.ask(gate_->backends.full_for(who, tried_), now);
        if (answer.asked) until = std::max(until, answer.next);
        if (until <= now) break;
        if (!std::exchange(logged, true)) log_(log::level::info, "No backend has room yet; waiting for room");
        woken = co_await room->wait(std::min(until, answer.next));
        if (!woken && net::clock::now() >= until) {
            log_(log::level::info, "No room in time");
            break;
        }
    }
    room_.reset();
    co_return place.take();
}

}  // namespace sallyport::gate
