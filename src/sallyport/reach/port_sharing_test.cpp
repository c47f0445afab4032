// Two processes share a passive port range during a graceful restart (G6); here they are two brokers in one process.

#include <sallyport/reach/port_broker.hpp>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>
#include <support/free_ports.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

const ip_address server_address = *ip_address::parse("127.0.0.1");
const ip_address alice = *ip_address::parse("127.0.0.1");
const ip_address bob = *ip_address::parse("127.0.0.2");

unique_fd bound(const endpoint& to) {
    const net::socket_address address(to);
    unique_fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    net::set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(socket.get(), address.data(), address.length()) != 0) return {};
    return socket;
}

unique_fd connect(const ip_address& from, std::uint16_t port) {
    unique_fd socket = bound({from, 0});
    const net::socket_address address(endpoint{server_address, port});
    if (::connect(socket.get(), address.data(), address.length()) != 0 && errno != EINPROGRESS) return {};
    return socket;
}

net::task<result<port_reservation>> reserve_soon(net::loop& loop, port_broker& ports, ip_address client) {
    for (const auto end = net::clock::now() + 10s;;) {
        auto reserved = ports.reserve(loop, server_address, client);
        if (reserved || net::clock::now() > end) co_return reserved;
        co_await loop.sleep_for(5ms);
    }
}

/// Whether the expected client is served by the broker of this reservation.
net::task<bool> serves(port_reservation& reserved, ip_address client) {
    const auto socket = connect(client, reserved.port());
    const auto accepted = co_await reserved.wait(net::time_limit::within(10s));
    co_return accepted && accepted->peer == net::local_endpoint(socket.get());
}

net::task<> alternate(net::loop& loop, port_broker& old_broker, port_broker& new_broker) {
    old_broker.share_range(true);
    new_broker.share_range(true);
    for (int turn = 0; turn < 3; ++turn) {
        auto first = co_await reserve_soon(loop, old_broker, alice);
        EXPECT_TRUE(first);
        if (!first) co_return;
        auto refused = new_broker.reserve(loop, server_address, bob);
        EXPECT_FALSE(refused) << "the other process has the port while a connection is expected on it";
        const bool served = co_await serves(*first, alice);
        EXPECT_TRUE(served);

        // The first transfer still runs.
        auto second = co_await reserve_soon(loop, new_broker, bob);
        EXPECT_TRUE(second);
        if (!second) co_return;
        const bool served_too = co_await serves(*second, bob);
        EXPECT_TRUE(served_too);
    }
    // The range is no longer shared, so the listener stays open.
    old_broker.stop();
    new_broker.share_range(false);
    auto last = co_await reserve_soon(loop, new_broker, bob);
    EXPECT_TRUE(last);
    if (!last) co_return;
    const bool served = co_await serves(*last, bob);
    EXPECT_TRUE(served);
    co_await loop.sleep_for(200ms);
    EXPECT_FALSE(bound({server_address, last->port()}));
}

TEST(PortSharing, TwoProcessesAlternateOnOnePort_G6) {
    net::loop_group loops(1);
    status::counters counters;
    const auto port = testing::free_ports(1).first;
    const broker_settings settings{.range = {port, port}};
    port_broker old_broker(loops, settings, counters);
    port_broker new_broker(loops, settings, counters);
    loops.run_until_done(alternate(loops.at(0), old_broker, new_broker));
    EXPECT_EQ(counters.unexpected_peers.load(), 0U);
}

net::task<> keeps_the_port_while_forwarded(net::loop& loop, port_broker& old_broker, port_broker& new_broker) {
    old_broker.share_range(true);
    new_broker.share_range(true);
    auto forwarded = co_await reserve_soon(loop, old_broker, alice);
    EXPECT_TRUE(forwarded);
    forwarded->forward_in_kernel(net::clock::now() + 1h);
    co_await loop.sleep_for(200ms);
    EXPECT_FALSE(new_broker.reserve(loop, server_address, bob)) << "the kernel still has an opening there";
    forwarded->forward_in_kernel(net::clock::now());
    // The transfer still runs.
    const auto next = co_await reserve_soon(loop, new_broker, bob);
    EXPECT_TRUE(next);
}

// Two openings of one client at one port would take each other's connections.
TEST(PortSharing, APortStaysReservedWhileTheKernelHasAnOpening_GW08) {
    net::loop_group loops(1);
    status::counters counters;
    const auto port = testing::free_ports(1).first;
    port_broker old_broker(loops, {.range = {port, port}}, counters);
    port_broker new_broker(loops, {.range = {port, port}}, counters);
    loops.run_until_done(keeps_the_port_while_forwarded(loops.at(0), old_broker, new_broker));
}

}  // namespace
}  // namespace sallyport::reach
