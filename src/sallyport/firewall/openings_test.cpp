#include <sallyport/firewall/openings.hpp>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <sallyport/net/net_test.hpp>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

/// The openings that a kernel would have; a test can make it wait, or refuse a port.
struct state {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<opening> active;
    // The number of changes of each transaction.
    std::vector<std::size_t> transactions;
    bool held = false;
    bool waiting = false;
    std::uint16_t refused_port = 0;
    int refusals_of_closes = 0;
    // Whether changes can be made at once, and how many were.
    bool can_begin = false;
    int made_at_once = 0;

    void hold(bool yes) {
        const std::scoped_lock lock(mutex);
        held = yes;
        changed.notify_all();
    }
    std::vector<std::size_t> sizes() {
        const std::scoped_lock lock(mutex);
        return transactions;
    }
    template <class Condition>
    bool wait(Condition met) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, 10s, met);
    }
};

class memory_table final : public table {
public:
    explicit memory_table(state& s) : s_(s) {}

    result<void> commit(std::span<const change> changes) override {
        std::unique_lock lock(s_.mutex);
        s_.transactions.push_back(changes.size());
        s_.waiting = s_.held;
        s_.changed.notify_all();
        s_.changed.wait(lock, [this] { return !s_.held; });
        auto after = s_.active;
        for (const auto& c : changes) {
            if (c.kind == change_kind::close) {
                if (s_.refusals_of_closes-- > 0) return fail_os(ENOENT, "test");
                std::erase(after, c.subject);
                continue;
            }
            if (c.subject.listen.port == s_.refused_port) return fail_os(EEXIST, "test");
            after.push_back(c.subject);
        }
        s_.active = std::move(after);
        s_.changed.notify_all();
        return {};
    }
    std::optional<result<void>> commit_within(std::span<const change> changes, std::chrono::microseconds) override {
        {
            const std::scoped_lock lock(s_.mutex);
            if (s_.held) {
                for (const auto& c : changes) begun_.push_back({c.kind, c.subject});
                return std::nullopt;
            }
            ++s_.made_at_once;
        }
        return commit(changes);
    }
    result<void> finish() override { return commit(std::exchange(begun_, {})); }
    bool can_begin() const noexcept override { return s_.can_begin; }
    std::optional<std::chrono::milliseconds> remaining(const opening& o) override {
        const std::scoped_lock lock(s_.mutex);
        if (std::ranges::find(s_.active, o) == s_.active.end()) return std::nullopt;
        return o.lifetime;
    }
    opening_use use_of(const opening& o) override { return remaining(o) ? opening_use::none : opening_use::established; }

private:
    state& s_;
    std::vector<change> begun_;
};

opening at_port(std::uint16_t port) {
    const auto loopback = *ip_address::parse("127.0.0.1");
    return {loopback, {loopback, port}, {loopback, 4000}, loopback, 30s};
}

class openings_test : public net::net_test {
protected:
    net::task<result<opening_lease>> open_port(std::uint16_t port) {
        return tested.open(test_loop(), at_port(port), {}, net::soon());
    }
    bool all_closed() {
        return kernel.wait([this] { return kernel.active.empty(); });
    }

    state kernel;
    openings tested{std::make_unique<memory_table>(kernel)};
};

TEST_F(openings_test, is_in_force_before_the_lease_is_returned) {
    auto got = run(open_port(2000));
    ASSERT_TRUE(got);
    EXPECT_EQ(kernel.active, std::vector{at_port(2000)});
    EXPECT_EQ(got->details(), at_port(2000));
    EXPECT_EQ(got->remaining(), 30s);
    EXPECT_EQ(got->use(), opening_use::none);
}

// The thread makes the first one, since the settings of the system are read with it, and it may still be busy when the next
// one is wanted.
TEST_F(openings_test, is_made_at_once_while_no_change_is_pending) {
    kernel.can_begin = true;
    std::vector<opening_lease> leases;
    std::vector<opening> expected;
    const auto end = net::clock::now() + 10s;
    for (std::uint16_t port = 2000; kernel.made_at_once == 0 && net::clock::now() < end; ++port) {
        auto opened = run(open_port(port));
        ASSERT_TRUE(opened);
        leases.push_back(std::move(*opened));
        expected.push_back(at_port(port));
    }
    EXPECT_GT(leases.size(), 1U);
    kernel.refused_port = 1999;
    EXPECT_FALSE(run(open_port(kernel.refused_port)));
    EXPECT_EQ(kernel.made_at_once, 2);
    EXPECT_EQ(kernel.active, expected);
}

net::task<bool> slow(openings& by, net::loop& l, state& kernel) {
    const auto before = co_await by.open(l, at_port(2000), {}, net::soon());
    kernel.hold(true);
    net::concurrent_task first(l, by.open(l, at_port(2001), {}, net::soon()));
    net::concurrent_task second(l, by.open(l, at_port(2002), {}, net::soon()));
    kernel.hold(false);
    const auto a = co_await first.get();
    const auto b = co_await second.get();
    co_return before&& a&& b && a->remaining() && b->remaining();
}

TEST_F(openings_test, is_made_on_the_thread_if_it_takes_longer) {
    kernel.can_begin = true;
    EXPECT_TRUE(run(slow(tested, test_loop(), kernel)));
    EXPECT_EQ(kernel.made_at_once, 0);
    EXPECT_TRUE(all_closed());
}

/// Replaces an opening until the removal of the old one and the new one are one transaction. `refusals`: of that removal.
net::task<bool> replace_at_once(openings& by, net::loop& l, state& kernel, int refusals) {
    const auto end = net::clock::now() + 10s;
    auto lease = co_await by.open(l, at_port(2000), {}, net::soon());
    for (std::uint16_t port = 2001; lease && net::clock::now() < end; ++port) {
        {
            const auto ended = std::move(*lease);
        }
        kernel.refusals_of_closes = refusals;
        auto next = co_await by.open(l, at_port(port), {}, net::soon());
        lease = std::move(next);
        const auto sizes = kernel.sizes();
        if (lease && std::ranges::find(sizes, 2U) != sizes.end()) co_return kernel.active == std::vector{at_port(port)};
    }
    co_return false;
}

TEST_F(openings_test, is_made_at_once_with_the_removal_of_the_one_before) {
    kernel.can_begin = true;
    EXPECT_TRUE(run(replace_at_once(tested, test_loop(), kernel, 0)));
    EXPECT_TRUE(all_closed());
}

TEST_F(openings_test, is_made_although_the_removal_of_the_one_before_is_refused) {
    kernel.can_begin = true;
    EXPECT_TRUE(run(replace_at_once(tested, test_loop(), kernel, 1)));
    EXPECT_TRUE(all_closed());
}

// GW-05
TEST_F(openings_test, ends_with_the_lease) {
    {
        auto got = run(open_port(2000));
        ASSERT_TRUE(got);
        const opening_lease moved = std::move(*got);
        EXPECT_FALSE(*got);
        EXPECT_TRUE(moved.remaining());
    }
    EXPECT_TRUE(all_closed());
}

net::task<bool> replace(openings& by, net::loop& l) {
    auto held = co_await by.open(l, at_port(2000), {}, net::soon());
    if (!held) co_return false;
    *held = opening_lease();
    auto next = co_await by.open(l, at_port(2000), {}, net::soon());
    co_return next.has_value() && next->remaining().has_value();
}

// The old opening is removed before the new one of the same port is created, whatever the transactions.
TEST_F(openings_test, commits_changes_in_order) { EXPECT_TRUE(run(replace(tested, test_loop()))); }

net::task<std::size_t> together(openings& by, net::loop& l, state& kernel) {
    // The first change blocks the thread; the others are pending meanwhile.
    kernel.hold(true);
    net::concurrent_task first(l, by.open(l, at_port(2000), {}, net::soon()));
    kernel.wait([&] { return kernel.waiting; });
    net::concurrent_task second(l, by.open(l, at_port(2001), {}, net::soon()));
    net::concurrent_task third(l, by.open(l, at_port(2002), {}, net::soon()));
    net::concurrent_task fourth(l, by.open(l, at_port(2003), {}, net::soon()));
    kernel.hold(false);
    const auto a = co_await first.get();
    const auto b = co_await second.get();
    const auto c = co_await third.get();
    const auto d = co_await fourth.get();
    co_return static_cast<std::size_t>(a.has_value()) + b.has_value() + c.has_value() + d.has_value();
}

TEST_F(openings_test, commits_pending_changes_together) {
    EXPECT_EQ(run(together(tested, test_loop(), kernel)), 4U);
    EXPECT_EQ(kernel.sizes().at(0), 1U);
    EXPECT_EQ(kernel.sizes().at(1), 3U);
}

TEST_F(openings_test, commits_the_others_if_one_is_refused) {
    kernel.refused_port = 2002;
    EXPECT_EQ(run(together(tested, test_loop(), kernel)), 3U);
}

TEST_F(openings_test, refuses_an_opening_that_the_kernel_cannot_forward) {
    auto o = at_port(2000);
    o.forward_to.address = *ip_address::parse("10.0.0.5");
    const auto got = run(tested.open(test_loop(), o, {}, net::soon()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, errc::unreachable);
    EXPECT_TRUE(kernel.sizes().empty());
}

// The kernel may refuse to remove an opening that expires at that moment.
TEST_F(openings_test, retries_a_refused_close) {
    {
        const auto got = run(open_port(2000));
        ASSERT_TRUE(got);
        kernel.refusals_of_closes = 2;
    }
    EXPECT_TRUE(all_closed());
}

// The connection is relayed in that case, and an opening that is committed too late is removed.
TEST_F(openings_test, times_out_if_the_kernel_takes_too_long) {
    kernel.hold(true);
    const auto got = run(tested.open(test_loop(), at_port(2000), {}, net::time_limit::within(20ms)));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, errc::timeout);
    kernel.hold(false);
    EXPECT_TRUE(kernel.wait([this] { return kernel.transactions.size() == 2; }));
    EXPECT_TRUE(all_closed());
}

/// Each opening replaces the one before.
net::task<int> reopen(openings& by, net::loop& l, std::uint16_t port, int times) {
    int made = 0;
    opening_lease last;
    for (int i = 0; i < times; ++i) {
        auto opened = co_await by.open(l, at_port(port), {}, net::time_limit::within(2s));
        if (!opened) continue;
        ++made;
        last = std::move(*opened);
    }
    co_return made;
}

net::task<int> reopen_many(openings& by, net::loop& l, std::uint16_t first_port, int times) {
    std::vector<std::unique_ptr<net::concurrent_task<int>>> all;
    for (int i = 0; i < 4; ++i)
        all.push_back(std::make_unique<net::concurrent_task<int>>(
            l, reopen(by, l, static_cast<std::uint16_t>(first_port + i), times)));
    int made = 0;
    for (auto& one : all) made += co_await one->get();
    co_return made;
}

// RX-01: an opening that was queued while another loop made one was committed, but who waited for it did not learn of that.
TEST_F(openings_test, answers_every_request_of_several_loops) {
    constexpr int times = 20000;
    kernel.can_begin = true;
    net::loop_group others{1};
    int of_others = 0;
    std::thread other([&] {
        others.at(0).spawn("openings", [](openings& by, net::loop_group& group, int& made) -> net::task<> {
            made = co_await reopen_many(by, group.at(0), 3000, times);
            group.stop();
        }(tested, others, of_others));
        others.run();
    });
    EXPECT_EQ(run(reopen_many(tested, test_loop(), 2000, times)), 4 * times);
    other.join();
    EXPECT_EQ(of_others, 4 * times);
    EXPECT_TRUE(all_closed());
}

TEST_F(openings_test, leases_may_outlive_it) {
    std::optional<openings> short_lived(std::in_place, std::make_unique<memory_table>(kernel));
    {
        const auto got = run(short_lived->open(test_loop(), at_port(2000), {}, net::soon()));
        short_lived.reset();
        ASSERT_TRUE(got);
        EXPECT_TRUE(got->remaining());
    }
    // The table, and all openings in it, ended with the last lease.
}

}  // namespace
}  // namespace sallyport::firewall
