// nft_table with the real kernel, in a network namespace of the test: clients and servers use addresses of 127.0.0.0/8.

#include <sallyport/firewall/nft_table.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/test_network.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

ip_address address(std::string_view text) { return *ip_address::parse(text); }

/// A TCP client with a raw socket: the test sends each packet, from any port.
class raw_client {
public:
    raw_client(std::string_view from, std::uint16_t port, const endpoint& to)
        : from_(endpoint{address(from), 0}), to_(endpoint{to.address, 0}), port_(port), to_port_(to.port) {
        socket_ = unique_fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
        EXPECT_EQ(::bind(socket_.get(), from_.data(), from_.length()), 0);
    }

    void send_syn() { send(TH_SYN, {}); }
    bool receive_syn_ack() {
        pollfd ready{socket_.get(), POLLIN, 0};
        while (::poll(&ready, 1, 2000) == 1) {
            std::array<unsigned char, 2048> packet{};
            const auto got = ::recv(socket_.get(), packet.data(), packet.size(), 0);
            const std::size_t header = (packet[0] & 0x0fU) * 4U;
            tcphdr tcp{};
            if (got < static_cast<ssize_t>(header + sizeof tcp)) continue;
            std::memcpy(&tcp, packet.data() + header, sizeof tcp);
            if (ntohs(tcp.th_dport) != port_ || tcp.th_flags != (TH_SYN | TH_ACK)) continue;
            ++sequence_;
            acknowledged_ = ntohl(tcp.th_seq) + 1;
            return true;
        }
        return false;
    }
    void send_ack(std::string_view with) {
        send(TH_ACK, {});
        send_more(with);
    }
    void send_more(std::string_view data) {
        send(TH_ACK | TH_PUSH, data);
        sequence_ += static_cast<std::uint32_t>(data.size());
    }

private:
    void send(unsigned flags, std::string_view data) {
        struct pseudo_header {
            std::array<std::uint8_t, 4> from;
            std::array<std::uint8_t, 4> to;
            std::uint8_t zero;
            std::uint8_t protocol;
            std::uint16_t size;
        };
        tcphdr tcp{};
        tcp.th_sport = htons(port_);
        tcp.th_dport = htons(to_port_);
        tcp.th_seq = htonl(sequence_);
        tcp.th_ack = htonl(acknowledged_);
        tcp.th_off = sizeof tcp / 4;
        tcp.th_flags = static_cast<std::uint8_t>(flags);
        tcp.th_win = htons(8192);
        const auto size = static_cast<std::uint16_t>(sizeof tcp + data.size());
        const pseudo_header pseudo{from_.value().address.v4_bytes(), to_.value().address.v4_bytes(), 0, IPPROTO_TCP,
                                   htons(size)};
        std::string summed(reinterpret_cast<const char*>(&pseudo), sizeof pseudo);
        summed.append(reinterpret_cast<const char*>(&tcp), sizeof tcp).append(data);
        if (summed.size() % 2 != 0) summed += '\0';
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < summed.size(); i += 2) {
            std::uint16_t word = 0;
            std::memcpy(&word, summed.data() + i, sizeof word);
            sum += word;
        }
        while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
        tcp.th_sum = static_cast<std::uint16_t>(~sum);
        std::string packet(reinterpret_cast<const char*>(&tcp), sizeof tcp);
        packet.append(data);
        const auto sent = ::sendto(socket_.get(), packet.data(), packet.size(), 0, to_.data(), to_.length());
        // EPERM: a rule has dropped the packet.
        EXPECT_TRUE(sent == size || errno == EPERM) << errno;
    }

    net::socket_address from_;
    net::socket_address to_;
    std::uint16_t port_;
    std::uint16_t to_port_;
    unique_fd socket_;
    std::uint32_t sequence_ = 1000;
    std::uint32_t acknowledged_ = 0;
};

class nft_table_test : public testing::Test {
protected:
    void SetUp() override {
        enter_test_network();
        if (IsSkipped() || HasFatalFailure()) return;
        auto made = nft_table::make();
        ASSERT_TRUE(made) << made.error().text();
        kernel = std::move(*made);
    }

    /// Listens at the endpoint that openings forward to, on a port that the system chooses.
    endpoint listen(std::string_view at = "127.0.0.1") {
        const net::socket_address wanted(endpoint{address(at), 0});
        server = unique_fd(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(server.get(), wanted.data(), wanted.length()), 0);
        EXPECT_EQ(::listen(server.get(), 5), 0);
        sockaddr_storage local{};
        socklen_t size = sizeof local;
        ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&local), &size);
        const auto port = local.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(local).sin_port
                                                     : reinterpret_cast<const sockaddr_in6&>(local).sin6_port;
        return {address(at), ntohs(port)};
    }

    opening to_server(std::chrono::milliseconds lifetime = 30s) {
        return {address("127.0.0.2"), *endpoint::parse("127.0.0.1:2121"), listen(), address("127.0.0.3"), lifetime};
    }

    result<void> commit(change_kind kind, const opening& o) {
        const change one{kind, o};
        return kernel->commit({&one, 1});
    }

    /// Connects from this address; returns 0, or errno if the connection fails.
    int connect(std::string_view from, const endpoint& to) {
        const net::socket_address local(endpoint{address(from), 0});
        const net::socket_address other(to);
        client = unique_fd(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(client.get(), local.data(), local.length()), 0);
        return ::connect(client.get(), other.data(), other.length()) == 0 ? 0 : errno;
    }

    /// The client address that the server sees at the next connection.
    std::string peer() {
        pollfd ready{server.get(), POLLIN, 0};
        if (::poll(&ready, 1, 2000) != 1) return "none";
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

    /// Drops RST packets from these ports, since the kernel would reset the connections of a raw_client: before connection
    /// tracking sees them, or after it (`lost`).
    static bool drop_resets(int first, int last, bool lost = false) {
        const auto rules = fmt::format(
            "nft 'add table ip quiet; add chain ip quiet out_{3} {{ type filter hook output priority {0}; }}; "
            "add rule ip quiet out_{3} tcp flags rst tcp sport {1}-{2} drop'",
            lost ? "0" : "-300", first, last, lost ? "late" : "early");
        return std::system(rules.c_str()) == 0;
    }

    bool connection_arrives() {
        pollfd ready{server.get(), POLLIN, 0};
        return ::poll(&ready, 1, 100) == 1;
    }

    std::unique_ptr<nft_table> kernel;
    unique_fd server;
    unique_fd client;
    unique_fd accepted;
    std::string peer_port;
};

// G4: the connection is forwarded to the server, which sees the opening's source address; bytes pass in both directions.
TEST_F(nft_table_test, forwards_a_connection) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
    EXPECT_EQ(peer(), "127.0.0.3");
    char byte = 'a';
    ASSERT_EQ(::send(client.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
    byte = 'b';
    ASSERT_EQ(::send(accepted.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(client.get(), &byte, 1, 0), 1);
    EXPECT_EQ(byte, 'b');
}

TEST_F(nft_table_test, forwards_ipv6) {
    const auto to = listen("::1");
    const opening o{address("::1"), *endpoint::parse("[::1]:2121"), to, address("::1"), 30s};
    ASSERT_TRUE(commit(change_kind::open, o));
    EXPECT_EQ(connect("::1", o.listen), 0);
    EXPECT_EQ(peer(), "::1");
    EXPECT_EQ(connect("::1", o.listen), ECONNREFUSED);
}

// G2
TEST_F(nft_table_test, admits_exactly_one_connection) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
    EXPECT_FALSE(kernel->remaining(o));
    EXPECT_EQ(connect("127.0.0.2", o.listen), ECONNREFUSED);
}

// GW-05: an opening is used up by an established connection. Any host can send a SYN with the client's address.
TEST_F(nft_table_test, is_not_spent_by_a_SYN) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    EXPECT_EQ(kernel->use_of(o), opening_use::none);
    for (std::uint16_t port = 5001; port < 5011; ++port) raw_client("127.0.0.2", port, o.listen).send_syn();
    EXPECT_EQ(kernel->use_of(o), opening_use::attempted);
    EXPECT_TRUE(kernel->remaining(o));
    ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
    EXPECT_EQ(peer(), "127.0.0.3");
    EXPECT_EQ(kernel->use_of(o), opening_use::established);
    EXPECT_FALSE(kernel->remaining(o));
    EXPECT_EQ(connect("127.0.0.2", o.listen), ECONNREFUSED);
}

// G2: of two simultaneous connections, the one that completes its handshake first is forwarded; the other is dropped.
TEST_F(nft_table_test, serves_the_first_complete_handshake) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_TRUE(drop_resets(5001, 5002));
    raw_client slow("127.0.0.2", 5001, o.listen);
    raw_client fast("127.0.0.2", 5002, o.listen);
    slow.send_syn();
    fast.send_syn();
    ASSERT_TRUE(slow.receive_syn_ack());
    ASSERT_TRUE(fast.receive_syn_ack());
    fast.send_ack("fast");
    EXPECT_EQ(peer(), "127.0.0.3");
    std::array<char, 16> text{};
    EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(::recv(accepted.get(), text.data(), text.size(), 0))),
              "fast");
    slow.send_ack("slow");
    EXPECT_FALSE(connection_arrives());
    fast.send_more("er");
    EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(::recv(accepted.get(), text.data(), text.size(), 0))), "er");
}

// Connection tracking has forgotten a connection that the server still accepts: it would not use up the opening.
TEST_F(nft_table_test, forwards_nothing_without_a_handshake) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_TRUE(drop_resets(5003, 5003, true));
    raw_client timed_out("127.0.0.2", 5003, o.listen);
    timed_out.send_syn();
    ASSERT_TRUE(timed_out.receive_syn_ack());
    timed_out.send_ack("x");
    EXPECT_FALSE(connection_arrives());
    EXPECT_EQ(connect("127.0.0.2", o.listen), 0);
    EXPECT_EQ(peer(), "127.0.0.3");
    EXPECT_EQ(kernel->use_of(o), opening_use::established);
}

// The established connection stays when its opening is removed, also while another one passes through an equal opening.
TEST_F(nft_table_test, keeps_the_established_connection_when_closed) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
    EXPECT_EQ(peer(), "127.0.0.3");
    const change both[]{{change_kind::close, o}, {change_kind::open, o}};
    ASSERT_TRUE(kernel->commit(both));
    char byte = 'a';
    ASSERT_EQ(::send(client.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
    EXPECT_EQ(kernel->use_of(o), opening_use::none) << "packets of the first connection do not use up the new opening";
    EXPECT_TRUE(kernel->remaining(o));
    const auto first = std::move(client);
    const auto first_accepted = std::move(accepted);
    ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
    EXPECT_EQ(peer(), "127.0.0.3");
    EXPECT_EQ(kernel->use_of(o), opening_use::established);
}

// The server may still have the previous connection in TIME_WAIT.
TEST_F(nft_table_test, uses_another_source_port_each_time) {
    const auto o = to_server();
    std::set<std::string> seen;
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(commit(change_kind::open, o));
        ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
        EXPECT_EQ(peer(), "127.0.0.3");
        EXPECT_TRUE(seen.insert(peer_port).second) << peer_port << " was used before";
        ASSERT_TRUE(commit(change_kind::close, o));
    }
}

// Dead elements must not accumulate in the kernel, even without a pause between changes.
TEST_F(nft_table_test, sustains_many_changes_without_a_pause) {
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
        for (std::uint16_t i = 0; i < limits::opening_batch; ++i, ++made) {
            changes.push_back({change_kind::open, o});
            changes.back().subject.listen.port = static_cast<std::uint16_t>(3000 + i);
        }
        ASSERT_TRUE(kernel->commit(changes)) << made;
        for (const auto& c : changes) {
            ASSERT_EQ(connect("127.0.0.2", c.subject.listen), 0) << made;
            ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            client.reset();
            accepted = unique_fd(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
        }
    }
}

// G2: no other host and no other port is forwarded, and an attempt does not use up the opening.
TEST_F(nft_table_test, admits_only_its_client) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    EXPECT_EQ(connect("127.0.0.9", o.listen), ECONNREFUSED);
    EXPECT_EQ(connect("127.0.0.2", {o.listen.address, 2122}), ECONNREFUSED);
    EXPECT_EQ(connect("127.0.0.2", {address("127.0.0.7"), o.listen.port}), ECONNREFUSED);
    ASSERT_TRUE(kernel->remaining(o));
    EXPECT_EQ(connect("127.0.0.2", o.listen), 0);
}

// G2, GW-05
TEST_F(nft_table_test, ends_after_its_lifetime) {
    const auto o = to_server(50ms);
    ASSERT_TRUE(commit(change_kind::open, o));
    const auto remaining = kernel->remaining(o);
    ASSERT_TRUE(remaining);
    EXPECT_LE(*remaining, 50ms);
    for (int i = 0; i < 200 && kernel->remaining(o); ++i) std::this_thread::sleep_for(10ms);
    EXPECT_FALSE(kernel->remaining(o));
    EXPECT_EQ(connect("127.0.0.2", o.listen), ECONNREFUSED);
    EXPECT_TRUE(commit(change_kind::close, o)) << "removing an expired opening is not an error";
}

TEST_F(nft_table_test, closes_unused_and_used_openings) {
    const auto o = to_server();
    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_TRUE(commit(change_kind::close, o));
    EXPECT_FALSE(kernel->remaining(o));
    EXPECT_EQ(connect("127.0.0.2", o.listen), ECONNREFUSED);

    ASSERT_TRUE(commit(change_kind::open, o));
    ASSERT_EQ(connect("127.0.0.2", o.listen), 0);
    ASSERT_TRUE(commit(change_kind::close, o));
    ASSERT_TRUE(commit(change_kind::open, o)) << "no element of the first opening is left";
}

// One transaction removes an opening and creates another one on the same port.
TEST_F(nft_table_test, replaces_an_opening_within_a_transaction) {
    const auto old_opening = to_server();
    ASSERT_TRUE(commit(change_kind::open, old_opening));
    auto new_opening = old_opening;
    new_opening.source = address("127.0.0.4");
    const change both[]{{change_kind::close, old_opening}, {change_kind::open, new_opening}};
    ASSERT_TRUE(kernel->commit(both));
    ASSERT_EQ(connect("127.0.0.2", old_opening.listen), 0);
    EXPECT_EQ(peer(), "127.0.0.4");
}

TEST_F(nft_table_test, commits_all_changes_or_none) {
    const auto o = to_server();
    auto other = o;
    other.listen.port = 2122;
    const change both[]{{change_kind::open, other}, {change_kind::open, o}, {change_kind::open, o}};
    const auto refused = kernel->commit(both);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().os, EEXIST);
    EXPECT_FALSE(kernel->remaining(other));
    EXPECT_FALSE(kernel->remaining(o));
}

// GW-05: openings end with their owner. Two tables are independent.
TEST_F(nft_table_test, ends_with_its_owner) {
    const auto o = to_server();
    auto another = nft_table::make();
    ASSERT_TRUE(another) << another.error().text();
    const change one{change_kind::open, o};
    ASSERT_TRUE((*another)->commit({&one, 1}));
    EXPECT_FALSE(kernel->remaining(o));
    another->reset();
    EXPECT_EQ(connect("127.0.0.2", o.listen), ECONNREFUSED);
}

// G12: administrators can list the table. nft(8) cannot print everything that libnftnl can write; it aborts on some rules.
TEST_F(nft_table_test, can_be_listed_by_nft) {
    ASSERT_TRUE(commit(change_kind::open, to_server()));
    const opening six{address("2001:db8::2"), *endpoint::parse("[2001:db8::1]:2121"), *endpoint::parse("[fd00::5]:4000"),
                      address("fd00::1"), 30s};
    ASSERT_TRUE(commit(change_kind::open, six));
    EXPECT_EQ(std::system("nft list ruleset | grep -q '2001:db8::2 . 2001:db8::1 . 2121 .*: fd00::5 . 4000'"), 0);
}

TEST_F(nft_table_test, commits_the_maximum_at_once) {
    const auto o = to_server();
    std::vector<change> many;
    for (std::uint16_t i = 0; i < limits::opening_batch; ++i) {
        many.push_back({change_kind::open, o});
        many.back().subject.listen.port = static_cast<std::uint16_t>(3000 + i);
    }
    ASSERT_TRUE(kernel->commit(many));
    for (auto& c : many) c.kind = change_kind::close;
    ASSERT_TRUE(kernel->commit(many));
    EXPECT_FALSE(kernel->remaining(many.back().subject));
}

}  // namespace
}  // namespace sallyport::firewall
