#include <sallyport/helper/channel.hpp>

#include <array>
#include <cerrno>
#include <thread>

#include <sallyport/helper/helper_test.hpp>
#include <sallyport/helper/serve.hpp>

namespace sallyport::helper {
namespace {

using namespace std::chrono_literals;

struct HelperChannel : ::testing::Test {
    HelperChannel() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
        ours.reset(ends[0]);
        theirs.reset(ends[1]);
    }
    unique_fd ours;
    unique_fd theirs;
    const message any{{.kind = request_kind::add_closing, .number = 1}, {}};
    const message without_reply{{.kind = request_kind::add_closing}, {}};
};

/// Counts the requests, and replies with their number to those that have one.
void count_requests(int channel) {
    serve(channel, [count = 0](const request& r, std::span<unique_fd>) mutable {
        auto out = done(++count);
        out.is_due = r.number != 0;
        return out;
    });
}

TEST_F(HelperChannel, ReturnsTheReplyToTheLastMessage) {
    channel tested(std::move(ours), 5s);
    std::thread helper([this] { count_requests(theirs.get()); });
    const std::vector three{without_reply, without_reply, any};
    const auto last = tested.ask_all(three, "test");
    EXPECT_TRUE(last && last->text.number == 3);
    const auto next = tested.ask(any, "test");
    EXPECT_TRUE(next && next->text.number == 4) << "no reply is left";
    tested.close();
    helper.join();
    EXPECT_FALSE(tested.ask(any, "test"));
}

TEST_F(HelperChannel, WaitsForAMomentOnly) {
    channel tested(std::move(ours), 0s);
    const std::vector two{without_reply, any};
    EXPECT_FALSE(tested.ask_all_within(two, "test", 1ms)) << "there is no helper yet";
    std::thread helper([this] { count_requests(theirs.get()); });
    const auto late = tested.finish("test");
    EXPECT_TRUE(late && late->text.number == 2);
    const auto quick = tested.ask_all_within(two, "test", 10s);
    EXPECT_TRUE(quick && *quick && (*quick)->text.number == 4);
    tested.close();
    helper.join();
    const auto closed = tested.ask_all_within(two, "test", 10s);
    EXPECT_TRUE(closed && !*closed);
}

TEST_F(HelperChannel, HasTheTextOfARefusal) {
    channel tested(std::move(ours), 5s);
    std::thread helper([this] {
        serve(theirs.get(),
              [](const request&, std::span<unique_fd>) { return refuse(error{errc::io, EPERM, "the reason"}); });
    });
    const auto refused = tested.ask(any, "test");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "the reason");
    EXPECT_EQ(refused.error().os, EPERM);
    tested.close();
    helper.join();
}

TEST_F(HelperChannel, WithALimitFailsForGood) {
    channel tested(std::move(ours), 1s);
    const auto late = tested.ask(any, "test");
    ASSERT_FALSE(late);
    EXPECT_NE(late.error().what.find("does not respond"), std::string::npos);
    EXPECT_FALSE(tested.ask(any, "test")) << "a late reply would be taken for this one's";
}

// Another program may have the kernel's lock for long; the connection stays.
TEST_F(HelperChannel, WithoutALimitWaitsUntilTheHelperEnds) {
    timeval limit{};
    socklen_t size = sizeof limit;
    const int socket = ours.get();
    channel tested(std::move(ours), 0s);
    EXPECT_EQ(::getsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, &size), 0);
    EXPECT_EQ(limit.tv_sec, 0);
    theirs.reset();
    EXPECT_FALSE(tested.ask(any, "test"));
}

}  // namespace
}  // namespace sallyport::helper
