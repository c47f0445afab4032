#include <sallyport/doctor/syn_probe.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::doctor {
namespace {

using diagnosis::hop_answer;
using std::chrono::milliseconds;

const auto loopback = *ip_address::parse("127.0.0.1");

TEST(syn_probe, an_open_port_is_opened_and_a_closed_one_refused) {
    const unique_fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const net::socket_address any(endpoint{loopback, 0});
    ASSERT_EQ(::bind(listener.get(), any.data(), any.length()), 0);
    const auto at = net::local_endpoint(listener.get());
    const std::vector<limited_syn> syns{{at, 1}};
    auto closed = send_syns(loopback, milliseconds(2000), syns);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->at(0).what, hop_answer::refused);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    auto open = send_syns(loopback, milliseconds(2000), syns);
    ASSERT_TRUE(open);
    EXPECT_EQ(open->at(0).what, hop_answer::opened);
}

// Silence would blame the path.
TEST(syn_probe, what_this_computer_cannot_send_is_a_failure) {
    const std::vector<limited_syn> syns{{endpoint{loopback, 1}, 1}};
    const auto sent = send_syns(*ip_address::parse("192.0.2.77"), milliseconds(100), syns);
    ASSERT_FALSE(sent);
    EXPECT_THAT(sent.error().text(), testing::HasSubstr("this computer could not send a SYN"));
    EXPECT_FALSE(ttl_of_refusal({endpoint{loopback, 1}, *ip_address::parse("192.0.2.77"), milliseconds(100)}));
}

}  // namespace
}  // namespace sallyport::doctor
