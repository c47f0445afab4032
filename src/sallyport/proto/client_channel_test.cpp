#include <sallyport/proto/client_channel.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

using status = client_channel::status;

client_channel greeted() {
    client_channel c;
    command_reply a;
    c.receive("220 hello\r\n");
    EXPECT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.command, "greeting");
    return c;
}

TEST(client_channel, matches_replies_to_commands_in_order) {
    auto c = greeted();
    ASSERT_TRUE(c.send("PBSZ", "0"));
    ASSERT_TRUE(c.send("PROT", "P"));
    EXPECT_EQ(c.output(), "PBSZ 0\r\nPROT P\r\n");
    c.receive("200 zero\r\n200 private\r\n");
    command_reply a;
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.command, "PBSZ");
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.command, "PROT");
    EXPECT_EQ(a.received.text(), "private");
    EXPECT_EQ(c.next(a), status::need_more);
}

TEST(client_channel, a_preliminary_reply_leaves_its_command_waiting) {
    auto c = greeted();
    ASSERT_TRUE(c.send("RETR", "x"));
    c.receive("150 opening\r\n");
    command_reply a;
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_TRUE(a.received.preliminary());
    EXPECT_EQ(c.waiting_for(), "RETR");
    c.receive("226 done\r\n");
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.command, "RETR");
    EXPECT_EQ(c.waiting_for(), "");
}

TEST(client_channel, a_preliminary_reply_to_a_plain_command_is_a_violation) {
    auto c = greeted();
    ASSERT_TRUE(c.send("USER", "x"));
    c.receive("150 surprise\r\n");
    command_reply a;
    EXPECT_EQ(c.next(a), status::ended);
    EXPECT_EQ(c.failure().code, errc::stray_reply);
}

TEST(client_channel, an_unsolicited_reply_ends_the_session) {
    auto c = greeted();
    c.receive("227 Entering Passive Mode (10,0,0,1,0,22)\r\n");
    command_reply a;
    EXPECT_EQ(c.next(a), status::ended);
    EXPECT_EQ(c.failure().code, errc::stray_reply);
    EXPECT_EQ(c.next(a), status::ended);
}

TEST(client_channel, nothing_is_sent_while_received_bytes_are_pending) {
    client_channel c;
    c.receive("220 hello\r\n230 you are in\r\n");
    command_reply a;
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(c.send("USER", "x").error().code, errc::stray_reply);
    EXPECT_EQ(c.output(), "");
}

TEST(client_channel, a_421_ends_the_session_after_any_command) {
    auto c = greeted();
    ASSERT_TRUE(c.send("NOOP"));
    c.receive("421 too many users\r\n");
    command_reply a;
    EXPECT_EQ(c.next(a), status::ended);
    EXPECT_EQ(c.failure().code, errc::closed);
    EXPECT_EQ(c.reply_code(), 421);
}

TEST(client_channel, a_late_reply_to_a_timed_out_command_is_dropped) {
    auto c = greeted();
    ASSERT_TRUE(c.send("EPSV"));
    c.stop_waiting();
    ASSERT_TRUE(c.send("PASV"));
    c.receive("229 (|||5001|)\r\n227 (192,0,2,1,19,137)\r\n");
    command_reply a;
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.command, "PASV");
    EXPECT_EQ(a.received.code, 227);
    EXPECT_EQ(c.waiting_for(), "");
}

TEST(client_channel, a_timed_out_command_may_stay_unanswered) {
    auto c = greeted();
    ASSERT_TRUE(c.send("EPSV"));
    c.stop_waiting();
    ASSERT_TRUE(c.send("PASV"));
    c.receive("227 (192,0,2,1,19,137)\r\n");
    command_reply a;
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.command, "PASV");
    EXPECT_EQ(c.waiting_for(), "");
}

TEST(client_channel, a_running_transfer_can_be_skipped_and_ABOR_may_share_its_reply) {
    auto c = greeted();
    command_reply a;
    ASSERT_TRUE(c.send("RETR", "x", 1));
    c.receive("150 opening\r\n");
    ASSERT_EQ(c.next(a), status::reply);
    ASSERT_TRUE(c.send("NOOP", {}, 2));
    c.receive("200 alive\r\n");
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.operation, 2U);
    EXPECT_TRUE(c.awaits_reply_to(verb::retr));
    ASSERT_TRUE(c.send("ABOR", {}, 3));
    c.receive("226 done and aborted\r\n");
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.operation, 1U);
    ASSERT_TRUE(c.send("NOOP", {}, 4));
    c.receive("200 alive\r\n");
    ASSERT_EQ(c.next(a), status::reply);
    EXPECT_EQ(a.operation, 4U);
    EXPECT_FALSE(c.awaits_reply_to(verb::abor));
}

TEST(client_channel, a_command_that_has_not_started_is_never_skipped) {
    auto c = greeted();
    ASSERT_TRUE(c.send("PASV"));
    ASSERT_TRUE(c.send("PWD"));
    c.receive("257 \"/\"\r\n");
    command_reply a;
    EXPECT_EQ(c.next(a), status::ended);
    EXPECT_EQ(c.failure().code, errc::stray_reply);
    EXPECT_NE(c.failure().what.find("PASV"), std::string::npos);
}

TEST(client_channel, CL_02_no_line_break_leaves_in_an_argument) {
    auto c = greeted();
    EXPECT_EQ(c.send("RETR", "a\r\nDELE b").error().code, errc::name_invalid);
    EXPECT_EQ(c.send("RETR", std::string_view("a\0b", 3)).error().code, errc::name_invalid);
    EXPECT_EQ(c.output(), "");
}

TEST(client_channel, doubles_0xff_where_it_could_be_telnet) {
    auto c = greeted();
    ASSERT_TRUE(c.send("RETR", "\xff\xff"));
    EXPECT_EQ(c.output(), "RETR \xff\xff\xff\r\n");
}

TEST(client_channel, sends_bytes_as_they_are_under_tls) {
    auto c = greeted();
    c.disable_telnet();
    ASSERT_TRUE(c.send("RETR", "\xff\xff"));
    EXPECT_EQ(c.output(), "RETR \xff\xff\r\n");
}

TEST(client_channel, the_trace_masks_passwords) {
    client_channel c;
    std::string trace;
    c.set_trace([&](std::string_view line) { trace += std::string(line) + "\n"; });
    command_reply a;
    c.receive("220-hello\r\n220 there\r\n");
    ASSERT_EQ(c.next(a), status::reply);
    ASSERT_TRUE(c.send("PASS", "secret"));
    EXPECT_EQ(trace, "< 220-hello\n< 220 there\n> PASS ****\n");
}

TEST(client_channel, C7_an_overlong_reply_is_an_error) {
    client_channel c;
    c.receive("220 " + std::string(1 << 20, 'A'));
    command_reply a;
    EXPECT_EQ(c.next(a), status::ended);
    EXPECT_EQ(c.failure().code, errc::too_long);
}

}  // namespace
}  // namespace sallyport::proto
