#include <sallyport/gate/backend_selection.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::gate {
namespace {

[[nodiscard]] bool can_wait(no_backend_reason s) noexcept {
    return s == no_backend_reason::at_limit || s == no_backend_reason::not_resolved;
}

[[nodiscard]] std::string_view text_of(no_backend_reason s) noexcept {
    switch (s) {
        case no_backend_reason::unavailable: return "No FTP server is available; try again later.";
        case no_backend_reason::at_limit: return "All FTP servers are busy; try again later.";
        case no_backend_reason::not_resolved: return "No FTP server is available yet; try again later.";
        case no_backend_reason::not_permitted: return "No FTP server is available for you.";
        case no_backend_reason::maintenance: return "All FTP servers are in maintenance; try again later.";
    }
    return {};
}

/// A destination that is a backend of the pool.
class pool_backend final : public destination::maker {
public:
    pool_backend(std::shared_ptr<session_context> gate, backend_slot at) : gate_(std::move(gate)), slot_(std::move(at)) {}

    [[nodiscard]] const backend& parameters() const override { return slot_.server(); }
    void responded(net::clock::duration response_time) override {
        gate_->backend_responded(slot_.id(), slot_.server(), health_source::session, response_time);
    }
    void failed(const backend_failure& failure) override {
        // A refusal by a reply is a response: the server is up.
        if (failure.cause.code != errc::rejected) gate_->backend_failed(slot_.id(), slot_.server(), failure);
        suspected();
    }
    void suspected() override { gate_->checks.check_soon(slot_.id()); }
    [[nodiscard]] proto::method_set refused_methods() const override { return gate_->backends.refused_methods(slot_); }
    void learn_refused_methods(proto::method_set refused) override { gate_->backends.learn_refused_methods(slot_, refused); }
    void waits_for_user(net::deadline now, std::function<void()> end_session) override {
        if (registration_)
            registration_.command_received(now);
        else
            registration_ = gate_->without_user.add(slot_.id(), now, std::move(end_session));
    }
    void user_received() override { registration_ = {}; }

private:
    std::shared_ptr<session_context> gate_;
    backend_slot slot_;
    // Until USER is received.
    sessions_without_user::registration registration_;
};

}  // namespace

void backend_selection::stop() {
    stopped_ = true;
    if (slot_assigned_) slot_assigned_->set();
}

void backend_selection::leave_queue() {
    if (slot_assigned_) stop();
}

net::task<std::expected<established_leg, no_leg>> backend_selection::find(search request) {
    auto got = co_await try_all(std::move(request));
    if (got) co_return std::move(*got);
    co_return std::unexpected(no_leg{text_of(got.error()), got.error() == no_backend_reason::not_permitted});
}

net::task<std::expected<established_leg, no_backend_reason>> backend_selection::try_all(search request) {
    const client_info client{.address = request.leg.client.source.address, .user = request.user, .host = request.host};
    if (!request.is_failover) tried_.clear();
    queue_limit limit(net::clock::now(), gate_->config.session_queue_timeout);
    // Those that sent 421.
    std::vector<backend_id> full;
    for (;;) {
        auto chosen = gate_->backends.choose(client, tried_, net::clock::now());
        if (!chosen && can_wait(chosen.error())) chosen = co_await wait_in_queue(client, limit, request.client_has_left);
        if (!chosen && !full.empty()) {
            bool slot_requested = limit.has_retried();
            if (!slot_requested) slot_requested = co_await request_slot(full, limit);
            const auto pause = limit.next_pause();
            if (!slot_requested || !pause || stopped_) co_return std::unexpected(no_backend_reason::at_limit);
            co_await loop_.sleep_for(*pause);
            std::erase_if(tried_, [&](backend_id id) { return std::ranges::find(full, id) != full.end(); });
            full.clear();
            continue;
        }
        if (!chosen) co_return std::unexpected(chosen.error());
        if (stopped_) co_return std::unexpected(no_backend_reason::unavailable);
        const auto id = chosen->id();
        destination server(std::make_unique<pool_backend>(gate_, std::move(*chosen)));
        tried_.push_back(id);
        auto leg = co_await establish_leg(loop_, *gate_, std::move(server), request.leg, log_);
        if (leg) co_return std::move(*leg);
        if (leg.error().reply == 421) full.push_back(id);
    }
}

/// Ends one session without USER at one of these backends; waits for one, up to the limit. False if there is none.
net::task<bool> backend_selection::request_slot(std::vector<backend_id> full, const queue_limit& limit) {
    for (;;) {
        const auto answer = gate_->without_user.request_slot(full, net::clock::now());
        if (answer.requested) co_return true;
        const auto due = limit.wait_for_silent(answer);
        if (!due || stopped_) co_return false;
        co_await loop_.sleep_until(*due);
    }
}

net::task<backend_choice> backend_selection::wait_in_queue(client_info client, queue_limit limit,
                                                           std::function<bool()> client_has_left) {
    const auto slot_assigned = std::make_shared<net::event>(loop_);
    queued_session queued(client, tried_, [poster = loop_.poster(), woken = std::weak_ptr(slot_assigned)] {
        poster->post([woken] {
            if (const auto event = woken.lock()) event->set();
        });
    });
    if (stopped_ || !gate_->backends.enqueue(queued)) co_return queued.leave_queue();
    slot_assigned_ = slot_assigned;
    for (bool waited = false, woken = false; !woken; waited = true) {
        const auto now = net::clock::now();
        if (waited && limit.is_over(now)) {
            log_(log::level::info, "Queue timeout; session rejected");
            break;
        }
        if (client_has_left && client_has_left()) {
            log_(log::level::info, "The client left the session queue");
            stopped_ = true;
            break;
        }
        // A slot that becomes free goes to the first session in the queue; each queued session requests one.
        const auto answer = gate_->without_user.request_slot(gate_->backends.at_limit_for(client, tried_), now);
        const auto due = limit.wait_for_slot(answer, now);
        if (!due) break;
        if (!waited) log_(log::level::info, "All backends are at their session limit; session queued");
        woken = co_await slot_assigned->wait(*due);
    }
    slot_assigned_.reset();
    co_return queued.leave_queue();
}

}  // namespace sallyport::gate
