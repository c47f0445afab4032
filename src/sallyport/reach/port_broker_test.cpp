#include <sallyport/reach/port_broker.hpp>

#include <filesystem>
#include <set>
#include <thread>

#include <sys/socket.h>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>
#include <support/free_ports.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;
using sallyport::testing::free_ports;
using ::testing::ElementsAre;

ip_address ip(const char* text) { return *ip_address::parse(text); }

const ip_address here = ip("127.0.0.1");
const ip_address alice = ip("127.0.0.1");
const ip_address mallory = ip("127.0.0.2");

constexpr auto soon = 10s;  // nothing here should take that long

/// A socket of another program.
unique_fd bound(const endpoint& to) {
    const net::socket_address address(to);
    unique_fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    net::set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(socket.get(), address.data(), address.length()) != 0) return {};
    return socket;
}

unique_fd connect(const ip_address& from, std::uint16_t port, const ip_address& to = here) {
    unique_fd socket = bound({from, 0});
    const net::socket_address address(endpoint{to, port});
    if (::connect(socket.get(), address.data(), address.length()) != 0 && errno != EINPROGRESS) return {};
    return socket;
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

/// True when the other side closes in good order without having sent anything.
net::task<bool> closes_silently(net::loop& home, int socket) {
    for (const auto end = net::clock::now() + soon; net::clock::now() < end;) {
        char byte = 0;
        const auto n = ::recv(socket, &byte, 1, MSG_DONTWAIT);
        if (n >= 0) co_return n == 0;
        if (errno != EAGAIN && errno != EWOULDBLOCK) co_return false;
        co_await home.sleep_for(1ms);
    }
    co_return false;
}

class broker : public ::testing::Test {
protected:
    static net::time_limit limit() { return net::time_limit::within(soon); }
    std::uint64_t strangers() const { return counters_.take().strangers_refused; }

    net::loop_group loops_{1};
    net::loop& home_ = loops_.at(0);
    status::counters counters_;
};

// --- one loop ----------------------------------------------------------------------------------------------------------

net::task<> serves_the_right_one(net::loop& home, port_broker& ports, status::counters& counters) {
    auto promised = ports.reserve(home, here, alice);
    EXPECT_TRUE(promised);
    const auto thief = connect(mallory, promised->port());
    const bool refused = co_await closes_silently(home, thief.get());
    EXPECT_TRUE(refused);
    EXPECT_EQ(counters.take().strangers_refused, 1U);
    EXPECT_THAT(promised->strangers(), ElementsAre(mallory));

    const auto client = connect(alice, promised->port());
    const auto second = connect(alice, promised->port());
    const auto got = co_await promised->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    if (!got) co_return;
    EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
    EXPECT_EQ(got->local, (endpoint{here, promised->port()}));

    const bool second_refused = co_await closes_silently(home, second.get());
    EXPECT_TRUE(second_refused);
    EXPECT_EQ(counters.take().strangers_refused, 2U);
    const auto again = co_await promised->wait(net::time_limit::within(soon));
    EXPECT_EQ(again.error().code, errc::misuse);
}

// G2, S2, DC-02
TEST_F(broker, strangers_are_refused_and_the_right_one_is_served_once) {
    port_broker ports(loops_, {.range = free_ports(5)}, counters_);
    loops_.run_until_done(serves_the_right_one(home_, ports, counters_));
}

net::task<> refuses_all(net::loop& home, port_broker& ports, status::counters& counters) {
    auto promised = ports.reserve(home, here, alice);
    EXPECT_TRUE(promised);
    promised->lead_past(net::clock::now() + 1h);
    for (std::uint64_t i = 1; i <= 2; ++i) {
        const auto client = connect(alice, promised->port());
        const bool refused = co_await closes_silently(home, client.get());
        EXPECT_TRUE(refused);
        EXPECT_EQ(counters.take().strangers_refused, i);
    }
    const auto another = ports.reserve(home, here, alice);
    EXPECT_FALSE(another) << "the port is this promise's alone";
}

// G2: what the kernel leads past the door needs nobody at the door, and whoever comes is a stranger.
TEST_F(broker, nobody_is_let_in_where_the_connection_is_led_past) {
    port_broker ports(loops_, {.range = free_ports(1)}, counters_);
    loops_.run_until_done(refuses_all(home_, ports, counters_));
}

void say(const unique_fd& socket, std::string_view text) {
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
}

net::task<bool> is_refused(net::loop& home, std::uint16_t port, std::string_view text) {
    const auto socket = connect(mallory, port);
    co_await home.sleep_for(20ms);  // it connects without waiting for the other side
    say(socket, text);
    for (const auto end = net::clock::now() + soon; net::clock::now() < end;) {
        char byte = 0;
        // A reset too: what it said was not read to the end.
        if (::recv(socket.get(), &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN) co_return true;
        co_await home.sleep_for(1ms);
    }
    co_return false;
}

// Mallory is the balancer here, Carol a client far away, whose address nobody but the balancer tells.
net::task<> matches_by_the_header(net::loop& home, port_broker& ports) {
    const auto carol = ip("203.0.113.9");
    auto promised = ports.reserve(home, here, carol);
    EXPECT_TRUE(promised);
    if (!promised) co_return;

    for (const std::string_view text :
         {"PROXY TCP4 203.0.113.10 198.51.100.1 40000 50000\r\n", "PROXY UNKNOWN\r\n", "RETR"}) {
        const bool refused = co_await is_refused(home, promised->port(), text);
        EXPECT_TRUE(refused) << text;
    }
    const auto silent = connect(mallory, promised->port());
    const auto client = connect(mallory, promised->port());
    co_await home.sleep_for(20ms);
    say(client, "PROXY TCP4 203.0.113.9 198.51.100.1 40000 50000\r\ncontent");
    const auto got = co_await promised->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    if (!got) co_return;
    EXPECT_EQ(got->peer, *endpoint::parse("203.0.113.9:40000"));
    std::array<char, 64> text{};
    EXPECT_EQ(::recv(got->socket.get(), text.data(), text.size(), MSG_DONTWAIT), 7);
    EXPECT_EQ(std::string_view(text.data()), "content");
}

// DC-02
TEST_F(broker, behind_a_balancer_clients_are_told_apart_by_its_header) {
    port_broker ports(loops_, {.range = free_ports(3), .proxies = {.from = {*ip_network::parse("127.0.0.2")}, .data = true}},
                      counters_);
    loops_.run_until_done(matches_by_the_header(home_, ports));
    EXPECT_EQ(strangers(), 3U);
}

net::task<> takes_no_header_from_others(net::loop& home, port_broker& ports) {
    constexpr std::string_view header = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 50000\r\n";
    auto promised = ports.reserve(home, here, ip("203.0.113.9"));
    EXPECT_TRUE(promised);
    if (!promised) co_return;
    const bool refused = co_await is_refused(home, promised->port(), header);
    EXPECT_TRUE(refused);
    // Who is expected by its own address may send what it likes.
    auto own = ports.reserve(home, here, alice);
    const auto client = connect(alice, own->port());
    co_await home.sleep_for(20ms);
    say(client, header);
    const auto got = co_await own->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    std::array<char, 64> text{};
    EXPECT_EQ(::recv(got->socket.get(), text.data(), text.size(), MSG_DONTWAIT), std::ssize(header));
}

// DC-02: a balancer that is trusted on control only, and somebody who claims to be one.
TEST_F(broker, without_that_trust_a_balancer_is_a_stranger) {
    for (const bool data : {false, true}) {
        const auto* const trusted = data ? "127.0.0.3" : "127.0.0.2";
        port_broker ports(loops_, {.range = free_ports(3), .proxies = {.from = {*ip_network::parse(trusted)}, .data = data}},
                          counters_);
        loops_.run_until_done(takes_no_header_from_others(home_, ports));
    }
    EXPECT_EQ(strangers(), 2U);
}

net::task<> shares_one_port(net::loop& home, port_broker& ports) {
    auto a = ports.reserve(home, here, alice);
    auto m = ports.reserve(home, here, mallory);
    EXPECT_TRUE(a && m);
    EXPECT_EQ(a->port(), m->port());
    EXPECT_EQ(ports.reserve(home, here, alice).error().code, errc::exhausted);
    const auto from_m = connect(mallory, m->port());
    const auto from_a = connect(alice, a->port());
    const auto got_a = co_await a->wait(net::time_limit::within(soon));
    const auto got_m = co_await m->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got_a && got_m);
    if (!got_a || !got_m) co_return;
    EXPECT_EQ(got_a->peer, net::local_endpoint(from_a.get()));
    EXPECT_EQ(got_m->peer, net::local_endpoint(from_m.get()));
    EXPECT_TRUE(a->strangers().empty());
}

// DC-04
TEST_F(broker, a_range_of_one_port_serves_several_clients) {
    port_broker ports(loops_, {.range = free_ports(1)}, counters_);
    loops_.run_until_done(shares_one_port(home_, ports));
    EXPECT_EQ(strangers(), 0U);
}

// DC-04
TEST_F(broker, never_leaves_the_range_and_says_when_it_is_used_up) {
    const auto range = free_ports(20);
    port_broker ports(loops_, {.range = range}, counters_);
    std::vector<reservation> held;
    std::set<std::uint16_t> numbers;
    for (int i = 0; i < 20; ++i) {
        auto promised = ports.reserve(home_, here, alice);
        ASSERT_TRUE(promised) << promised.error().text();
        EXPECT_TRUE(range.contains(promised->port()));
        numbers.insert(promised->port());
        held.push_back(std::move(*promised));
    }
    EXPECT_EQ(numbers.size(), 20U);
    const auto none = ports.reserve(home_, here, alice);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::exhausted);
    EXPECT_NE(none.error().text().find(range.text()), std::string::npos) << none.error().text();
    EXPECT_TRUE(ports.reserve(home_, here, mallory)) << "another client has the whole range";
    const auto freed = held.back().port();
    held.pop_back();
    const auto again = ports.reserve(home_, here, alice);
    ASSERT_TRUE(again) << "release frees at once";
    EXPECT_EQ(again->port(), freed);
}

// S2
TEST_F(broker, skips_and_reports_ports_of_other_programs) {
    const auto range = free_ports(3);
    const auto taken = static_cast<std::uint16_t>(range.first + 1);
    const auto other = bound({here, taken});
    ASSERT_EQ(::listen(other.get(), 1), 0);
    port_broker ports(loops_, {.range = range}, counters_);
    EXPECT_THAT(ports.taken_ports(here), ElementsAre(taken));
    std::vector<reservation> held;
    for (int i = 0; i < 2; ++i) {
        auto promised = ports.reserve(home_, here, alice);
        ASSERT_TRUE(promised) << promised.error().text();
        EXPECT_NE(promised->port(), taken);
        held.push_back(std::move(*promised));
    }
    EXPECT_EQ(ports.reserve(home_, here, alice).error().code, errc::exhausted);
    EXPECT_THAT(ports.taken_ports(here), ElementsAre(taken)) << "our own listeners are not others'";
}

TEST_F(broker, never_hands_out_a_hijacked_port) {
    port_broker ports(loops_, {.range = {5060, 5061}}, counters_);
    EXPECT_EQ(ports.reserve(home_, here, alice).error().code, errc::exhausted);
    EXPECT_EQ(counters_.take().ports_exhausted, 1U);
    port_broker all(loops_, {.range = {5060, 5061}, .grabbed_too = true}, counters_);
    EXPECT_TRUE(all.reserve(home_, here, alice));
}

external_ports outside(const std::string& text, port_range own) {
    const std::vector<std::string> texts{text};
    return *external_ports::parse(texts, own);
}

// S3: forwarded ports have other numbers outside; those are told, and those are what devices look at.
TEST_F(broker, tells_the_numbers_that_its_ports_have_outside) {
    const auto own = free_ports(3);
    port_broker ports(loops_, {.range = own, .outside = outside("5060-5062", own)}, counters_);
    const auto promised = ports.reserve(home_, here, alice);
    ASSERT_TRUE(promised) << promised.error().text();
    EXPECT_EQ(promised->port(), own.last);
    EXPECT_EQ(promised->told(), 5062);
    EXPECT_EQ(ports.reserve(home_, here, alice).error().code, errc::exhausted);
}

TEST_F(broker, without_a_range_there_is_always_another_port) {
    port_broker ports(loops_, {}, counters_);
    std::vector<reservation> held;
    std::set<std::uint16_t> numbers;
    for (int i = 0; i < 520; ++i) {  // more than are kept for sharing
        auto promised = ports.reserve(home_, here, alice);
        ASSERT_TRUE(promised) << promised.error().text();
        numbers.insert(promised->port());
        held.push_back(std::move(*promised));
    }
    EXPECT_EQ(numbers.size(), 520U);
    EXPECT_TRUE(ports.taken_ports(here).empty());
    const auto shared = ports.reserve(home_, here, mallory);
    ASSERT_TRUE(shared);
}

net::task<> early_and_late(net::loop& home, port_broker& ports) {
    auto early = ports.reserve(home, here, alice);
    EXPECT_TRUE(early);
    const auto client = connect(alice, early->port());
    for (int i = 0; i < 20; ++i) co_await home.yield();  // the connection is in before anybody waits
    const auto got = co_await early->wait(net::time_limit::within(0s));
    EXPECT_TRUE(got);

    auto unused = ports.reserve(home, here, alice);
    const auto late = connect(alice, unused->port());
    for (int i = 0; i < 20; ++i) co_await home.yield();
    *unused = reservation();
    const bool closed = co_await closes_silently(home, late.get());
    EXPECT_TRUE(closed) << "a connection that nobody took is closed with its reservation";
}

TEST_F(broker, keeps_an_early_connection_until_it_is_wanted_or_the_reservation_ends) {
    port_broker ports(loops_, {.range = free_ports(2)}, counters_);
    loops_.run_until_done(early_and_late(home_, ports));
    EXPECT_EQ(strangers(), 0U);
}

net::task<> note(net::task<result<net::accepted>> wait, std::optional<errc>& code) {
    const auto got = co_await std::move(wait);
    code = got ? errc::misuse : got.error().code;
}

net::task<> ends_of_waiting(net::loop& home, port_broker& ports) {
    auto nobody = ports.reserve(home, here, alice);
    const auto nothing = co_await nobody->wait(net::time_limit::within(1ms));
    EXPECT_EQ(nothing.error().code, errc::timeout);
    const auto late = connect(alice, nobody->port());
    const bool closed = co_await closes_silently(home, late.get());
    EXPECT_TRUE(closed) << "after the time-out the port is closed to the client";

    std::optional<errc> cancelled;
    std::optional<errc> released;
    auto a = ports.reserve(home, here, alice);
    auto b = ports.reserve(home, here, alice);
    home.spawn("a", note(a->wait(net::time_limit::within(1h)), cancelled));
    home.spawn("b", note(b->wait(net::time_limit::within(1h)), released));
    for (int i = 0; i < 5; ++i) co_await home.yield();
    EXPECT_FALSE(cancelled || released);
    a->cancel();
    *b = reservation();
    for (int i = 0; i < 20; ++i) co_await home.yield();
    EXPECT_EQ(cancelled, errc::cancelled);
    EXPECT_EQ(released, errc::cancelled);
    const auto again = co_await a->wait(net::time_limit::within(1h));
    EXPECT_EQ(again.error().code, errc::cancelled);
}

TEST_F(broker, a_wait_ends_by_time_out_by_cancel_or_with_its_reservation) {
    port_broker ports(loops_, {.range = free_ports(4)}, counters_);
    loops_.run_until_done(ends_of_waiting(home_, ports));
    EXPECT_EQ(strangers(), 1U);
}

net::task<> many(net::loop& home, port_broker& ports, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto promised = ports.reserve(home, here, alice);
        EXPECT_TRUE(promised);
        if (!promised) co_return;
        const auto client = connect(alice, promised->port());
        const auto got = co_await promised->wait(net::time_limit::within(soon));
        EXPECT_TRUE(got);
        if (!got) co_return;
        EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
    }
}

TEST_F(broker, a_thousand_connections_leave_no_descriptor_behind) {
    port_broker ports(loops_, {.range = free_ports(8)}, counters_);
    loops_.run_until_done(many(home_, ports, 50));  // all eight listeners are open now
    const auto before = open_descriptors();
    loops_.run_until_done(many(home_, ports, 1000));
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(strangers(), 0U);
}

net::task<> under_spray(net::loop& home, port_broker& ports, port_range range, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto promised = ports.reserve(home, here, alice);
        EXPECT_TRUE(promised);
        if (!promised) co_return;
        std::vector<unique_fd> thieves;
        for (auto p = range.first; p <= range.last; ++p) thieves.push_back(connect(mallory, p));
        const auto client = connect(alice, promised->port());
        const auto got = co_await promised->wait(net::time_limit::within(soon));
        EXPECT_TRUE(got);
        if (!got) co_return;
        EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
        EXPECT_EQ(::send(got->socket.get(), "secret", 6, MSG_NOSIGNAL), 6);
        for (const auto& thief : thieves) {
            if (net::peer_endpoint(thief.get()).port == 0) continue;  // no listener there yet
            const bool nothing = co_await closes_silently(home, thief.get());
            EXPECT_TRUE(nothing);
        }
        EXPECT_THAT(promised->strangers(), ElementsAre(mallory));
    }
}

// DC-02 in small: somebody tries the whole range before each connection.
TEST_F(broker, nothing_is_stolen_while_the_range_is_sprayed) {
    const auto range = free_ports(4);
    port_broker ports(loops_, {.range = range}, counters_);
    loops_.run_until_done(under_spray(home_, ports, range, 100));
    EXPECT_GE(strangers(), 100U);
}

net::task<> serves_ipv6(net::loop& home, port_broker& ports) {
    const auto local = ip("::1");
    auto promised = ports.reserve(home, local, local);
    EXPECT_TRUE(promised);
    if (!promised) co_return;
    const auto client = connect(local, promised->port(), local);
    const auto got = co_await promised->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    if (!got) co_return;
    EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
}

TEST_F(broker, serves_ipv6_beside_ipv4) {
    if (!bound({ip("::1"), 0})) GTEST_SKIP() << "no IPv6 on this machine";
    port_broker ports(loops_, {.range = free_ports(1)}, counters_);
    loops_.run_until_done(serves_ipv6(home_, ports));
}

net::task<> stops(net::loop& home, port_broker& ports) {
    auto promised = ports.reserve(home, here, alice);
    const auto number = promised->port();
    co_await home.yield();
    EXPECT_EQ(home.running(), 1U) << "the one that accepts";
    ports.stop();
    EXPECT_EQ(ports.reserve(home, here, alice).error().code, errc::cancelled);
    while (home.running() > 0) co_await home.yield();
    EXPECT_TRUE(bound({here, number})) << "nothing listens any more";
}

TEST_F(broker, stop_closes_the_listeners) {
    port_broker ports(loops_, {.range = free_ports(2)}, counters_);
    loops_.run_until_done(stops(home_, ports));
}

// --- two loops ---------------------------------------------------------------------------------------------------------

net::task<> use_from(net::loop& home, port_broker& ports, ip_address client, int rounds, std::atomic<int>& left,
                     net::loop_group& loops) {
    const auto here_thread = std::this_thread::get_id();
    for (int i = 0; i < rounds; ++i) {
        auto promised = ports.reserve(home, here, client);
        EXPECT_TRUE(promised);
        if (!promised) break;
        const auto socket = connect(client, promised->port());
        const auto got = co_await promised->wait(net::time_limit::within(soon));
        EXPECT_TRUE(got);
        if (!got) break;
        EXPECT_TRUE(std::this_thread::get_id() == here_thread);
        EXPECT_EQ(got->peer, net::local_endpoint(socket.get()));
    }
    if (--left == 0) loops.stop();
}

TEST(broker_of_two_loops, hands_a_connection_to_the_loop_that_expects_it) {
    net::loop_group loops(2);
    status::counters counters;
    for (const std::uint16_t size : std::initializer_list<std::uint16_t>{1, 2, 7}) {
        port_broker ports(loops, {.range = free_ports(size)}, counters);
        std::atomic<int> left = 2;
        loops.at(0).spawn("alice", use_from(loops.at(0), ports, alice, 200, left, loops));
        loops.at(1).spawn("mallory", use_from(loops.at(1), ports, mallory, 200, left, loops));
        loops.run();
    }
    EXPECT_EQ(counters.take().strangers_refused, 0U);
}

}  // namespace
}  // namespace sallyport::reach
