#include <sallyport/net/work_note.hpp>

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <sallyport/net/event.hpp>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/sleep_briefly.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {
namespace {

TEST(work_note, holds_a_session_and_a_command) {
    EXPECT_EQ(work_note().session(), 0U);
    EXPECT_EQ(work_note().command(), "");
    constexpr work_note note(12, "RETR");
    EXPECT_EQ(note.session(), 12U);
    EXPECT_EQ(note.command(), "RETR");
    EXPECT_EQ(work_note(UINT32_MAX, "PWD").command(), "PWD");
    EXPECT_EQ(work_note(UINT32_MAX, "PWD").session(), UINT32_MAX);
    EXPECT_EQ(work_note(1, "LONGER").command(), "LONG");
}

TEST(work_note, is_ignored_on_a_thread_without_a_loop) {
    work_note(1, "RETR").set();
    EXPECT_EQ(work_note::get(), work_note());
}

class work_note_test : public net_test {};

/// What this thread works on, and what the loop of the thread reports.
std::string noted(loop& l) {
    EXPECT_EQ(work_note::get(), l.work().note());
    return fmt::format("{}{}", work_note::get().command(), work_note::get().session());
}

task<> child(loop& l, std::string& seen) {
    seen += noted(l) + " ";
    work_note(9, "STOR").set();
    co_await l.yield();
    seen += noted(l) + " ";
}

/// Each wait that there is, as a session. Another coroutine runs meanwhile.
task<std::string> wait_in_each_way(loop& l, worker_pool& pool) {
    std::string seen;
    std::string of_child;
    work_note(3, "RETR").set();
    l.spawn("child", child(l, of_child));
    seen += noted(l);
    co_await l.yield();
    seen += noted(l);
    co_await l.sleep_for(1ms);
    seen += noted(l);
    co_await sleep_briefly(l, 1ms);
    seen += noted(l);
    event never(l);
    (void)co_await never.wait(clock::now() + 1ms);
    seen += noted(l);
    co_await offload(pool, l, [] { return 1; });
    seen += noted(l);
    auto [client, server] = co_await make_stream_pair(l);
    // Through make_stream_pair() and the pair.
    seen += noted(l);
    std::array<char, 1> buffer{};
    (void)co_await server.read_some(buffer, time_limit::within(60ms));
    seen += noted(l);
    EXPECT_EQ(of_child, "RETR3 STOR9 ");
    co_return seen;
}

TEST_F(work_note_test, follows_a_coroutine_through_its_waits) {
    worker_pool pool(1);
    EXPECT_EQ(run(wait_in_each_way(test_loop(), pool)), "RETR3RETR3RETR3RETR3RETR3RETR3RETR3RETR3");
}

/// Belongs to no session.
task<bool> wait_for(loop& l, std::string& seen) {
    for (int i = 0; i < 3; ++i) {
        co_await l.yield();
        seen += noted(l);
    }
    co_return true;
}

task<std::string> see_from_another(loop& l) {
    std::string seen;
    concurrent_task other(l, wait_for(l, seen));
    work_note(3, "RETR").set();
    for (int i = 0; i < 5; ++i) co_await l.yield();
    (void)co_await other.get();
    co_return seen;
}

TEST_F(work_note_test, is_cleared_while_another_coroutine_runs) { EXPECT_EQ(run(see_from_another(test_loop())), "000"); }

}  // namespace
}  // namespace sallyport::net
