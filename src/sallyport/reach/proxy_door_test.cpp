#include <sallyport/reach/proxy_door.hpp>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include <sallyport/net/stream.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

endpoint at(const char* text) { return *endpoint::parse(text); }

const endpoint balancer = at("10.0.0.9:3333");
const endpoint own = at("10.0.0.1:21");
constexpr std::string_view header = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21\r\n";

/// Both ends of a connection that a balancer has made.
struct passed_on {
    passed_on() {
        std::array<int, 2> pair{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
        ours = {unique_fd(pair[0]), own, balancer};
        theirs = unique_fd(pair[1]);
    }
    void send(std::string_view bytes) const {
        EXPECT_EQ(::write(theirs.get(), bytes.data(), bytes.size()), std::ssize(bytes));
    }
    net::accepted ours;
    unique_fd theirs;
};

TEST(ProxyTrust, IsByNetwork) {
    const proxy_trust nobody;
    EXPECT_FALSE(nobody.speaks_for_others(balancer.address));
    const proxy_trust two{.from = {*ip_network::parse("10.0.0.0/24"), *ip_network::parse("::1")}};
    EXPECT_TRUE(two.speaks_for_others(balancer.address));
    EXPECT_TRUE(two.speaks_for_others(*ip_address::parse("::1")));
    EXPECT_FALSE(two.speaks_for_others(*ip_address::parse("10.0.1.9")));
}

net::task<> drip(net::loop& home, const passed_on& from, std::string_view bytes) {
    for (const char& c : bytes) {
        co_await home.sleep_for(1ms);
        from.send({&c, 1});
    }
}

net::task<> reads_it(net::loop& home, passed_on& connection, std::string_view rest) {
    auto got = co_await take_proxy_header(home, connection.ours);
    EXPECT_TRUE(got) << got.error().text();
    if (!got) co_return;
    EXPECT_TRUE(got->proxied);
    EXPECT_EQ(got->destination, at("198.51.100.1:21"));
    EXPECT_EQ(connection.ours.peer, at("203.0.113.9:40000"));
    EXPECT_EQ(connection.ours.local, own);  // where we really are
    // What is behind the header is still there, for whoever takes the connection now.
    net::stream stream(home, std::move(connection.ours.socket), connection.ours.local, connection.ours.peer);
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

TEST(ProxyDoor, TakesTheHeaderAndNothingBehindIt) {
    net::loop_group loops(1);
    passed_on connection;
    connection.send(std::string(header) + "USER a\r\n");
    loops.run_until_done(reads_it(loops.at(0), connection, "USER a\r\n"));
}

TEST(ProxyDoor, WaitsForAHeaderThatComesByteByByte) {
    net::loop_group loops(1);
    passed_on connection;
    const auto all = std::string(header) + "USER a\r\n";
    loops.at(0).spawn("drip", drip(loops.at(0), connection, all));
    loops.run_until_done(reads_it(loops.at(0), connection, "USER a\r\n"));
}

net::task<> keeps_the_peer(net::loop& home, passed_on& connection) {
    auto got = co_await take_proxy_header(home, connection.ours);
    EXPECT_TRUE(got && !got->proxied);
    EXPECT_EQ(connection.ours.peer, balancer);
    EXPECT_TRUE(connection.ours.socket);
}

TEST(ProxyDoor, ABalancerMaySpeakForItself) {
    net::loop_group loops(1);
    passed_on connection;
    connection.send("PROXY UNKNOWN\r\n");
    loops.run_until_done(keeps_the_peer(loops.at(0), connection));
}

net::task<> fails_as(net::loop& home, passed_on& connection, errc code) {
    auto got = co_await take_proxy_header(home, connection.ours);
    EXPECT_EQ(got ? errc::misuse : got.error().code, code);
    EXPECT_FALSE(connection.ours.socket);
}

TEST(ProxyDoor, TellsWhyThereIsNone) {
    net::loop_group loops(1);
    passed_on garbage;
    garbage.send("USER a\r\n");
    loops.run_until_done(fails_as(loops.at(0), garbage, errc::syntax));
}

TEST(ProxyDoor, AHealthCheckMayJustConnect) {
    net::loop_group loops(1);
    passed_on checked;
    checked.theirs.reset();
    loops.run_until_done(fails_as(loops.at(0), checked, errc::closed));
}

TEST(ProxyDoor, HalfAHeaderIsNone) {
    net::loop_group loops(1);
    passed_on cut;
    cut.send(header.substr(0, 20));
    cut.theirs.reset();
    loops.run_until_done(fails_as(loops.at(0), cut, errc::truncated));
}

}  // namespace
}  // namespace sallyport::reach
