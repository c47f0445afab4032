#include <sallyport/client/router_listener.hpp>

#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

ip_address at(const char* text) { return *ip_address::parse(text); }

TEST(router_listener, C2_a_mapping_is_needed_between_a_private_client_and_a_public_server) {
    EXPECT_TRUE(needs_mapping(at("192.168.77.10"), at("5.9.1.10")));
    EXPECT_TRUE(needs_mapping(at("100.64.0.9"), at("5.9.1.10")));
    EXPECT_FALSE(needs_mapping(at("192.168.77.10"), at("192.168.77.11")));
    EXPECT_FALSE(needs_mapping(at("192.168.77.10"), at("10.0.0.1")));
    EXPECT_FALSE(needs_mapping(at("127.0.0.1"), at("127.0.0.1")));
    EXPECT_FALSE(needs_mapping(at("5.9.1.11"), at("5.9.1.10")));
    EXPECT_FALSE(needs_mapping(at("fd00::1"), at("2a01:4f8:1::10"))) << "IPv6 has no NAT";
}

net::task<> open_and_close(net::loop& loop, result<endpoint>& out) {
    router_listener listener(loop, {.protocols = {reach::mapping_protocol::pcp}});
    out = co_await listener.open(*endpoint::parse("127.0.0.1:6000"), at("127.0.0.1"), net::time_limit::within(1s));
    co_await listener.close();
}

TEST(router_listener, C2_otherwise_the_local_endpoint_is_sent_and_no_router_is_asked) {
    net::loop_group loops(1);
    result<endpoint> out = fail(errc::misuse);
    loops.run_until_done(open_and_close(loops.at(0), out));
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ(out->text(), "127.0.0.1:6000");
}

}  // namespace
}  // namespace sallyport::client
