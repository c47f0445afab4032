#include <sallyport/helper/remote_table.hpp>

#include <array>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace sallyport::helper {
namespace {

using namespace std::chrono_literals;

TEST(HelperRemoteTable, KnowsNoUseAfterTheHelperHasEnded) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    const auto queries = std::make_shared<channel>(unique_fd(ends[0]), 5s);
    remote_table tested(queries, queries);
    unique_fd(ends[1]).reset();
    const firewall::opening any{*ip_address::parse("127.0.0.2"), *endpoint::parse("127.0.0.1:50000"),
                                *endpoint::parse("127.0.0.1:40000"), *ip_address::parse("127.0.0.3"), 30s};
    EXPECT_EQ(tested.use_of(any), firewall::opening_use::unknown);
    EXPECT_FALSE(tested.remaining(any));
}

}  // namespace
}  // namespace sallyport::helper
