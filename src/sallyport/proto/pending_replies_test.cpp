#include <sallyport/proto/pending_replies.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] reply with_code(int code) { return {code, {"x"}}; }

TEST(PendingReplies, AreAnsweredInOrder) {
    pending_replies queue;
    EXPECT_FALSE(queue.match(with_code(200), false)) << "no command was sent";
    queue.push({reply_kind::relayed, verb::pwd});
    queue.push({reply_kind::relayed, verb::noop});
    EXPECT_EQ(queue.match(with_code(257), false), 0U);
    EXPECT_TRUE(queue.remove(0).empty());
    EXPECT_EQ(queue.front().id, verb::noop);
}

TEST(PendingReplies, LetTheGatewaysOwnWaitForTheirTurn_GW04) {
    pending_replies queue;
    EXPECT_FALSE(queue.hold("200 at once\r\n"));
    queue.push({reply_kind::relayed, verb::pwd});
    EXPECT_TRUE(queue.hold("503 first\r\n"));
    EXPECT_TRUE(queue.hold("504 second\r\n"));
    queue.push({reply_kind::relayed, verb::noop});
    EXPECT_TRUE(queue.hold("501 third\r\n"));
    EXPECT_EQ(queue.remove(0), (std::vector<std::string>{"503 first\r\n", "504 second\r\n"}));
    EXPECT_EQ(queue.front().id, verb::noop);
    EXPECT_EQ(queue.remove(0), std::vector<std::string>{"501 third\r\n"});
    EXPECT_TRUE(queue.empty());
}

TEST(PendingReplies, LetStatBeAnsweredDuringATransfer) {
    pending_replies queue;
    queue.push({reply_kind::transfer, verb::retr});
    EXPECT_FALSE(queue.match(with_code(213), false)) << "no STAT was sent";
    queue.push({reply_kind::relayed, verb::abor});
    queue.push({reply_kind::relayed, verb::stat});
    EXPECT_EQ(queue.match(with_code(213), false), 2U);
    EXPECT_EQ(queue.match(with_code(150), false), 0U);
    EXPECT_EQ(queue.match(with_code(226), false), 0U);
    EXPECT_EQ(queue.match(with_code(226), true), 1U) << "the transfer has its final reply, so this one belongs to ABOR";
    queue.push({reply_kind::discarded, verb::abor});
    EXPECT_EQ(queue.match(with_code(213), false), 2U);
}

TEST(PendingReplies, FindEntriesByKindAndVerb) {
    pending_replies queue;
    queue.push({reply_kind::probe, verb::noop});
    EXPECT_TRUE(queue.has(reply_kind::probe));
    EXPECT_FALSE(queue.has(reply_kind::relayed));
    EXPECT_TRUE(queue.has(verb::noop));
    EXPECT_FALSE(queue.has(verb::abor));
    EXPECT_EQ(queue.remove_first().kind, reply_kind::probe);
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace sallyport::proto
