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

const ip_address server_address = ip("127.0.0.1");
const ip_address alice = ip("127.0.0.1");
const ip_address mallory = ip("127.0.0.2");

constexpr auto soon = 10s;

/// A socket of another program.
unique_fd bound(const endpoint& to) {
    const net::socket_address address(to);
    unique_fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    net::set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(socket.get(), address.data(), address.length()) != 0) return {};
    return socket;
}

unique_fd connect(const ip_address& from, std::uint16_t port, const ip_address& to = server_address) {
    unique_fd socket = bound({from, 0});
    const net::socket_address address(endpoint{to, port});
    if (::connect(socket.get(), address.data(), address.length()) != 0 && errno != EINPROGRESS) return {};
    return socket;
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

/// True if the peer closes the connection with a FIN and has sent nothing.
net::task<bool> closes_silently(net::loop& loop, int socket) {
    for (const auto end = net::clock::now() + soon; net::clock::now() < end;) {
        char byte = 0;
        const auto n = ::recv(socket, &byte, 1, MSG_DONTWAIT);
        if (n >= 0) co_return n == 0;
        if (errno != EAGAIN && errno != EWOULDBLOCK) co_return false;
        co_await loop.sleep_for(1ms);
    }
    co_return false;
}

class broker : public ::testing::Test {
protected:
    static net::time_limit limit() { return net::time_limit::within(soon); }
    std::uint64_t unexpected_peers() const { return counters_.read().unexpected_peers; }

    net::loop_group loops_{1};
    net::loop& loop_ = loops_.at(0);
    status::counters counters_;
};

// --- one loop ----------------------------------------------------------------------------------------------------------

net::task<> serves_the_expected_client(net::loop& loop, port_broker& ports, status::counters& counters) {
    auto reserved = ports.reserve(loop, server_address, alice);
    EXPECT_TRUE(reserved);
    const auto thief = connect(mallory, reserved->port());
    const bool refused = co_await closes_silently(loop, thief.get());
    EXPECT_TRUE(refused);
    EXPECT_EQ(counters.read().unexpected_peers, 1U);
    EXPECT_THAT(reserved->unexpected_peers(), ElementsAre(mallory));

    const auto client = connect(alice, reserved->port());
    const auto second = connect(alice, reserved->port());
    const auto got = co_await reserved->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    if (!got) co_return;
    EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
    EXPECT_EQ(got->local, (endpoint{server_address, reserved->port()}));

    const bool second_refused = co_await closes_silently(loop, second.get());
    EXPECT_TRUE(second_refused);
    EXPECT_EQ(counters.read().unexpected_peers, 2U);
    const auto again = co_await reserved->wait(net::time_limit::within(soon));
    EXPECT_EQ(again.error().code, errc::misuse);
}

// G2, S2, DC-02
TEST_F(broker, rejects_unexpected_peers_and_serves_the_expected_client_once) {
    port_broker ports(loops_, {.range = free_ports(5)}, counters_);
    loops_.run_until_done(serves_the_expected_client(loop_, ports, counters_));
}

net::task<> rejects_all(net::loop& loop, port_broker& ports, status::counters& counters) {
    auto reserved = ports.reserve(loop, server_address, alice);
    EXPECT_TRUE(reserved);
    reserved->forward_in_kernel(net::clock::now() + 1h);
    for (std::uint64_t i = 1; i <= 2; ++i) {
        const auto client = connect(alice, reserved->port());
        const bool refused = co_await closes_silently(loop, client.get());
        EXPECT_TRUE(refused);
        EXPECT_EQ(counters.read().unexpected_peers, i);
    }
    const auto another = ports.reserve(loop, server_address, alice);
    EXPECT_FALSE(another) << "the port stays reserved";
}

// G2: a connection that the kernel forwards never arrives at the listener, so whatever arrives there is unexpected.
TEST_F(broker, rejects_all_connections_while_the_kernel_forwards) {
    port_broker ports(loops_, {.range = free_ports(1)}, counters_);
    loops_.run_until_done(rejects_all(loop_, ports, counters_));
}

void send_text(const unique_fd& socket, std::string_view text) {
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
}

net::task<bool> is_rejected(net::loop& loop, std::uint16_t port, std::string_view text) {
    const auto socket = connect(mallory, port);
    // connect() does not wait for the peer.
    co_await loop.sleep_for(20ms);
    send_text(socket, text);
    for (const auto end = net::clock::now() + soon; net::clock::now() < end;) {
        char byte = 0;
        // Closed with FIN or RST: the peer has not read all bytes.
        if (::recv(socket.get(), &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN) co_return true;
        co_await loop.sleep_for(1ms);
    }
    co_return false;
}

// Mallory is the load balancer here, Carol a client whose address is known from the PROXY header only.
net::task<> matches_by_the_header(net::loop& loop, port_broker& ports) {
    const auto carol = ip("203.0.113.9");
    auto reserved = ports.reserve(loop, server_address, carol);
    EXPECT_TRUE(reserved);
    if (!reserved) co_return;

    for (const std::string_view text :
         {"PROXY TCP4 203.0.113.10 198.51.100.1 40000 50000\r\n", "PROXY UNKNOWN\r\n", "RETR"}) {
        const bool refused = co_await is_rejected(loop, reserved->port(), text);
        EXPECT_TRUE(refused) << text;
    }
    const auto silent = connect(mallory, reserved->port());
    const auto client = connect(mallory, reserved->port());
    co_await loop.sleep_for(20ms);
    send_text(client, "PROXY TCP4 203.0.113.9 198.51.100.1 40000 50000\r\ncontent");
    const auto got = co_await reserved->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    if (!got) co_return;
    EXPECT_EQ(got->peer, *endpoint::parse("203.0.113.9:40000"));
    std::array<char, 64> text{};
    EXPECT_EQ(::recv(got->socket.get(), text.data(), text.size(), MSG_DONTWAIT), 7);
    EXPECT_EQ(std::string_view(text.data()), "content");
}

// DC-02
TEST_F(broker, matches_clients_of_a_load_balancer_by_the_proxy_header) {
    port_broker ports(
        loops_,
        {.range = free_ports(3), .proxies = {.networks = {*ip_network::parse("127.0.0.2")}, .on_data_connections = true}},
        counters_);
    loops_.run_until_done(matches_by_the_header(loop_, ports));
    EXPECT_EQ(unexpected_peers(), 3U);
}

net::task<> reads_no_header_from_untrusted_peers(net::loop& loop, port_broker& ports) {
    constexpr std::string_view header = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 50000\r\n";
    auto reserved = ports.reserve(loop, server_address, ip("203.0.113.9"));
    EXPECT_TRUE(reserved);
    if (!reserved) co_return;
    const bool refused = co_await is_rejected(loop, reserved->port(), header);
    EXPECT_TRUE(refused);
    // An expected client that connects directly may send any bytes, a PROXY header too.
    auto direct = ports.reserve(loop, server_address, alice);
    const auto client = connect(alice, direct->port());
    co_await loop.sleep_for(20ms);
    send_text(client, header);
    const auto got = co_await direct->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    std::array<char, 64> text{};
    EXPECT_EQ(::recv(got->socket.get(), text.data(), text.size(), MSG_DONTWAIT), std::ssize(header));
}

// DC-02: a load balancer without on_data_connections, and a host that is no trusted load balancer.
TEST_F(broker, rejects_an_untrusted_load_balancer) {
    for (const bool data : {false, true}) {
        const auto* const trusted = data ? "127.0.0.3" : "127.0.0.2";
        port_broker ports(
            loops_,
            {.range = free_ports(3), .proxies = {.networks = {*ip_network::parse(trusted)}, .on_data_connections = data}},
            counters_);
        loops_.run_until_done(reads_no_header_from_untrusted_peers(loop_, ports));
    }
    EXPECT_EQ(unexpected_peers(), 2U);
}

net::task<> shares_one_port(net::loop& loop, port_broker& ports) {
    auto a = ports.reserve(loop, server_address, alice);
    auto m = ports.reserve(loop, server_address, mallory);
    EXPECT_TRUE(a && m);
    EXPECT_EQ(a->port(), m->port());
    EXPECT_EQ(ports.reserve(loop, server_address, alice).error().code, errc::exhausted);
    const auto from_m = connect(mallory, m->port());
    const auto from_a = connect(alice, a->port());
    const auto got_a = co_await a->wait(net::time_limit::within(soon));
    const auto got_m = co_await m->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got_a && got_m);
    if (!got_a || !got_m) co_return;
    EXPECT_EQ(got_a->peer, net::local_endpoint(from_a.get()));
    EXPECT_EQ(got_m->peer, net::local_endpoint(from_m.get()));
    EXPECT_TRUE(a->unexpected_peers().empty());
}

// DC-04
TEST_F(broker, serves_several_clients_with_a_range_of_one_port) {
    port_broker ports(loops_, {.range = free_ports(1)}, counters_);
    loops_.run_until_done(shares_one_port(loop_, ports));
    EXPECT_EQ(unexpected_peers(), 0U);
}

// DC-04
TEST_F(broker, stays_in_the_range_and_reports_when_it_is_exhausted) {
    const auto range = free_ports(20);
    port_broker ports(loops_, {.range = range}, counters_);
    std::vector<port_reservation> held;
    std::set<std::uint16_t> numbers;
    for (int i = 0; i < 20; ++i) {
        auto reserved = ports.reserve(loop_, server_address, alice);
        ASSERT_TRUE(reserved) << reserved.error().text();
        EXPECT_TRUE(range.contains(reserved->port()));
        numbers.insert(reserved->port());
        held.push_back(std::move(*reserved));
    }
    EXPECT_EQ(numbers.size(), 20U);
    const auto none = ports.reserve(loop_, server_address, alice);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::exhausted);
    EXPECT_NE(none.error().text().find(range.text()), std::string::npos) << none.error().text();
    EXPECT_TRUE(ports.reserve(loop_, server_address, mallory)) << "another client has the whole range";
    const auto freed = held.back().port();
    held.pop_back();
    const auto again = ports.reserve(loop_, server_address, alice);
    ASSERT_TRUE(again) << "release frees at once";
    EXPECT_EQ(again->port(), freed);
}

// S2
TEST_F(broker, skips_and_reports_ports_of_other_programs) {
    const auto range = free_ports(3);
    const auto in_use = static_cast<std::uint16_t>(range.first + 1);
    const auto other = bound({server_address, in_use});
    ASSERT_EQ(::listen(other.get(), 1), 0);
    port_broker ports(loops_, {.range = range}, counters_);
    EXPECT_THAT(ports.ports_in_use(server_address), ElementsAre(in_use));
    std::vector<port_reservation> held;
    for (int i = 0; i < 2; ++i) {
        auto reserved = ports.reserve(loop_, server_address, alice);
        ASSERT_TRUE(reserved) << reserved.error().text();
        EXPECT_NE(reserved->port(), in_use);
        held.push_back(std::move(*reserved));
    }
    EXPECT_EQ(ports.reserve(loop_, server_address, alice).error().code, errc::exhausted);
    EXPECT_THAT(ports.ports_in_use(server_address), ElementsAre(in_use))
        << "ports with a listener of this process are not counted";
}

TEST_F(broker, never_reserves_an_alg_port) {
    port_broker ports(loops_, {.range = {5060, 5061}}, counters_);
    EXPECT_EQ(ports.reserve(loop_, server_address, alice).error().code, errc::exhausted);
    EXPECT_EQ(counters_.read().ports_exhausted, 1U);
    port_broker all(loops_, {.range = {5060, 5061}, .use_alg_ports = true}, counters_);
    EXPECT_TRUE(all.reserve(loop_, server_address, alice));
}

external_ports external(const std::string& text, port_range local_ports) {
    const std::vector<std::string> texts{text};
    return *external_ports::parse(texts, local_ports);
}

// S3: if the router forwards other port numbers, those are advertised and checked for ALG ports.
TEST_F(broker, advertises_external_ports) {
    const auto local_ports = free_ports(3);
    port_broker ports(loops_, {.range = local_ports, .external = external("5060-5062", local_ports)}, counters_);
    const auto reserved = ports.reserve(loop_, server_address, alice);
    ASSERT_TRUE(reserved) << reserved.error().text();
    EXPECT_EQ(reserved->port(), local_ports.last);
    EXPECT_EQ(reserved->advertised_port(), 5062);
    EXPECT_EQ(ports.reserve(loop_, server_address, alice).error().code, errc::exhausted);
}

TEST_F(broker, has_further_ports_without_a_range) {
    port_broker ports(loops_, {}, counters_);
    std::vector<port_reservation> held;
    std::set<std::uint16_t> numbers;
    // More than the 512 that are kept for sharing.
    for (int i = 0; i < 520; ++i) {
        auto reserved = ports.reserve(loop_, server_address, alice);
        ASSERT_TRUE(reserved) << reserved.error().text();
        numbers.insert(reserved->port());
        held.push_back(std::move(*reserved));
    }
    EXPECT_EQ(numbers.size(), 520U);
    EXPECT_TRUE(ports.ports_in_use(server_address).empty());
    const auto shared = ports.reserve(loop_, server_address, mallory);
    ASSERT_TRUE(shared);
}

net::task<> early_and_late(net::loop& loop, port_broker& ports) {
    auto early = ports.reserve(loop, server_address, alice);
    EXPECT_TRUE(early);
    const auto client = connect(alice, early->port());
    // The connection is accepted before the session waits for it.
    for (int i = 0; i < 20; ++i) co_await loop.yield();
    const auto got = co_await early->wait(net::time_limit::within(0s));
    EXPECT_TRUE(got);

    auto unused = ports.reserve(loop, server_address, alice);
    const auto late = connect(alice, unused->port());
    for (int i = 0; i < 20; ++i) co_await loop.yield();
    *unused = port_reservation();
    const bool closed = co_await closes_silently(loop, late.get());
    EXPECT_TRUE(closed) << "a connection that the session did not take is closed when the reservation is released";
}

TEST_F(broker, holds_an_early_connection_until_the_wait_or_the_release) {
    port_broker ports(loops_, {.range = free_ports(2)}, counters_);
    loops_.run_until_done(early_and_late(loop_, ports));
    EXPECT_EQ(unexpected_peers(), 0U);
}

net::task<> store_error(net::task<result<net::accepted_connection>> wait, std::optional<errc>& code) {
    const auto got = co_await std::move(wait);
    code = got ? errc::misuse : got.error().code;
}

net::task<> ends_of_waiting(net::loop& loop, port_broker& ports) {
    auto timed_out = ports.reserve(loop, server_address, alice);
    const auto nothing = co_await timed_out->wait(net::time_limit::within(1ms));
    EXPECT_EQ(nothing.error().code, errc::timeout);
    const auto late = connect(alice, timed_out->port());
    const bool closed = co_await closes_silently(loop, late.get());
    EXPECT_TRUE(closed) << "after the timeout the client is rejected";

    std::optional<errc> cancelled;
    std::optional<errc> released;
    auto a = ports.reserve(loop, server_address, alice);
    auto b = ports.reserve(loop, server_address, alice);
    loop.spawn("a", store_error(a->wait(net::time_limit::within(1h)), cancelled));
    loop.spawn("b", store_error(b->wait(net::time_limit::within(1h)), released));
    for (int i = 0; i < 5; ++i) co_await loop.yield();
    EXPECT_FALSE(cancelled || released);
    a->cancel();
    *b = port_reservation();
    for (int i = 0; i < 20; ++i) co_await loop.yield();
    EXPECT_EQ(cancelled, errc::cancelled);
    EXPECT_EQ(released, errc::cancelled);
    const auto again = co_await a->wait(net::time_limit::within(1h));
    EXPECT_EQ(again.error().code, errc::cancelled);
}

TEST_F(broker, ends_a_wait_by_timeout_cancel_or_release) {
    port_broker ports(loops_, {.range = free_ports(4)}, counters_);
    loops_.run_until_done(ends_of_waiting(loop_, ports));
    EXPECT_EQ(unexpected_peers(), 1U);
}

net::task<> many(net::loop& loop, port_broker& ports, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto reserved = ports.reserve(loop, server_address, alice);
        EXPECT_TRUE(reserved);
        if (!reserved) co_return;
        const auto client = connect(alice, reserved->port());
        const auto got = co_await reserved->wait(net::time_limit::within(soon));
        EXPECT_TRUE(got);
        if (!got) co_return;
        EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
    }
}

TEST_F(broker, leaks_no_descriptor_in_a_thousand_connections) {
    port_broker ports(loops_, {.range = free_ports(8)}, counters_);
    // All eight listeners are open after this.
    loops_.run_until_done(many(loop_, ports, 50));
    const auto before = open_descriptors();
    loops_.run_until_done(many(loop_, ports, 1000));
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(unexpected_peers(), 0U);
}

net::task<> during_a_port_scan(net::loop& loop, port_broker& ports, port_range range, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto reserved = ports.reserve(loop, server_address, alice);
        EXPECT_TRUE(reserved);
        if (!reserved) co_return;
        std::vector<unique_fd> thieves;
        for (auto p = range.first; p <= range.last; ++p) thieves.push_back(connect(mallory, p));
        const auto client = connect(alice, reserved->port());
        const auto got = co_await reserved->wait(net::time_limit::within(soon));
        EXPECT_TRUE(got);
        if (!got) co_return;
        EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
        EXPECT_EQ(::send(got->socket.get(), "secret", 6, MSG_NOSIGNAL), 6);
        for (const auto& thief : thieves) {
            // This port has no listener yet.
            if (net::peer_endpoint(thief.get()).port == 0) continue;
            const bool nothing = co_await closes_silently(loop, thief.get());
            EXPECT_TRUE(nothing);
        }
        EXPECT_THAT(reserved->unexpected_peers(), ElementsAre(mallory));
    }
}

// DC-02, in short: another host connects to the whole range before each connection of the client.
TEST_F(broker, delivers_no_connection_to_a_port_scanner) {
    const auto range = free_ports(4);
    port_broker ports(loops_, {.range = range}, counters_);
    loops_.run_until_done(during_a_port_scan(loop_, ports, range, 100));
    EXPECT_GE(unexpected_peers(), 100U);
}

net::task<> serves_ipv6(net::loop& loop, port_broker& ports) {
    const auto local = ip("::1");
    auto reserved = ports.reserve(loop, local, local);
    EXPECT_TRUE(reserved);
    if (!reserved) co_return;
    const auto client = connect(local, reserved->port(), local);
    const auto got = co_await reserved->wait(net::time_limit::within(soon));
    EXPECT_TRUE(got);
    if (!got) co_return;
    EXPECT_EQ(got->peer, net::local_endpoint(client.get()));
}

TEST_F(broker, serves_ipv6_and_ipv4) {
    if (!bound({ip("::1"), 0})) GTEST_SKIP() << "no IPv6 on this machine";
    port_broker ports(loops_, {.range = free_ports(1)}, counters_);
    loops_.run_until_done(serves_ipv6(loop_, ports));
}

net::task<> stops(net::loop& loop, port_broker& ports) {
    auto reserved = ports.reserve(loop, server_address, alice);
    const auto number = reserved->port();
    co_await loop.yield();
    EXPECT_EQ(loop.running(), 1U) << "the coroutine that accepts";
    ports.stop();
    EXPECT_EQ(ports.reserve(loop, server_address, alice).error().code, errc::cancelled);
    while (loop.running() > 0) co_await loop.yield();
    EXPECT_TRUE(bound({server_address, number})) << "the listener is closed";
}

TEST_F(broker, stop_closes_the_listeners) {
    port_broker ports(loops_, {.range = free_ports(2)}, counters_);
    loops_.run_until_done(stops(loop_, ports));
}

// --- two loops ---------------------------------------------------------------------------------------------------------

net::task<> reserve_repeatedly(net::loop& loop, port_broker& ports, ip_address client, int rounds,
                               std::atomic<int>& remaining, net::loop_group& loops) {
    const auto this_thread_id = std::this_thread::get_id();
    for (int i = 0; i < rounds; ++i) {
        auto reserved = ports.reserve(loop, server_address, client);
        EXPECT_TRUE(reserved);
        if (!reserved) break;
        const auto socket = connect(client, reserved->port());
        const auto got = co_await reserved->wait(net::time_limit::within(soon));
        EXPECT_TRUE(got);
        if (!got) break;
        EXPECT_TRUE(std::this_thread::get_id() == this_thread_id);
        EXPECT_EQ(got->peer, net::local_endpoint(socket.get()));
    }
    if (--remaining == 0) loops.stop();
}

TEST(broker_on_two_loops, delivers_a_connection_on_the_loop_of_its_session) {
    net::loop_group loops(2);
    status::counters counters;
    for (const std::uint16_t size : std::initializer_list<std::uint16_t>{1, 2, 7}) {
        port_broker ports(loops, {.range = free_ports(size)}, counters);
        std::atomic<int> remaining = 2;
        loops.at(0).spawn("alice", reserve_repeatedly(loops.at(0), ports, alice, 200, remaining, loops));
        loops.at(1).spawn("mallory", reserve_repeatedly(loops.at(1), ports, mallory, 200, remaining, loops));
        loops.run();
    }
    EXPECT_EQ(counters.read().unexpected_peers, 0U);
}

}  // namespace
}  // namespace sallyport::reach
