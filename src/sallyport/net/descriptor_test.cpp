#include <sallyport/net/descriptor.hpp>

#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sallyport/net/net_test.hpp>

namespace sallyport::net {
namespace {

struct ends {
    unique_fd local;
    unique_fd remote;
};

ends make_ends() {
    std::array<int, 2> made{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made.data()), 0);
    return {unique_fd(made[0]), unique_fd(made[1])};
}

void send_a_byte(int fd) { EXPECT_EQ(::write(fd, "x", 1), 1); }

void read_all(int fd) {
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
    descriptor d(l, std::move(both.local));
    std::string seen;
    for (int i = 0; i < 2; ++i) {
        l.post([fd = both.remote.get()] { send_a_byte(fd); });
        const auto end = co_await d.readable(clock::now() + at_most);
        seen += end == wait_result::ready ? 'r' : '-';
        read_all(d.get());
    }
    co_return seen;
}

TEST_F(descriptor_test, each_byte_ends_a_wait) { EXPECT_EQ(run(read_twice(test_loop())), "rr"); }

// The loop is delayed until both deadlines have passed; the one that interrupts the wait is first.
task<wait_result> interrupted_on_a_delayed_loop(loop& l) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    deadline_node interruption(l.deadlines(), [&d] { d.interrupt_read(); });
    interruption.arm(clock::now() + 20ms);
    l.post([] { std::this_thread::sleep_for(100ms); });
    co_return co_await d.readable(clock::now() + 40ms);
}

TEST_F(descriptor_test, a_deadline_does_not_hide_an_interruption) {
    EXPECT_EQ(run(interrupted_on_a_delayed_loop(test_loop())), wait_result::cancelled);
}

// Another file has the number meanwhile, so that the kernel does not know the registration.
task<wait_result> waiting_for_writes_that_nothing_reports(loop& l) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    send_a_byte(both.remote.get());
    (void)co_await d.readable(clock::now() + at_most);
    const auto others = make_ends();
    EXPECT_EQ(::dup2(others.local.get(), d.get()), d.get());
    fill(d.get());
    co_return co_await d.writable(clock::now() + at_most);
}

TEST_F(descriptor_test, RX01_a_wait_for_writes_ends_if_the_kernel_refuses_to_report_them) {
    EXPECT_EQ(run(waiting_for_writes_that_nothing_reports(test_loop())), wait_result::cancelled);
}

task<wait_result> ready_on_a_delayed_loop(loop& l) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    l.post([fd = both.remote.get()] {
        std::this_thread::sleep_for(100ms);
        send_a_byte(fd);
    });
    co_return co_await d.readable(clock::now() + 40ms);
}

TEST_F(descriptor_test, a_deadline_does_not_hide_an_event) {
    EXPECT_EQ(run(ready_on_a_delayed_loop(test_loop())), wait_result::ready);
}

// Writability is not reported before it is requested, and then also if the descriptor is registered already.
task<wait_result> write_after_a_read(loop& l, bool read_first) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    if (read_first) {
        send_a_byte(both.remote.get());
        (void)co_await d.readable(clock::now() + at_most);
        read_all(d.get());
    }
    fill(d.get());
    l.post([fd = both.remote.get()] { read_all(fd); });
    co_return co_await d.writable(clock::now() + at_most);
}

TEST_F(descriptor_test, waits_until_writable_as_the_first_wait_or_a_later_one) {
    EXPECT_EQ(run(write_after_a_read(test_loop(), false)), wait_result::ready);
    EXPECT_EQ(run(write_after_a_read(test_loop(), true)), wait_result::ready);
}

task<wait_result> read_without_data(loop& l, clock::duration patience) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    co_return co_await d.readable(clock::now() + patience);
}

TEST_F(descriptor_test, a_wait_ends_at_its_deadline_even_if_that_is_past) {
    EXPECT_EQ(run(read_without_data(test_loop(), 60ms)), wait_result::timeout);
    EXPECT_EQ(run(read_without_data(test_loop(), -1s)), wait_result::timeout);
}

task<wait_result> wait_on(descriptor& d) { co_return co_await d.readable(clock::now() + at_most); }

// The interrupting code continues first, as the waiter may destroy the object that it uses.
enum class ending : std::uint8_t { interrupt, close, release };

task<std::string> interrupt(loop& l, ending how) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    concurrent_task reader(l, wait_on(d));
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
        (end == wait_result::cancelled ? "cancelled" : "otherwise");
}

TEST_F(descriptor_test, an_interrupted_or_closed_wait_ends_later_as_cancelled) {
    for (const auto how : {ending::interrupt, ending::close, ending::release})
        EXPECT_EQ(run(interrupt(test_loop(), how)), "later, cancelled");
}

/// Two connected sockets, TCP if urgent data are needed.
ends connect_by_tcp() {
    unique_fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in here{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero{}};
    socklen_t size = sizeof here;
    auto* address = reinterpret_cast<sockaddr*>(&here);
    EXPECT_EQ(::bind(listener.get(), address, size), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener.get(), address, &size), 0);
    unique_fd remote(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(remote.get(), address, size), 0);
    return {unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)), std::move(remote)};
}

/// Everything that arrives until the end of the connection, in pieces as receive() returns them.
task<std::string> receive_to_end(descriptor& d) {
    std::string pieces;
    for (;;) {
        std::array<char, 64> bytes;
        const auto n = d.receive(bytes);
        if (n == 0) co_return pieces + "end";
        if (n > 0) {
            pieces += std::string(bytes.data(), static_cast<std::size_t>(n)) + ' ';
            continue;
        }
        const auto end = co_await d.readable(clock::now() + at_most);
        if (end != wait_result::ready) co_return pieces + "timeout";
    }
}

// The first piece is received before the descriptor is registered, as a client's first command is.
task<std::string> receive_later_bytes(loop& l) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    std::string seen;
    for (int i = 0; i < 3; ++i) {
        send_a_byte(both.remote.get());
        std::array<char, 2> bytes;
        if (d.receive(bytes) == 1) seen += 'x';
        // This byte is not looked for before it is reported.
        send_a_byte(both.remote.get());
        if (d.receive(bytes) == -1 && errno == EAGAIN) seen += '-';
        (void)co_await d.readable(clock::now() + at_most);
        if (d.receive(bytes) == 1) seen += 'x';
        (void)co_await d.readable(clock::now() + 1ms);
    }
    co_return seen;
}

TEST_F(descriptor_test, an_emptied_socket_is_not_read_again_before_it_is_reported) {
    EXPECT_EQ(run(receive_later_bytes(test_loop())), "x-xx-xx-x");
}

task<std::string> receive_data_and_end(loop& l, bool registered) {
    auto both = make_ends();
    descriptor d(l, std::move(both.local));
    if (registered) (void)co_await d.readable(clock::now() + 1ms);
    send_a_byte(both.remote.get());
    both.remote.reset();
    co_return co_await receive_to_end(d);
}

TEST_F(descriptor_test, an_end_together_with_data_is_received) {
    EXPECT_EQ(run(receive_data_and_end(test_loop(), false)), "x end");
    EXPECT_EQ(run(receive_data_and_end(test_loop(), true)), "x end");
}

// A read stops at urgent data, although more has arrived: Telnet's Synch before ABOR (RFC 959, section 4.1.3).
task<std::string> receive_urgent(loop& l, bool registered) {
    auto both = connect_by_tcp();
    const int on = 1;
    EXPECT_EQ(::setsockopt(both.local.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
    descriptor d(l, std::move(both.local));
    if (registered) (void)co_await d.readable(clock::now() + 1ms);
    EXPECT_EQ(::send(both.remote.get(), "ab", 2, 0), 2);
    EXPECT_EQ(::send(both.remote.get(), "U", 1, MSG_OOB), 1);
    EXPECT_EQ(::send(both.remote.get(), "cd", 2, 0), 2);
    both.remote.reset();
    co_return co_await receive_to_end(d);
}

TEST_F(descriptor_test, bytes_after_urgent_data_are_received) {
    EXPECT_EQ(run(receive_urgent(test_loop(), false)), "ab Ucd end");
    EXPECT_EQ(run(receive_urgent(test_loop(), true)), "ab Ucd end");
}

task<wait_result> wait_without_a_descriptor(loop& l) {
    descriptor d(l, unique_fd());
    co_return co_await d.readable(clock::now() + at_most);
}

TEST_F(descriptor_test, a_wait_without_a_descriptor_is_cancelled) {
    EXPECT_EQ(run(wait_without_a_descriptor(test_loop())), wait_result::cancelled);
}

task<> count_ready(loop& l, unique_fd fd, std::size_t& ready) {
    descriptor d(l, std::move(fd));
    const auto end = co_await d.readable(clock::now() + at_most);
    if (end == wait_result::ready) ++ready;
}

// More than one epoll_wait() reports.
task<std::size_t> wake_many(loop& l, std::size_t count) {
    std::vector<unique_fd> remote;
    std::size_t ready = 0;
    for (std::size_t i = 0; i < count; ++i) {
        auto both = make_ends();
        remote.push_back(std::move(both.remote));
        l.spawn("a reader", count_ready(l, std::move(both.local), ready));
    }
    co_await l.yield();
    for (const auto& each : remote) send_a_byte(each.get());
    const auto until = clock::now() + at_most;
    while (ready < count && clock::now() < until) co_await l.sleep_for(5ms);
    co_return ready;
}

TEST_F(descriptor_test, wakes_as_many_as_are_ready) { EXPECT_EQ(run(wake_many(test_loop(), 300)), 300U); }

// A file that another descriptor refers to, as after fork() or in a new process, is still reported after this descriptor
// was closed. That must not wake the waiter that gets the registration's slot next.
task<wait_result> wait_after_a_closed_duplicate(loop& l) {
    auto first = make_ends();
    const unique_fd elsewhere(::dup(first.local.get()));
    {
        descriptor d(l, std::move(first.local));
        (void)co_await d.readable(clock::now() + 1ms);
    }
    auto second = make_ends();
    descriptor d(l, std::move(second.local));
    concurrent_task reader(l, wait_on(d));
    co_await l.yield();
    send_a_byte(first.remote.get());
    co_await l.sleep_for(30ms);
    const bool woken = l.running() == 1;
    d.close();
    const auto end = co_await reader.get();
    co_return woken ? wait_result::ready : end;
}

TEST_F(descriptor_test, events_of_a_closed_descriptor_wake_no_waiter) {
    EXPECT_EQ(run(wait_after_a_closed_duplicate(test_loop())), wait_result::cancelled);
}

task<> move_to_other_loop(loop& from, loop& to, unique_fd fd, wait_result& end, loop_group& group) {
    descriptor d(from, std::move(fd));
    (void)co_await d.readable(clock::now() + 1ms);
    auto released = std::make_shared<unique_fd>(d.release());
    to.post([&to, released, &end, &group] {
        const auto wait_again = [](loop& l, unique_fd mine, wait_result& seen, loop_group& all) -> task<> {
            descriptor adopted(l, std::move(mine));
            seen = co_await adopted.readable(clock::now() + at_most);
            all.stop();
        };
        to.spawn("on the other loop", wait_again(to, std::move(*released), end, group));
    });
}

TEST(descriptor, can_be_moved_to_another_loop) {
    loop_group group(2);
    auto both = make_ends();
    send_a_byte(both.remote.get());
    auto end = wait_result::cancelled;
    group.at(0).spawn("the first loop", move_to_other_loop(group.at(0), group.at(1), std::move(both.local), end, group));
    group.run();
    EXPECT_EQ(end, wait_result::ready);
}

}  // namespace
}  // namespace sallyport::net
