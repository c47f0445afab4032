#include <sallyport/net/deadline.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/timer.hpp>

namespace sallyport::net {

// Time is counted in ticks of `granularity`. All linked nodes have ticks in (last_tick, last_tick + slots), so a slot never
// holds nodes of two rounds. A node with a later deadline is put into the last slot and moved on from there.
struct deadline_wheel::impl {
    static constexpr std::int64_t slots = 1024;

    explicit impl(asio::io_context& context) : alarm(context.get_executor()) {}

    static std::int64_t tick_before(deadline t) { return t.time_since_epoch() / granularity; }
    static std::int64_t tick_after(deadline t) {
        // Not rounded up by an addition, as `t` may be deadline::max().
        const auto rounded_down = tick_before(t);
        return t.time_since_epoch() % granularity == clock::duration::zero() ? rounded_down : rounded_down + 1;
    }
    deadline_node*& slot_of(std::int64_t tick) { return heads[static_cast<std::size_t>(tick % slots)]; }

    void link(deadline_node& n) {
        if (linked == 0) last_tick = std::max(last_tick, tick_before(clock::now()));
        n.tick_ = std::clamp(tick_after(n.deadline_), last_tick + 1, last_tick + slots - 1);
        auto*& head = slot_of(n.tick_);
        n.previous_ = nullptr;
        n.next_ = std::exchange(head, &n);
        if (n.next_ != nullptr) n.next_->previous_ = &n;
        ++linked;
        if (!advancing && n.tick_ < alarm_tick) set_alarm(n.tick_);
    }

    void unlink(deadline_node& n) noexcept {
        (n.previous_ != nullptr ? n.previous_->next_ : slot_of(n.tick_)) = n.next_;
        if (n.next_ != nullptr) n.next_->previous_ = n.previous_;
        n.tick_ = deadline_node::unlinked;
        --linked;
    }

    void set_alarm(std::int64_t tick) {
        alarm_tick = tick;
        // Without the alarm, no deadline of this loop would expire any more.
        const use_memory_reserve reserve;
        alarm.expires_at(deadline(tick * granularity));
        alarm.async_wait([this](const boost::system::error_code& error) {
            if (!error) advance(clock::now());
        });
    }

    void advance(deadline now) {
        advancing = true;
        for (const auto last = std::min(tick_before(now), last_tick + slots); last_tick < last;) {
            auto*& head = slot_of(++last_tick);
            while (head != nullptr) {
                auto& n = *head;
                unlink(n);
                expire_if_due(n, now);
            }
        }
        advancing = false;
        alarm_tick = never;
        if (linked == 0) return;
        auto next = last_tick + 1;
        while (slot_of(next) == nullptr) ++next;
        set_alarm(next);
    }

    void expire_if_due(deadline_node& n, deadline now) {
        if (!n.armed_) return;
        if (n.deadline_ > now) return link(n);
        n.armed_ = false;
        n.expired_ = true;
        n.on_expiry_();
    }

    static constexpr std::int64_t never = INT64_MAX;

    timer alarm;
    std::array<deadline_node*, slots> heads{};
    std::size_t linked = 0;
    // The last tick whose slot was processed.
    std::int64_t last_tick = 0;
    std::int64_t alarm_tick = never;
    bool advancing = false;
};

deadline_wheel::deadline_wheel(asio::io_context& context) : impl_(std::make_unique<impl>(context)) {}

deadline_wheel::~deadline_wheel() {
    // Waiting coroutines are destroyed with the io_context, after the wheel; their nodes must not use it then.
    for (auto*& head : impl_->heads) {
        while (head != nullptr) impl_->unlink(*head);
    }
}

deadline_node::deadline_node(deadline_wheel& wheel, std::move_only_function<void()> expired)
    : wheel_(&wheel), on_expiry_(std::move(expired)) {}

deadline_node::~deadline_node() {
    if (tick_ != unlinked) wheel_->impl_->unlink(*this);
}

void deadline_node::arm(deadline until) {
    deadline_ = until;
    armed_ = true;
    expired_ = false;
    auto& wheel = *wheel_->impl_;
    if (tick_ != unlinked) {
        // The slot of this node is processed early enough to check it again.
        if (deadline(tick_ * deadline_wheel::granularity) <= until) return;
        wheel.unlink(*this);
    }
    wheel.link(*this);
}

task<> sleep_until(deadline_wheel& wheel, deadline until) {
    timer t(wheel.impl_->alarm.get_executor(), until);
    co_await wait_for(t);
}

}  // namespace sallyport::net
