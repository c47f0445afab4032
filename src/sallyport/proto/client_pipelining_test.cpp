#include <gtest/gtest.h>

#include <sallyport/proto/client_test_script.hpp>

namespace sallyport::proto {
namespace {

client_transfer prepared_retr(std::string path) {
    return {.command = verb::retr, .path = std::move(path), .offset = 0, .ascii = false, .prepare_next = true};
}

/// Moves the first file; the port of the next one is asked for together with it.
client_script& move_first(client_script& s) {
    s.log_in();
    s.machine.queue_transfer(prepared_retr("a"));
    return s.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR a\r\nEPSV",
                  "< 150 now", "* move", "* data", "< 226 sent"});
}

TEST(client_pipelining, C3_each_further_file_costs_one_round_trip) {
    client_script s;
    move_first(s).run({"< 229 (|||5002|)", "* done"});
    s.machine.queue_transfer(prepared_retr("b"));
    // The request is there before the connection is.
    s.run({"> RETR b\r\nEPSV", "* connect 192.0.2.1:5002", "< 150 now", "* move", "* data", "< 226 sent", "< 229 (|||5003|)",
           "* done"});
    EXPECT_FALSE(s.machine.failure());
    EXPECT_EQ(s.machine.attempts().size(), 1U);
}

TEST(client_pipelining, the_reply_may_be_on_its_way) {
    client_script s;
    move_first(s).run({"* done"});
    s.machine.queue_transfer(prepared_retr("b"));
    (void)s.machine.next();
    s.run({"< 229 (|||5002|)", "> RETR b\r\nEPSV", "* connect 192.0.2.1:5002", "< 150 now", "* move", "* data", "< 226 sent",
           "* done"});
    EXPECT_FALSE(s.machine.failure());
}

TEST(client_pipelining, other_commands_may_come_between) {
    client_script s;
    move_first(s).run({"* done"});
    const auto size = s.machine.queue_request(verb::mdtm, "b");
    s.run({"> MDTM b", "< 229 (|||5002|)", "< 213 20260102030405", "* done"});
    ASSERT_NE(s.machine.reply_to(size), nullptr);
    EXPECT_EQ(s.machine.reply_to(size)->code, 213);
    s.machine.queue_transfer(retr("b"));
    s.run({"> RETR b", "* connect 192.0.2.1:5002", "< 150 now", "* move", "* data", "< 226 sent", "* done"});
    EXPECT_FALSE(s.machine.failure());
    s.machine.queue_quit();
    s.run({"> QUIT", "< 221 bye", "* done"});
}

TEST(client_pipelining, a_refused_file_keeps_the_session_and_the_port) {
    client_script s;
    move_first(s).run({"< 229 (|||5002|)", "* done"});
    s.machine.queue_transfer(prepared_retr("none"));
    s.run({"> RETR none\r\nEPSV", "* connect 192.0.2.1:5002", "< 550 no such file", "* done"});
    EXPECT_EQ(s.failure().reply_code, 550);
    EXPECT_TRUE(s.machine.usable());
    s.machine.queue_transfer(prepared_retr("b"));
    (void)s.machine.next();
    s.run({"< 229 (|||5003|)", "> RETR b\r\nEPSV", "* connect 192.0.2.1:5003", "< 150 now", "* move", "* data", "< 226 sent",
           "< 229 (|||5004|)", "* done"});
    EXPECT_FALSE(s.machine.failure());
}

TEST(client_pipelining, a_server_that_refuses_to_prepare_is_asked_again_without) {
    client_script s;
    move_first(s).run({"< 503 not now", "* done"});
    s.machine.queue_transfer(prepared_retr("b"));
    s.run({"> EPSV", "< 229 (|||5002|)", "* connect 192.0.2.1:5002", "> RETR b", "< 150 now", "* move", "* data",
           "< 226 sent", "* done"});
    EXPECT_FALSE(s.machine.failure());
}

/// ProFTPD answers 450 to an EPSV that it reads while data move: it is unknown which of the two is refused.
TEST(client_pipelining, C3_a_refusal_during_the_transfer_ends_the_session) {
    client_script s;
    s.log_in();
    s.machine.queue_transfer(prepared_retr("a"));
    s.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR a\r\nEPSV", "< 150 now",
           "* move", "< 450 data transfer in progress", "* await"});
    s.machine.data_done();
    s.run({"* done"});
    EXPECT_EQ(s.failure().cause.code, errc::stray_reply);
    EXPECT_FALSE(s.machine.usable());
}

TEST(client_pipelining, a_port_that_has_expired_ends_the_session) {
    client_script refused;
    move_first(refused).run({"< 229 (|||5002|)", "* done"});
    refused.machine.queue_transfer(prepared_retr("b"));
    refused.run({"> RETR b\r\nEPSV", "* refused 192.0.2.1:5002", "< 150 now", "* done"});
    EXPECT_EQ(refused.failure().at, client_step::transfer);
    EXPECT_FALSE(refused.machine.usable());

    client_script answered;
    move_first(answered).run({"< 229 (|||5002|)", "* done"});
    answered.machine.queue_transfer(prepared_retr("b"));
    answered.run({"> RETR b\r\nEPSV", "* connect 192.0.2.1:5002", "< 425 no connection", "* done"});
    EXPECT_EQ(answered.failure().at, client_step::transfer);
    EXPECT_FALSE(answered.machine.usable());
}

/// The reply may be read after the connection was tried.
TEST(client_pipelining, a_refused_file_whose_port_was_closed_keeps_the_session) {
    client_script s;
    move_first(s).run({"< 229 (|||5002|)", "* done"});
    s.machine.queue_transfer(prepared_retr("none"));
    s.run({"> RETR none\r\nEPSV", "* refused 192.0.2.1:5002", "< 550 no such file", "< 229 (|||5003|)", "* done"});
    EXPECT_EQ(s.failure().reply_code, 550);
    EXPECT_TRUE(s.machine.usable());
}

TEST(client_pipelining, an_aborted_transfer_keeps_the_session) {
    client_script s;
    s.log_in();
    s.machine.queue_transfer(prepared_retr("a"));
    s.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR a\r\nEPSV", "< 150 now",
           "* move"});
    s.machine.abort_transfer();
    s.run({"> ABOR", "* drop", "* data", "< 426 aborted", "< 229 (|||5002|)", "< 226 done", "> NOOP", "< 200 ok", "* done"});
    EXPECT_EQ(s.failure().cause.code, errc::cancelled);
    EXPECT_TRUE(s.machine.usable());
}

client_transfer followed_stor(std::string path) {
    return {.command = verb::stor,
            .path = std::move(path),
            .offset = 0,
            .ascii = false,
            .prepare_next = true,
            .size_follows = true};
}

/// Stores the first file; its size and the port of the next one are asked for together with it.
client_script& store_first(client_script& s) {
    s.log_in();
    s.machine.queue_transfer(followed_stor("a"));
    return s.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001",
                  "> STOR a\r\nSIZE a\r\nEPSV", "< 150 now", "* move"});
}

TEST(client_pipelining, C3_the_size_of_an_upload_costs_no_round_trip) {
    client_script s;
    store_first(s).run({"* data", "< 226 stored", "< 213 5", "< 229 (|||5002|)", "* done"});
    s.machine.queue_size("a");
    s.run({"* done"});
    EXPECT_EQ(s.machine.size(), 5U);
    // The time of the first file is set together with the second one.
    s.machine.send_later(verb::mfmt, "20260102030405 a");
    s.machine.queue_transfer(followed_stor("b"));
    s.run({"> MFMT 20260102030405 a\r\nSTOR b\r\nSIZE b\r\nEPSV", "* connect 192.0.2.1:5002",
           "< 213 modify=20260102030405; a", "< 150 now", "* move", "* data", "< 226 stored", "* done"});
    s.machine.queue_size("b");
    (void)s.machine.next();
    s.run({"< 213 7", "< 229 (|||5003|)", "* done"});
    EXPECT_EQ(s.machine.size(), 7U);
    EXPECT_FALSE(s.machine.failure());
}

TEST(client_pipelining, a_size_that_is_sent_while_data_move_is_not_used) {
    client_script s;
    store_first(s).run({"< 213 3", "* data", "< 226 stored", "< 229 (|||5002|)", "* done"});
    s.machine.queue_size("a");
    s.run({"> SIZE a", "< 213 5", "* done"});
    EXPECT_EQ(s.machine.size(), 5U);
}

TEST(client_pipelining, the_size_after_a_refused_upload_is_not_used) {
    client_script s;
    s.log_in();
    s.machine.queue_transfer(followed_stor("a"));
    s.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> STOR a\r\nSIZE a\r\nEPSV",
           "< 553 not here", "* done"});
    EXPECT_EQ(s.failure().reply_code, 553);
    s.machine.queue_size("other");
    s.run({"> SIZE other", "< 213 3", "< 229 (|||5002|)", "< 550 none", "* done"});
    EXPECT_FALSE(s.machine.size());
    EXPECT_TRUE(s.machine.usable());
}

TEST(client_pipelining, a_refusal_that_may_be_that_of_the_size_ends_the_session) {
    client_script s;
    store_first(s).run({"< 550 what", "* await"});
    s.machine.data_done();
    s.run({"* done"});
    EXPECT_EQ(s.failure().cause.code, errc::stray_reply);
    EXPECT_FALSE(s.machine.usable());
}

}  // namespace
}  // namespace sallyport::proto
