// The real kernel, in a network namespace of the test's own: whoever connects is on loopback, where all of 127.0.0.0/8 is.

#include <sallyport/firewall/nft_table.hpp>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

ip_address address(std::string_view text) { return *ip_address::parse(text); }

/// This thread's network is its own from here on, with nothing in it but a loopback device that is up.
bool enter_own_network() {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const unique_fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq lo{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
    lo.ifr_flags = IFF_UP | IFF_RUNNING;
    return ::ioctl(any.get(), SIOCSIFFLAGS, &lo) == 0;
}

class nft_table_test : public testing::Test {
protected:
    void SetUp() override {
        static const bool own = enter_own_network();
        if (!own && std::getenv("CI") != nullptr) FAIL() << "no right to a network namespace of one's own";
        if (!own) GTEST_SKIP() << "needs root, or a system that allows user namespaces";
        auto made = nft_table::make();
        ASSERT_TRUE(made) << made.error().text();
        kernel = std::move(*made);
    }

    /// Listens where openings lead to, at a port of the system's choice.
    endpoint listen(std::string_view at = "127.0.0.1") {
        const net::socket_address wanted(endpoint{address(at), 0});
        server = unique_fd(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(server.get(), wanted.data(), wanted.length()), 0);
        EXPECT_EQ(::listen(server.get(), 5), 0);
        sockaddr_storage own{};
        socklen_t size = sizeof own;
        ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&own), &size);
        const auto port = own.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(own).sin_port
                                                   : reinterpret_cast<const sockaddr_in6&>(own).sin6_port;
        return {address(at), ntohs(port)};
    }

    opening to_server(std::chrono::milliseconds lifetime = 30s) {
        return {address("127.0.0.2"), *endpoint::parse("127.0.0.1:2121"), listen(), address("127.0.0.3"), lifetime};
    }

    result<void> commit(change_kind kind, const opening& o) {
        const change one{kind, o};
        return kernel->commit({&one, 1});
    }

    /// errno of a connection from there; 0 where it stands.
    int connect(std::string_view from, const endpoint& to) {
        const net::socket_address own(endpoint{address(from), 0});
        const net::socket_address other(to);
        client = unique_fd(::socket(own.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(client.get(), own.data(), own.length()), 0);
        return ::connect(client.get(), other.data(), other.length()) == 0 ? 0 : errno;
    }

    /// Whom the server sees at the next connection.
    std::string peer() {
        pollfd ready{server.get(), POLLIN, 0};
        if (::poll(&ready, 1, 2000) != 1) return "nobody";
        sockaddr_storage other{};
        socklen_t size = sizeof other;
        accepted = unique_fd(::accept4(server.get(), reinterpret_cast<sockaddr*>(&other), &size, SOCK_CLOEXEC));
        char text[64]{};
        char port[8]{};
        constexpr int as_numbers = NI_NUMERICHOST | NI_NUMERICSERV;
        ::getnameinfo(reinterpret_cast<sockaddr*>(&other), size, text, sizeof text, port, sizeof port, as_numbers);
        peer_port = port;
        return text;
    }

    std::unique_ptr<table> kernel;
    unique_fd server;
    unique_fd client;
    unique_fd accepted;
    std::string peer_port;
};

// G4: led to the server, which sees the address that it is to see; bytes go both ways.
TEST_F(nft_table_test, leads_a_connection_on) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.at), 0);
    EXPECT_EQ(peer(), "127.0.0.3");
    char byte = 'a';
    ASSERT_EQ(::send(client.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
    byte = 'b';
    ASSERT_EQ(::send(accepted.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(client.get(), &byte, 1, 0), 1);
    EXPECT_EQ(byte, 'b');
}

TEST_F(nft_table_test, leads_ipv6_too) {
    const auto to = listen("::1");
    const opening o{address("::1"), *endpoint::parse("[::1]:2121"), to, address("::1"), 30s};
    ASSERT_TRUE(commit(change_kind::open, o));
    EXPECT_EQ(connect("::1", o.at), 0);
    EXPECT_EQ(peer(), "::1");
    EXPECT_EQ(connect("::1", o.at), ECONNREFUSED);
}

// G2
TEST_F(nft_table_test, admits_exactly_one_connection) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.at), 0);
    EXPECT_FALSE(kernel->left(o));
    EXPECT_EQ(connect("127.0.0.2", o.at), ECONNREFUSED);
}

// What the server still remembers of the last connection must not meet this one.
TEST_F(nft_table_test, comes_from_another_port_each_time) {
    const auto o = to_server();
    std::set<std::string> seen;
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(commit(change_kind::open, o));
        ASSERT_EQ(connect("127.0.0.2", o.at), 0);
        EXPECT_EQ(peer(), "127.0.0.3");
        EXPECT_TRUE(seen.insert(peer_port).second) << peer_port << " again";
        ASSERT_TRUE(commit(change_kind::close, o));
    }
}

// What is over must not pile up in the kernel, however little rest it is given.
TEST_F(nft_table_test, goes_on_for_ever_without_a_rest) {
    constexpr int openings = 20'000;
    std::vector<change> changes;
    const auto o = to_server();
    const linger reset{1, 0};
    for (int made = 0; made < openings;) {
        for (auto& c : changes) c.kind = change_kind::close;
        if (!changes.empty()) {
            ASSERT_TRUE(kernel->commit(changes)) << made;
        }
        changes.clear();
        for (std::uint16_t i = 0; i < limits::openings_at_once; ++i, ++made) {
            changes.push_back({change_kind::open, o});
            changes.back().what.at.port = static_cast<std::uint16_t>(3000 + i);
        }
        ASSERT_TRUE(kernel->commit(changes)) << made;
        for (const auto& c : changes) {
            ASSERT_EQ(connect("127.0.0.2", c.what.at), 0) << made;
            ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            client.reset();
            accepted = unique_fd(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
        }
    }
}

// G2: nobody else gets in, and an attempt does not use it up.
TEST_F(nft_table_test, admits_its_client_alone) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    EXPECT_EQ(connect("127.0.0.9", o.at), ECONNREFUSED);
    EXPECT_EQ(connect("127.0.0.2", {o.at.address, 2122}), ECONNREFUSED);
    EXPECT_EQ(connect("127.0.0.2", {address("127.0.0.7"), o.at.port}), ECONNREFUSED);
    ASSERT_TRUE(kernel->left(o));
    EXPECT_EQ(connect("127.0.0.2", o.at), 0);
}

// G2, GW-05
TEST_F(nft_table_test, ends_when_its_time_is_over) {
    const auto o = to_server(50ms);
    ASSERT_TRUE(commit(change_kind::open, o));
    const auto left = kernel->left(o);
    ASSERT_TRUE(left);
    EXPECT_LE(*left, 50ms);
    for (int i = 0; i < 200 && kernel->left(o); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_FALSE(kernel->left(o));
    EXPECT_EQ(connect("127.0.0.2", o.at), ECONNREFUSED);
    EXPECT_TRUE(commit(change_kind::close, o)) << "its end must go well though nothing is there";
}

TEST_F(nft_table_test, closes_what_stands_and_what_was_used) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_TRUE(commit(change_kind::close, o));
    EXPECT_FALSE(kernel->left(o));
    EXPECT_EQ(connect("127.0.0.2", o.at), ECONNREFUSED);

    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.at), 0);
    ASSERT_TRUE(commit(change_kind::close, o));
    ASSERT_TRUE(commit(change_kind::open, o)) << "nothing of the first is left";
}

// One transaction ends the old promise and begins the new one, at the same port too.
TEST_F(nft_table_test, replaces_an_opening_within_a_transaction) {
    const auto old = to_server();
    ASSERT_TRUE(commit(change_kind::open, old));
    auto fresh = old;
    fresh.from = address("127.0.0.4");
    const change both[]{{change_kind::close, old}, {change_kind::open, fresh}};
    ASSERT_TRUE(kernel->commit(both));
    ASSERT_EQ(connect("127.0.0.2", old.at), 0);
    EXPECT_EQ(peer(), "127.0.0.4");
}

TEST_F(nft_table_test, does_all_or_nothing) {
    const auto o = to_server();
    auto other = o;
    other.at.port = 2122;
    const change both[]{{change_kind::open, other}, {change_kind::open, o}, {change_kind::open, o}};
    const auto refused = kernel->commit(both);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().os, EEXIST);
    EXPECT_FALSE(kernel->left(other));
    EXPECT_FALSE(kernel->left(o));
}

// GW-05: no opening survives who made it. Two tables don't meet.
TEST_F(nft_table_test, ends_with_its_owner) {
    const auto o = to_server();
    auto another = nft_table::make();
    ASSERT_TRUE(another) << another.error().text();
    const change one{change_kind::open, o};
    ASSERT_TRUE((*another)->commit({&one, 1}));
    EXPECT_FALSE(kernel->left(o));
    another->reset();
    EXPECT_EQ(connect("127.0.0.2", o.at), ECONNREFUSED);
}

// G12: an administrator sees it. What libnftnl lets one write, nft(8) can't always read back: some of it ends in an abort.
TEST_F(nft_table_test, can_be_listed_by_nft) {
    ASSERT_TRUE(commit(change_kind::open, to_server()));
    const opening six{address("2001:db8::2"), *endpoint::parse("[2001:db8::1]:2121"), *endpoint::parse("[fd00::5]:4000"),
                      address("fd00::1"), 30s};
    ASSERT_TRUE(commit(change_kind::open, six));
    EXPECT_EQ(std::system("nft list ruleset | grep -q '2001:db8::2 . 2001:db8::1 . 2121 .*: fd00::5 . 4000'"), 0);
}

TEST_F(nft_table_test, takes_as_many_at_once_as_it_says) {
    const auto o = to_server();
    std::vector<change> many;
    for (std::uint16_t i = 0; i < limits::openings_at_once; ++i) {
        many.push_back({change_kind::open, o});
        many.back().what.at.port = static_cast<std::uint16_t>(3000 + i);
    }
    ASSERT_TRUE(kernel->commit(many));
    for (auto& c : many) c.kind = change_kind::close;
    ASSERT_TRUE(kernel->commit(many));
    EXPECT_FALSE(kernel->left(many.back().what));
}

}  // namespace
}  // namespace sallyport::firewall
