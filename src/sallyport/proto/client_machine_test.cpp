// The queue of operations: pending requests, and commands during a transfer.

#include <sallyport/proto/client_machine.hpp>

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include <sallyport/proto/client_test_script.hpp>

namespace sallyport::proto {
namespace {

TEST(client_request, any_final_reply_is_an_outcome) {
    client_script p;
    p.log_in().machine.queue_request(verb::cwd, "a b");
    p.run({"> CWD a b", "< 250 ok", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_EQ(p.machine.last_reply().code, 250);
    p.machine.queue_request(verb::mlst, "x");
    p.run({"> MLST x", "< 250-Listing", "<  type=file; x", "< 250 End", "* done"});
    EXPECT_EQ(p.machine.last_reply().lines.size(), 3U);
    p.machine.queue_request(verb::pwd, {});
    p.run({"> PWD", "< 550 no", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_EQ(p.machine.last_reply().code, 550);
    EXPECT_TRUE(p.machine.usable());
}

TEST(client_request, a_lost_connection_and_a_421_are_failures) {
    for (const auto* end : {"* lost", "* silence", "< 421 bye"}) {
        client_script p;
        p.log_in().machine.queue_request(verb::mdtm, "x");
        p.run({"> MDTM x", end, "* done"});
        EXPECT_EQ(p.failure().at, client_step::request) << end;
        EXPECT_FALSE(p.machine.usable());
        p.machine.queue_request(verb::cwd, "y");
        p.run({"* done"});
        EXPECT_EQ(p.failure().cause.code, errc::closed);
    }
}

TEST(client_request, CL_02_an_argument_can_not_hold_another_command) {
    for (const auto* bad : {"a\r\nDELE b", "a\nb", "a\rb"}) {
        client_script p;
        p.log_in().machine.queue_request(verb::cwd, bad);
        p.run({"* done"});
        EXPECT_EQ(p.failure().cause.code, errc::name_invalid);
        EXPECT_TRUE(p.machine.usable());
    }
}

// ---- Several pending requests

TEST(client_queue, requests_are_sent_together_and_each_has_its_reply) {
    client_script p;
    p.log_in();
    const auto size = p.machine.queue_request(verb::size, "x");
    const auto time = p.machine.queue_request(verb::mdtm, "x");
    const auto place = p.machine.queue_request(verb::pwd, {});
    p.run({"> SIZE x\r\nMDTM x\r\nPWD", "< 213 7", "< 550 no", "< 257 \"/\"", "* done"});
    EXPECT_EQ(p.machine.reply_to(size)->code, 213);
    EXPECT_EQ(p.machine.reply_to(time)->code, 550);
    EXPECT_EQ(p.machine.reply_to(place)->code, 257);
    EXPECT_FALSE(p.machine.failure());
    p.machine.queue_request(verb::noop, {});
    // Earlier replies are not stored any more.
    EXPECT_EQ(p.machine.reply_to(size), nullptr);
}

TEST(client_queue, a_transfer_waits_for_pending_requests_and_later_ones_for_it) {
    client_script p;
    p.log_in();
    p.machine.queue_request(verb::cwd, "d");
    p.machine.queue_transfer(retr("x"));
    const auto last = p.machine.queue_request(verb::pwd, {});
    p.machine.queue_quit();
    p.run({"> CWD d", "< 250 ok", "> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001",
           "> RETR x", "< 150 ok", "* move", "< 226 done", "* await", "* data", "> PWD", "< 257 \"/d\"", "> QUIT",
           "< 221 bye", "* done"});
    EXPECT_EQ(p.machine.reply_to(last)->code, 257);
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_queue, a_lost_connection_ends_all_queued_operations) {
    client_script p;
    p.log_in();
    const auto first = p.machine.queue_request(verb::cwd, "d");
    const auto second = p.machine.queue_request(verb::pwd, {});
    p.machine.queue_transfer(retr("x"));
    p.run({"> CWD d\r\nPWD", "< 250 ok"});
    // Reads the reply.
    (void)p.machine.next();
    p.run({"* lost", "* done"});
    ASSERT_NE(p.machine.reply_to(first), nullptr);
    EXPECT_EQ(p.machine.reply_to(first)->code, 250);
    EXPECT_EQ(p.machine.reply_to(second), nullptr);
    EXPECT_EQ(p.failure().cause.code, errc::reset);
    EXPECT_FALSE(p.machine.usable());
}

TEST(client_queue, a_name_that_can_not_be_sent_fails_alone) {
    client_script p;
    p.log_in();
    const auto bad = p.machine.queue_request(verb::size, "a\nb");
    const auto good = p.machine.queue_request(verb::size, "c");
    p.run({"> SIZE c", "< 213 7", "* done"});
    EXPECT_EQ(p.machine.reply_to(bad), nullptr);
    EXPECT_EQ(p.machine.reply_to(good)->code, 213);
    EXPECT_TRUE(p.machine.usable());
}

// ---- The first operation may end before the login

TEST(client_open_until, ends_at_the_greeting_or_with_TLS) {
    auto s = client_script::plain();
    s.until = open_until::greeting;
    client_script p(s);
    p.run({"< 220-hi", "< 220 there", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_EQ(p.machine.greeting().lines.size(), 2U);
    p.machine.queue_login();
    p.run({"> USER anonymous", "< 230 in", "> FEAT", "< 500 no", "* done"});
    EXPECT_FALSE(p.machine.failure());

    s.tls_required = true;
    s.until = open_until::tls;
    client_script tls(s);
    tls.run({"< 220 hi", "> AUTH TLS", "< 234 ok", "* tls", "* done"});
    EXPECT_FALSE(tls.machine.failure());
    tls.machine.queue_login();
    tls.run({"> USER anonymous", "< 230 in", "> PBSZ 0"});
}

TEST(client_open_until, a_reply_after_the_greeting_is_a_stray) {
    auto s = client_script::plain();
    s.until = open_until::greeting;
    client_script p(s);
    p.machine.receive("220 hi\r\n230 in\r\n");
    p.run({"* done"});
    EXPECT_EQ(p.failure().cause.code, errc::stray_reply);
}

// ---- During a transfer

const std::initializer_list<std::string_view> to_the_data = {
    "> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok", "* move"};

TEST(client_during_transfer, NOOP_is_answered_at_once_or_after_the_transfer) {
    // Pure-FTPd answers 500 to all but ABOR and QUIT during a transfer.
    const std::initializer_list<std::string_view> orders[] = {{"< 200 ok", "< 226 done", "* await"},
                                                              {"< 500 what", "< 226 done", "* await"},
                                                              {"< 226 done", "* await", "< 200 ok"}};
    for (const auto& replies : orders) {
        client_script p;
        p.log_in().machine.queue_transfer(retr("x"));
        p.run(to_the_data);
        p.machine.send_noop();
        // Not sent before the reply to the first one.
        p.machine.send_noop();
        p.run({"> NOOP"}).run(replies).run({"* data"});
        p.machine.queue_request(verb::pwd, {});
        p.run({"> PWD", "< 257 \"/\"", "* done"});
        EXPECT_FALSE(p.machine.failure());
    }
}

TEST(client_during_transfer, NOOP_does_not_hide_the_end_of_a_transfer) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run(to_the_data);
    p.machine.send_noop();
    p.run({"> NOOP", "< 200 ok", "< 426 cut", "* drop", "* data", "* done"});
    EXPECT_EQ(p.failure().reply_code, 426);
}

TEST(client_during_transfer, nothing_is_sent_while_no_data_is_transferred) {
    client_script p;
    p.log_in();
    p.machine.send_noop();
    p.machine.abort_transfer();
    p.run({"* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_during_transfer, after_ABOR_the_session_is_in_step_whatever_its_replies) {
    const std::initializer_list<std::string_view> replies[] = {
        {"< 426 aborted", "> NOOP", "< 226 aborted", "< 200 ok"},        // RFC 959.
        {"< 226 done", "> NOOP", "< 225 nothing to abort", "< 200 ok"},  // The transfer had ended before.
        {"< 225 aborted", "< 426 cut", "> NOOP", "< 200 ok"},            // In the other order.
        {"< 150 0.002 seconds", "< 226 aborted", "> NOOP", "< 200 ok"},  // Pure-FTPd: one reply for both.
        {"< 226 aborted", "> NOOP", "< 200 ok"},
        {"< 500 what", "< 226 done", "> NOOP", "< 200 ok"},    // ABOR is unknown.
        {"< 226 done", "> NOOP", "< 500 what", "< 500 what"},  // NOOP is unknown too.
        {"< 450 aborted", "> NOOP", "< 226 aborted", "< 200 ok"},
    };
    for (const auto& row : replies) {
        SCOPED_TRACE(std::string(*row.begin()));
        client_script p;
        p.log_in().machine.queue_transfer(retr("x"));
        p.run(to_the_data);
        p.machine.abort_transfer();
        // A second call has no effect.
        p.machine.abort_transfer();
        p.run({"> ABOR", "* drop", "* data"}).run(row).run({"* done"});
        EXPECT_EQ(p.failure().cause.code, errc::cancelled);
        ASSERT_TRUE(p.machine.usable());
        p.machine.queue_request(verb::pwd, {});
        p.run({"> PWD", "< 257 \"/\"", "* done"});
        EXPECT_FALSE(p.machine.failure());
    }
}

TEST(client_during_transfer, silence_after_ABOR_ends_the_session) {
    for (const bool replied : {false, true}) {
        client_script p;
        p.log_in().machine.queue_transfer(retr("x"));
        p.run(to_the_data);
        p.machine.abort_transfer();
        p.run({"> ABOR", "* drop", "* data"});
        if (replied) p.run({"< 426 aborted", "> NOOP"});
        p.run({"* silence", "* done"});
        EXPECT_EQ(p.failure().cause.code, errc::timeout);
        EXPECT_FALSE(p.machine.usable());
    }
}

}  // namespace
}  // namespace sallyport::proto
