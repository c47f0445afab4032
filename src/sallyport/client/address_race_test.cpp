#include <sallyport/client/address_race.hpp>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/client/connection.hpp>
#include <sallyport/client/session_fixture.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::client {
namespace {

std::vector<ip_address> addresses(std::initializer_list<const char*> texts) {
    std::vector<ip_address> out;
    for (const auto* each : texts) out.push_back(*ip_address::parse(each));
    return out;
}

TEST(attempt_order, C2_both_families_take_turns) {
    const auto all = addresses({"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"});
    EXPECT_EQ(attempt_order(all, ip_version::any),
              addresses({"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"}));
    EXPECT_EQ(attempt_order(all, ip_version::ipv4), addresses({"192.0.2.1", "192.0.2.2"}));
    EXPECT_EQ(attempt_order(all, ip_version::ipv6), addresses({"2001:db8::1", "2001:db8::2", "2001:db8::3"}));
    EXPECT_EQ(attempt_order(addresses({"192.0.2.1", "2001:db8::1", "2001:db8::2"}), ip_version::any),
              addresses({"192.0.2.1", "2001:db8::1", "2001:db8::2"}));
    EXPECT_TRUE(attempt_order({}, ip_version::any).empty());
    EXPECT_TRUE(attempt_order(addresses({"192.0.2.1"}), ip_version::ipv6).empty());
}

/// An address that answers no connection, since the queue of its listener is full.
class silent_address {
public:
    silent_address(const char* address, std::uint16_t port) {
        const net::socket_address at({*ip_address::parse(address), port});
        EXPECT_EQ(::bind(listener_.get(), at.data(), at.length()), 0);
        EXPECT_EQ(::listen(listener_.get(), 0), 0);
        EXPECT_EQ(::connect(waiting_.get(), at.data(), at.length()), 0);
    }

private:
    unique_fd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    unique_fd waiting_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

net::task<> open_to(net::loop& loop, server_address server, std::optional<proto::client_failure>& out) {
    connection c(loop, quick());
    credentials login;
    out = co_await c.open(std::move(server), open_depth::greeting, std::move(login));
    co_await c.quit();
}

TEST(address_race, C2_a_silent_address_delays_the_next_one_by_a_quarter_of_a_second) {
    ftp_stub server({});
    const silent_address other("127.0.0.2", server.port());
    net::loop_group loops(1);
    std::optional<proto::client_failure> failed;
    const auto begin = net::clock::now();
    loops.run_until_done(
        open_to(loops.at(0), {"both", server.port(), tls_mode::none, addresses({"127.0.0.2", "127.0.0.1"}), {}}, failed));
    EXPECT_FALSE(failed) << failed->cause.text();
    EXPECT_LT(net::clock::now() - begin, quick().connect);
}

TEST(address_race, C2_the_error_is_that_of_an_address) {
    net::loop_group loops(1);
    std::optional<proto::client_failure> failed;
    loops.run_until_done(
        open_to(loops.at(0), {"none", 9, tls_mode::none, addresses({"127.0.0.3", "127.0.0.4"}), {}}, failed));
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->cause.code, errc::refused);
}

}  // namespace
}  // namespace sallyport::client
