// Timeouts, limits and the shutdown of the server, over real loopback connections with short timeouts.

#include <sallyport/server/server_test.hpp>

namespace sallyport::server {
namespace {

class server_limits : public server_test {};

TEST_F(server_limits, an_idle_session_gets_421) {  // G6
    setup.idle_timeout = 1s;
    start();
    auto c = logged_in();
    EXPECT_EQ(c.reply(), "421 Idle timeout: no command for 1 s.");
    EXPECT_EQ(c.reply(), "");
}

TEST_F(server_limits, idle_time_does_not_run_during_a_transfer) {  // G5
    setup.idle_timeout = 1s;
    start();
    auto c = logged_in();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    for (int i = 0; i < 3; ++i) {
        std::this_thread::sleep_for(500ms);  // the passing of time is what is tested
        data.send("x");
    }
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
}

TEST_F(server_limits, the_whole_login_has_a_time_limit) {  // RX-01
    setup.login_timeout = 1s;
    start();
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
    EXPECT_EQ(c.reply(), "421 Login timeout: not logged in within 1 s.");
}

TEST_F(server_limits, a_stalled_data_connection_is_426) {  // DC-05
    setup.stall_timeout = 1s;
    start();
    auto c = logged_in();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    EXPECT_TRUE(c.reply().starts_with("426 "));
}

// CVE-2020-35359 CVE-2021-30047.
TEST_F(server_limits, thousand_silent_connections_do_not_disturb_a_client) {  // RX-01
    vfs::put_file(*setup.files, "/f", "content");
    start();
    std::vector<ftp_client> silent;
    for (int i = 0; i < 1000; ++i) silent.push_back(client());
    ASSERT_TRUE(eventually([&] { return counters.sessions_open.load() == 1000; }));
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR f"), "content");
    silent.clear();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 1; }));
}

TEST_F(server_limits, sessions_over_a_limit_get_421_until_one_ends) {
    setup.admission.max_sessions_per_address = 2;
    start();
    auto first = client();
    EXPECT_TRUE(first.reply().starts_with("220 "));
    {
        auto second = client();
        EXPECT_TRUE(second.reply().starts_with("220 "));
        auto third = client();
        EXPECT_TRUE(third.reply().starts_with("421 "));
    }
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 1; }));
    auto again = client();
    EXPECT_TRUE(again.reply().starts_with("220 "));
}

TEST_F(server_limits, stop_sends_421_to_idle_sessions_and_lets_transfers_finish) {  // OP-09
    start();
    auto idle = logged_in();
    auto busy = logged_in();
    blocking_socket data = busy.passive();
    EXPECT_TRUE(busy.ask("STOR f").starts_with("150 "));
    stop_later(10s);
    EXPECT_TRUE(idle.reply().starts_with("421 "));
    data.send("all of it");
    data.finish();
    EXPECT_TRUE(busy.reply().starts_with("226 "));
    EXPECT_TRUE(busy.reply().starts_with("421 "));
    wait_until_stopped();
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "all of it");
}

TEST_F(server_limits, stop_without_grace_aborts_transfers_and_publishes_nothing) {
    start();
    auto c = logged_in();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    data.send("part");
    stop(0ms);
    EXPECT_FALSE(setup.files->stat(*virtual_path().resolve("f"), vfs::may_block::yes));
}

}  // namespace
}  // namespace sallyport::server
