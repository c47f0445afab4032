#include <sallyport/reach/proxy_protocol.hpp>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include <sallyport/net/stream.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

endpoint at(const char* text) { return *endpoint::parse(text); }

const endpoint load_balancer = at("10.0.0.9:3333");
const endpoint local = at("10.0.0.1:21");
constexpr std::string_view header = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21\r\n";

/// Both ends of a connection that a load balancer has opened.
struct proxied_connection {
    proxied_connection() {
        std::array<int, 2> pair{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
        server_end = {unique_fd(pair[0]), local, load_balancer};
        peer_end = unique_fd(pair[1]);
    }
    void send(std::string_view bytes) const {
        EXPECT_EQ(::write(peer_end.get(), bytes.data(), bytes.size()), std::ssize(bytes));
    }
    net::accepted_connection server_end;
    unique_fd peer_end;
};

TEST(TrustedProxies, MatchByNetwork) {
    const trusted_proxies none;
    EXPECT_FALSE(none.is_trusted(load_balancer.address));
    const trusted_proxies networks{.networks = {*ip_network::parse("10.0.0.0/24"), *ip_network::parse("::1")}};
    EXPECT_TRUE(networks.is_trusted(load_balancer.address));
    EXPECT_TRUE(networks.is_trusted(*ip_address::parse("::1")));
    EXPECT_FALSE(networks.is_trusted(*ip_address::parse("10.0.1.9")));
}

net::task<> drip(net::loop& loop, const proxied_connection& from, std::string_view bytes) {
    for (const char& c : bytes) {
        co_await loop.sleep_for(1ms);
        from.send({&c, 1});
    }
}

net::task<> reads_the_header(net::loop& loop, proxied_connection& connection, std::string_view rest) {
    auto got = co_await read_proxy_header(loop, connection.server_end);
    EXPECT_TRUE(got) << got.error().text();
    if (!got) co_return;
    EXPECT_TRUE(got->proxied);
    EXPECT_EQ(got->destination, at("198.51.100.1:21"));
    EXPECT_EQ(connection.server_end.peer, at("203.0.113.9:40000"));
    // The address that accepted the connection, not the header's.
    EXPECT_EQ(connection.server_end.local, local);
    // The bytes after the header are still in the socket.
    net::stream stream(loop, std::move(connection.server_end.socket), connection.server_end.local,
                       connection.server_end.peer);
    std::string text;
    std::array<char, 64> buffer;
    while (text.size() < rest.size()) {
        const auto more = co_await stream.read_some(buffer, net::time_limit::within(5s));
        EXPECT_TRUE(more && *more > 0);
        if (!more || *more == 0) co_return;
        text.append(buffer.data(), *more);
    }
    EXPECT_EQ(text, rest);
}

TEST(ProxyProtocol, ReadsTheHeaderAndNoFurtherByte) {
    net::loop_group loops(1);
    proxied_connection connection;
    connection.send(std::string(header) + "USER a\r\n");
    loops.run_until_done(reads_the_header(loops.at(0), connection, "USER a\r\n"));
}

TEST(ProxyProtocol, WaitsForAHeaderThatArrivesByteByByte) {
    net::loop_group loops(1);
    proxied_connection connection;
    const auto all = std::string(header) + "USER a\r\n";
    loops.at(0).spawn("drip", drip(loops.at(0), connection, all));
    loops.run_until_done(reads_the_header(loops.at(0), connection, "USER a\r\n"));
}

net::task<> keeps_the_peer(net::loop& loop, proxied_connection& connection) {
    auto got = co_await read_proxy_header(loop, connection.server_end);
    EXPECT_TRUE(got && !got->proxied);
    EXPECT_EQ(connection.server_end.peer, load_balancer);
    EXPECT_TRUE(connection.server_end.socket);
}

TEST(ProxyProtocol, ALoadBalancerMaySendALocalHeader) {
    net::loop_group loops(1);
    proxied_connection connection;
    connection.send("PROXY UNKNOWN\r\n");
    loops.run_until_done(keeps_the_peer(loops.at(0), connection));
}

net::task<> fails_with(net::loop& loop, proxied_connection& connection, errc code) {
    auto got = co_await read_proxy_header(loop, connection.server_end);
    EXPECT_EQ(got ? errc::misuse : got.error().code, code);
    EXPECT_FALSE(connection.server_end.socket);
}

TEST(ProxyProtocol, AConnectionWithoutAHeaderFails) {
    net::loop_group loops(1);
    proxied_connection garbage;
    garbage.send("USER a\r\n");
    loops.run_until_done(fails_with(loops.at(0), garbage, errc::syntax));
}

TEST(ProxyProtocol, AHealthCheckMayCloseWithoutAHeader) {
    net::loop_group loops(1);
    proxied_connection checked;
    checked.peer_end.reset();
    loops.run_until_done(fails_with(loops.at(0), checked, errc::closed));
}

TEST(ProxyProtocol, ATruncatedHeaderFails) {
    net::loop_group loops(1);
    proxied_connection truncated;
    truncated.send(header.substr(0, 20));
    truncated.peer_end.reset();
    loops.run_until_done(fails_with(loops.at(0), truncated, errc::truncated));
}

}  // namespace
}  // namespace sallyport::reach
