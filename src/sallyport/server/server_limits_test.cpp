// Times, limits and the orderly end of the server, on a real loopback. Times are short.

#include <sallyport/server/server.hpp>

#include <list>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/server/server_test_client.hpp>
#include <sallyport/vfs/memory_filesystem.hpp>

namespace sallyport::server::testing {
namespace {

using namespace std::chrono_literals;

TEST(server, idle_session_is_told_421) {  // G6
    settings s = test_settings();
    s.idle = 1s;
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.log_in();
    EXPECT_EQ(c.reply(), "421 No command for 1 s. Goodbye.");
    EXPECT_EQ(c.reply(), "");
}

TEST(server, idle_time_does_not_run_during_a_transfer) {  // G5
    settings s = test_settings();
    s.idle = 1s;
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.log_in();
    wire data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    for (int i = 0; i < 3; ++i) {
        std::this_thread::sleep_for(500ms);  // the passing of time is what is tested
        data.send("x");
    }
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
}

TEST(server, login_time_is_bounded_in_all) {  // RX-01
    settings s = test_settings();
    s.login = 1s;
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
    EXPECT_EQ(c.reply(), "421 No login within 1 s. Goodbye.");
}

TEST(server, a_stalled_data_connection_is_426) {  // DC-05
    settings s = test_settings();
    s.data_stall = 1s;
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.log_in();
    wire data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    EXPECT_TRUE(c.reply().starts_with("426 "));
}

TEST(server, thousand_silent_connections_do_not_disturb_a_client) {  // RX-01
    settings s = test_settings();
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    std::list<wire> silent;
    for (int i = 0; i < 1000; ++i) silent.emplace_back(server.at());
    ASSERT_TRUE(soon([&] { return server.counted().sessions_open == 1000; }));
    client c(server.at());
    (void)c.reply();
    c.log_in();
    EXPECT_EQ(c.download("RETR f"), "content");
    silent.clear();
    EXPECT_TRUE(soon([&] { return server.counted().sessions_open == 1; }));
}

TEST(server, limits_are_told_421_and_free_themselves) {
    settings s = test_settings();
    s.admit.most_per_address = 2;
    running_server server(s);
    client first(server.at());
    EXPECT_TRUE(first.reply().starts_with("220 "));
    {
        client second(server.at());
        EXPECT_TRUE(second.reply().starts_with("220 "));
        client third(server.at());
        EXPECT_TRUE(third.reply().starts_with("421 "));
    }
    EXPECT_TRUE(soon([&] { return server.counted().sessions_open == 1; }));
    client again(server.at());
    EXPECT_TRUE(again.reply().starts_with("220 "));
}

TEST(server, stop_tells_idle_sessions_421_and_lets_transfers_finish) {  // OP-09
    settings s = test_settings();
    running_server server(s);
    client idle(server.at());
    (void)idle.reply();
    idle.log_in();
    client busy(server.at());
    (void)busy.reply();
    busy.log_in();
    wire data = busy.passive();
    EXPECT_TRUE(busy.ask("STOR f").starts_with("150 "));
    server.stop(10s);
    EXPECT_TRUE(idle.reply().starts_with("421 "));
    data.send("all of it");
    data.finish();
    EXPECT_TRUE(busy.reply().starts_with("226 "));
    EXPECT_TRUE(busy.reply().starts_with("421 "));
    server.wait_until_stopped();
    EXPECT_EQ(vfs::get_file(*s.files, "/f"), "all of it");
    EXPECT_EQ(server.counted().sessions_open, 0U);
}

TEST(server, stop_without_grace_cuts_transfers_and_publishes_nothing) {
    settings s = test_settings();
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.log_in();
    wire data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    data.send("part");
    server.stop(0ms);
    server.wait_until_stopped();
    EXPECT_FALSE(s.files->stat(*virtual_path().resolve("f"), vfs::may_block::yes));
    EXPECT_EQ(server.counted().sessions_open, 0U);
}

}  // namespace
}  // namespace sallyport::server::testing
