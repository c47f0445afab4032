#include <sallyport/net/descriptor.hpp>

#include <sys/socket.h>
#include <unistd.h>
#include <sallyport/net/net_test.hpp>

namespace sallyport::net {
namespace {

struct ends {
    unique_fd ours;
    unique_fd others;
};

ends make_ends() {
    std::array<int, 2> made{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made.data()), 0);
    return {unique_fd(made[0]), unique_fd(made[1])};
}

void send_a_byte(int fd) { EXPECT_EQ(::write(fd, "x", 1), 1); }

void take_all(int fd) {
    std::array<char, 4096> trash;
    while (::read(fd, trash.data(), trash.size()) > 0) {
    }
}

void fill(int fd) {
    const std::string much(64 * 1024, 'x');
    while (::write(fd, much.data(), much.size()) > 0) {
    }
}

constexpr auto at_most = 10s;

class descriptor_test : public net_test {};

task<std::string> read_twice(loop& l) {
    auto both = make_ends();
    descriptor d(l, std::move(both.ours));
    std::string seen;
    for (int i = 0; i < 2; ++i) {
        l.post([fd = both.others.get()] { send_a_byte(fd); });
        const auto end = co_await d.readable(clock::now() + at_most);
        seen += end == wait_end::ready ? 'r' : '-';
        take_all(d.get());
    }
    co_return seen;
}

TEST_F(descriptor_test, each_byte_ends_a_wait) { EXPECT_EQ(run(read_twice(here())), "rr"); }

// Writing is not reported before somebody asks for it, and then also where the descriptor is registered already.
task<wait_end> write_after_a_read(loop& l, bool read_first) {
    auto both = make_ends();
    descriptor d(l, std::move(both.ours));
    if (read_first) {
        send_a_byte(both.others.get());
        (void)co_await d.readable(clock::now() + at_most);
        take_all(d.get());
    }
    fill(d.get());
    l.post([fd = both.others.get()] { take_all(fd); });
    co_return co_await d.writable(clock::now() + at_most);
}

TEST_F(descriptor_test, waits_for_room_as_the_first_wait_or_a_later_one) {
    EXPECT_EQ(run(write_after_a_read(here(), false)), wait_end::ready);
    EXPECT_EQ(run(write_after_a_read(here(), true)), wait_end::ready);
}

task<wait_end> read_while_nobody_writes(loop& l, clock::duration patience) {
    auto both = make_ends();
    descriptor d(l, std::move(both.ours));
    co_return co_await d.readable(clock::now() + patience);
}

TEST_F(descriptor_test, a_wait_ends_by_its_deadline_even_one_in_the_past) {
    EXPECT_EQ(run(read_while_nobody_writes(here(), 60ms)), wait_end::timeout);
    EXPECT_EQ(run(read_while_nobody_writes(here(), -1s)), wait_end::timeout);
}

task<wait_end> wait_on(descriptor& d) { co_return co_await d.readable(clock::now() + at_most); }

// Whoever interrupts goes on first: the waiter may destroy what it works on.
enum class ending : std::uint8_t { interrupt, close, release };

task<std::string> interrupt(loop& l, ending how) {
    auto both = make_ends();
    descriptor d(l, std::move(both.ours));
    background reader(l, wait_on(d));
    co_await l.yield();
    bool resumed_at_once = l.running() == 1;
    unique_fd released;
    switch (how) {
        case ending::interrupt: d.interrupt_read(); break;
        case ending::close: d.close(); break;
        case ending::release: released = d.release(); break;
    }
    resumed_at_once = resumed_at_once || l.running() == 1;
    const auto end = co_await reader.get();
    co_return std::string(resumed_at_once ? "at once, " : "later, ") +
        (end == wait_end::cancelled ? "cancelled" : "otherwise");
}

TEST_F(descriptor_test, an_interrupted_wait_or_one_on_what_is_gone_ends_later_and_as_cancelled) {
    for (const auto how : {ending::interrupt, ending::close, ending::release})
        EXPECT_EQ(run(interrupt(here(), how)), "later, cancelled");
}

task<wait_end> wait_without_a_descriptor(loop& l) {
    descriptor d(l, unique_fd());
    co_return co_await d.readable(clock::now() + at_most);
}

TEST_F(descriptor_test, a_wait_without_a_descriptor_is_cancelled) {
    EXPECT_EQ(run(wait_without_a_descriptor(here())), wait_end::cancelled);
}

task<> count_ready(loop& l, unique_fd fd, std::size_t& ready) {
    descriptor d(l, std::move(fd));
    const auto end = co_await d.readable(clock::now() + at_most);
    if (end == wait_end::ready) ++ready;
}

// More than one epoll_wait() reports.
task<std::size_t> wake_many(loop& l, std::size_t count) {
    std::vector<unique_fd> others;
    std::size_t ready = 0;
    for (std::size_t i = 0; i < count; ++i) {
        auto both = make_ends();
        others.push_back(std::move(both.others));
        l.spawn("a reader", count_ready(l, std::move(both.ours), ready));
    }
    co_await l.yield();
    for (const auto& each : others) send_a_byte(each.get());
    const auto due = clock::now() + at_most;
    while (ready < count && clock::now() < due) co_await l.sleep_for(5ms);
    co_return ready;
}

TEST_F(descriptor_test, wakes_as_many_as_are_ready) { EXPECT_EQ(run(wake_many(here(), 300)), 300U); }

// A file that lives on elsewhere, as after fork() or in a successor, is still reported when our descriptor of it is closed.
// That must not wake whoever has the registration's place next.
task<wait_end> wait_after_a_closed_one_that_lives_on(loop& l) {
    auto first = make_ends();
    const unique_fd elsewhere(::dup(first.ours.get()));
    {
        descriptor d(l, std::move(first.ours));
        (void)co_await d.readable(clock::now() + 1ms);
    }
    auto second = make_ends();
    descriptor d(l, std::move(second.ours));
    background reader(l, wait_on(d));
    co_await l.yield();
    send_a_byte(first.others.get());
    co_await l.sleep_for(30ms);
    const bool woken = l.running() == 1;
    d.close();
    const auto end = co_await reader.get();
    co_return woken ? wait_end::ready : end;
}

TEST_F(descriptor_test, what_is_reported_of_a_closed_descriptor_wakes_nobody) {
    EXPECT_EQ(run(wait_after_a_closed_one_that_lives_on(here())), wait_end::cancelled);
}

task<> give_away(loop& from, loop& to, unique_fd fd, wait_end& end, loop_group& group) {
    descriptor d(from, std::move(fd));
    (void)co_await d.readable(clock::now() + 1ms);
    auto moved = std::make_shared<unique_fd>(d.release());
    to.post([&to, moved, &end, &group] {
        const auto go_on = [](loop& l, unique_fd mine, wait_end& seen, loop_group& all) -> task<> {
            descriptor here(l, std::move(mine));
            seen = co_await here.readable(clock::now() + at_most);
            all.stop();
        };
        to.spawn("on the other loop", go_on(to, std::move(*moved), end, group));
    });
}

TEST(descriptor, goes_on_on_another_loop) {
    loop_group group(2);
    auto both = make_ends();
    send_a_byte(both.others.get());
    auto end = wait_end::cancelled;
    group.at(0).spawn("the first loop", give_away(group.at(0), group.at(1), std::move(both.ours), end, group));
    group.run();
    EXPECT_EQ(end, wait_end::ready);
}

}  // namespace
}  // namespace sallyport::net
