#include <sallyport/proto/relay_awaited.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

/// A logged-in session with a backend, and nothing pending.
struct session {
    void send(reply_kind kind, verb id) { pending.push({kind, id, {}}); }
    [[nodiscard]] reply_situation now() const {
        return {.stage = stage,
                .pending = pending,
                .transfer = transfer,
                .logged_in = true,
                .connected = true,
                .reply_begun = reply_begun,
                .reading = reading};
    }
    [[nodiscard]] awaited_reply awaited() const { return reply_awaited(now()); }
    [[nodiscard]] bool answers_probe(int code) const { return is_reply_to_probe({code, {"x"}}, now()); }

    relay_stage stage = relay_stage::open;
    pending_replies pending;
    relay_transfer transfer;
    relay_output out;
    bool reply_begun = false;
    bool reading = true;
};

TEST(RelayAwaited, ASlowReplyIsAwaitedWithoutADeadline) {
    session s;
    EXPECT_EQ(s.awaited(), awaited_reply::none);
    s.send(reply_kind::relayed, verb::dele);
    EXPECT_EQ(s.awaited(), awaited_reply::none);
    EXPECT_FALSE(reply_in_doubt(s.now()));
}

TEST(RelayAwaited, AReplyThatHasBegunMustEnd) {
    session s;
    s.send(reply_kind::relayed, verb::stat);
    s.reply_begun = true;
    EXPECT_EQ(s.awaited(), awaited_reply::rest_of_reply);
    s.reading = false;
    EXPECT_EQ(s.awaited(), awaited_reply::none) << "it is the gateway that is slow";
}

TEST(RelayAwaited, AfterAFailureTheBackendsReasonThenItsFinalReply) {
    session s;
    s.stage = relay_stage::transfer;
    s.send(reply_kind::transfer, verb::retr);
    (void)s.out.send_command({verb::retr, "RETR", "f"}, reply_kind::transfer);
    EXPECT_EQ(s.awaited(), awaited_reply::none) << "data have deadlines of their own";
    (void)s.transfer.on_data_ended({data_result::backend_failed, "reset"}, s.out);
    EXPECT_EQ(s.awaited(), awaited_reply::refusal);
    (void)s.transfer.stop_waiting(s.out);
    EXPECT_EQ(s.awaited(), awaited_reply::final_reply);
    EXPECT_FALSE(s.answers_probe(200));
    s.send(reply_kind::probe, verb::noop);
    EXPECT_EQ(s.awaited(), awaited_reply::probe);
    EXPECT_TRUE(s.answers_probe(200));
    EXPECT_TRUE(s.answers_probe(500)) << "it does not know NOOP";
    EXPECT_FALSE(s.answers_probe(426));
    EXPECT_FALSE(s.answers_probe(226));
}

TEST(RelayAwaited, AbortAndStatMayStayUnanswered) {
    session s;
    s.stage = relay_stage::awaiting_reply;
    s.send(reply_kind::relayed, verb::abor);
    EXPECT_EQ(s.awaited(), awaited_reply::final_reply);
    s.send(reply_kind::probe, verb::noop);
    EXPECT_TRUE(s.answers_probe(200));
    EXPECT_FALSE(s.answers_probe(500)) << "it may be the one to ABOR";
    session other;
    other.stage = relay_stage::awaiting_reply;
    other.send(reply_kind::relayed, verb::quit);
    EXPECT_EQ(other.awaited(), awaited_reply::none);
}

TEST(RelayAwaited, NothingIsAwaitedWithoutALogin) {
    session s;
    s.stage = relay_stage::awaiting_reply;
    s.send(reply_kind::relayed, verb::stat);
    auto before = s.now();
    before.logged_in = false;
    EXPECT_EQ(reply_awaited(before), awaited_reply::none);
    auto without = s.now();
    without.connected = false;
    EXPECT_EQ(reply_awaited(without), awaited_reply::none);
}

}  // namespace
}  // namespace sallyport::proto
