// conntrack with the real kernel, in a network namespace of the test: all hosts have addresses of 127.0.0.0/8, and the
// gateway is 127.0.0.1.

#include <sallyport/firewall/conntrack.hpp>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <sallyport/firewall/nft_table.hpp>
#include <sallyport/firewall/test_network.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

ip_address address(std::string_view text) { return *ip_address::parse(text); }

unique_fd listen_at(std::string_view text) {
    const net::socket_address at(*endpoint::parse(text));
    unique_fd out(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    net::set_option(out.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    EXPECT_EQ(::bind(out.get(), at.data(), at.length()), 0);
    EXPECT_EQ(::listen(out.get(), 5), 0);
    return out;
}

/// Rejects connection requests to other ports than that of the test's control connections, unless they are related, as the
/// usual rules of an administrator do.
void add_strict_rules() {
    ASSERT_EQ(std::system("nft 'add table ip strict; add chain ip strict in { type filter hook input priority 0; }; "
                          "add rule ip strict in ct state established,related accept; "
                          "add rule ip strict in tcp dport != 2121 reject with tcp reset'"),
              0);
}

class conntrack_test : public testing::Test {
protected:
    void SetUp() override {
        enter_test_network();
        if (IsSkipped() || HasFatalFailure()) return;
        constexpr std::uint16_t ports[]{2121};
        auto table = nft_table::make(ports);
        ASSERT_TRUE(table) << table.error().text();
        ASSERT_EQ((*table)->missing(), "");
        kernel = std::move(*table);
        auto made = conntrack::open();
        ASSERT_TRUE(made);
        tested.emplace(std::move(*made));
    }
    void TearDown() override {
        if (tested) {
            EXPECT_TRUE(tested->remove_all(control_helper));
        }
        [[maybe_unused]] const int status = std::system("nft delete table ip strict 2>/dev/null");
    }

    /// A session of this client with the gateway.
    void log_in(std::string_view from = "127.0.0.2") {
        listener = listen_at("127.0.0.1:2121");
        ASSERT_EQ(connect(client_control, from, "127.0.0.1:2121"), 0);
        control = unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }

    static int connect(unique_fd& out, std::string_view from, std::string_view to) {
        const net::socket_address local(endpoint{address(from), 0});
        const net::socket_address other(*endpoint::parse(to));
        out = unique_fd(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(out.get(), local.data(), local.length()), 0);
        return ::connect(out.get(), other.data(), other.length()) == 0 ? 0 : errno;
    }
    int try_data(std::string_view from, std::string_view to) {
        unique_fd any;
        return connect(any, from, to);
    }

    expectation to_port(std::uint16_t port) const {
        return {address("127.0.0.2"), {address("127.0.0.3"), port}, flow::of_socket(control.get()), 30s};
    }
    int change(bool create, const expectation& e) {
        const expectation_change one{create, e};
        const auto got = tested->commit({&one, 1});
        return got ? got->front() : -1;
    }

    /// The answer after the kernel has forgotten all connections, once there is one.
    opening_use use_after_flush(const opening& o) {
        EXPECT_EQ(std::system("conntrack -F 2>/dev/null"), 0);
        return known_use(o);
    }
    opening_use known_use(const opening& o) {
        for (const auto end = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < end;) {
            const auto use = kernel->use_of(o);
            if (use != opening_use::unknown) return use;
            ::poll(nullptr, 0, 20);
        }
        return opening_use::unknown;
    }

    std::unique_ptr<nft_table> kernel;
    std::optional<conntrack> tested;
    unique_fd listener;
    unique_fd client_control;
    unique_fd control;
};

TEST_F(conntrack_test, finds_a_connection_with_its_helper) {
    log_in();
    const auto found = tested->find(flow::of_socket(control.get()));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->original, flow::of_socket(client_control.get()));
    EXPECT_EQ((*found)->reply, flow::of_socket(control.get()));
    EXPECT_EQ((*found)->helper, control_helper);
    const flow unknown{*endpoint::parse("127.0.0.9:9"), *endpoint::parse("127.0.0.9:10")};
    const auto both = tested->ask(std::array{unknown, flow::of_socket(control.get())}, {});
    ASSERT_TRUE(both && both->found.size() == 2);
    EXPECT_EQ(both->refused_question, 0);
    EXPECT_FALSE(both->found.front());
    ASSERT_TRUE(both->found.back());
    EXPECT_EQ(both->found.back()->id, (*found)->id);
    const auto other = tested->find(unknown);
    ASSERT_TRUE(other);
    EXPECT_FALSE(*other);
}

// G2: rules that accept related connections only admit the expected one, and nothing else.
TEST_F(conntrack_test, makes_a_connection_related) {
    add_strict_rules();
    log_in();
    const auto server = listen_at("127.0.0.3:4000");
    const auto other = listen_at("127.0.0.3:4001");
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.3:4000"), ECONNREFUSED);
    ASSERT_EQ(change(true, to_port(4000)), 0);
    EXPECT_EQ(try_data("127.0.0.9", "127.0.0.3:4000"), ECONNREFUSED);
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.3:4001"), ECONNREFUSED);
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.3:4000"), 0);
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.3:4000"), 0) << "it stays until it is removed";
    ASSERT_EQ(change(false, to_port(4000)), 0);
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.3:4000"), ECONNREFUSED);
    EXPECT_EQ(change(false, to_port(4000)), 0) << "not an error";
}

TEST_F(conntrack_test, lists_expectations_with_their_lifetime) {
    log_in();
    ASSERT_EQ(change(true, to_port(4000)), 0);
    auto all = tested->list();
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_TRUE(all->front().matches(to_port(4000)));
    EXPECT_LE(all->front().lifetime, 30s);
    EXPECT_GE(all->front().lifetime, 25s);
    // The helper allows one for each master.
    ASSERT_EQ(change(true, to_port(4001)), 0);
    all = tested->list();
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_TRUE(all->front().matches(to_port(4001)));
    ASSERT_TRUE(tested->remove_all("ftp"));
    EXPECT_EQ(tested->list()->size(), 1U);
    ASSERT_TRUE(tested->remove_all(control_helper));
    EXPECT_TRUE(tested->list()->empty());
}

TEST_F(conntrack_test, refuses_a_connection_without_helper) {
    const auto there = listen_at("127.0.0.1:2122");
    ASSERT_EQ(connect(client_control, "127.0.0.2", "127.0.0.1:2122"), 0);
    control = unique_fd(::accept4(there.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto wanted = to_port(4000);
    EXPECT_EQ(change(true, wanted), EOPNOTSUPP);
    const auto refused = refused_expectation(EOPNOTSUPP, wanted);
    EXPECT_NE(refused.what.find("has no conntrack helper"), std::string::npos) << refused.what;
    auto unknown = wanted;
    unknown.master.source.port = 1;
    EXPECT_EQ(change(true, unknown), ENOENT);
    EXPECT_EQ(refused_expectation(EMFILE, wanted).code, errc::exhausted);
    EXPECT_EQ(refused_expectation(EMFILE, wanted).os, no_expectation_left);
}

// One refused change does not prevent the others, and each has its own result.
TEST_F(conntrack_test, reports_each_change) {
    log_in();
    auto bad = to_port(4001);
    bad.master.source.port = 1;
    const expectation_change changes[]{{true, bad}, {true, to_port(4000)}, {true, to_port(4000)}, {false, to_port(4009)}};
    const auto got = tested->commit(changes);
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, (std::vector{ENOENT, 0, EEXIST, 0}));
    EXPECT_EQ(tested->list()->size(), 1U);
}

// The error names the limit. Those of established connections are given up for it.
TEST_F(conntrack_test, reports_that_all_expectations_are_in_use) {
    int limit = 0;
    std::ifstream("/proc/sys/net/netfilter/nf_conntrack_expect_max") >> limit;
    if (limit > 8192) GTEST_SKIP() << "nf_conntrack_expect_max is " << limit;
    log_in();
    const auto used_control = std::move(control);
    const auto used_client = std::move(client_control);
    const auto server = listen_at("127.0.0.1:4000");
    const auto at_port = [](std::uint16_t port) {
        return opening{address("127.0.0.2"),
                       {address("127.0.0.1"), port},
                       *endpoint::parse("127.0.0.1:4000"),
                       address("127.0.0.3"),
                       30s};
    };
    const auto open = [&](const opening& o, const unique_fd& session) {
        const firewall::change one{change_kind::open, o, *owned_control_connections::duplicate({session.get(), -1})};
        return kernel->commit({&one, 1});
    };
    ASSERT_TRUE(open(at_port(3000), used_control));
    // One for each master. With addresses of their own, no client uses the port of an earlier one.
    const linger reset{1, 0};
    for (int i = 1; i < limit; ++i) {
        ASSERT_EQ(connect(client_control, fmt::format("127.1.{}.{}", i / 250, 1 + i % 250), "127.0.0.1:2121"), 0) << i;
        control = unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ASSERT_EQ(change(true, to_port(static_cast<std::uint16_t>(10'000 + i))), 0) << i;
        ::setsockopt(client_control.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    ASSERT_EQ(connect(client_control, "127.0.0.2", "127.0.0.1:2121"), 0);
    control = unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto refused = open(at_port(3001), control);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::exhausted);
    EXPECT_NE(refused.error().what.find("nf_conntrack_expect_max"), std::string::npos) << refused.error().what;
    auto without = at_port(3002);
    without.needs_expectation = false;
    EXPECT_TRUE(open(without, control)) << "other rules may accept the connection";
    unique_fd data;
    ASSERT_EQ(connect(data, "127.0.0.2", "127.0.0.1:3000"), 0);
    ASSERT_EQ(::send(data.get(), "x", 1, 0), 1);
    ASSERT_EQ(kernel->use_of(at_port(3000)), opening_use::established);
    EXPECT_TRUE(open(at_port(3001), control));
}

// ---- An opening of nft_table with the session's control connection

TEST_F(conntrack_test, admits_one_forwarded_connection_past_strict_rules) {
    add_strict_rules();
    log_in();
    const auto server = listen_at("127.0.0.1:4000");
    const opening o{address("127.0.0.2"), *endpoint::parse("127.0.0.1:3000"), *endpoint::parse("127.0.0.1:4000"),
                    address("127.0.0.3"), 30s};
    const auto open = [&](bool with_session) {
        firewall::change one{change_kind::open, o};
        if (with_session) one.control = *owned_control_connections::duplicate({control.get(), -1});
        return kernel->commit({&one, 1});
    };
    const firewall::change close{change_kind::close, o};
    ASSERT_TRUE(open(false));
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.1:3000"), ECONNREFUSED) << "the rules drop it without the session";
    ASSERT_TRUE(kernel->commit({&close, 1}));
    ASSERT_TRUE(open(true));
    unique_fd data;
    EXPECT_EQ(connect(data, "127.0.0.2", "127.0.0.1:3000"), 0);
    EXPECT_EQ(kernel->use_of(o), opening_use::established);
    EXPECT_EQ(try_data("127.0.0.2", "127.0.0.1:3000"), ECONNREFUSED);
    ASSERT_TRUE(kernel->commit({&close, 1}));
    EXPECT_TRUE(tested->list()->empty());
    ASSERT_TRUE(open(true));
    EXPECT_EQ(tested->list()->size(), 1U);
    kernel.reset();
    EXPECT_TRUE(tested->list()->empty());
}

TEST_F(conntrack_test, notices_that_the_kernel_has_forgotten_a_forwarded_connection) {
    log_in();
    const auto server = listen_at("127.0.0.1:4000");
    const opening o{address("127.0.0.2"), *endpoint::parse("127.0.0.1:3000"), *endpoint::parse("127.0.0.1:4000"),
                    address("127.0.0.3"), 30s};
    firewall::change one{change_kind::open, o, *owned_control_connections::duplicate({control.get(), client_control.get()})};
    ASSERT_TRUE(kernel->commit({&one, 1}));
    unique_fd data;
    ASSERT_EQ(connect(data, "127.0.0.2", "127.0.0.1:3000"), 0);
    EXPECT_EQ(kernel->use_of(o), opening_use::established);
    // What deletes the entry of a control connection alone is no loss.
    ASSERT_EQ(std::system("conntrack -D -p tcp --orig-port-dst 2121 >/dev/null 2>&1"), 0);
    EXPECT_EQ(known_use(o), opening_use::established);
    const auto flushed = std::chrono::steady_clock::now();
    EXPECT_EQ(use_after_flush(o), opening_use::lost);
    EXPECT_GE(std::chrono::steady_clock::now() - flushed, between_searches) << "one search is not enough";
    const firewall::change close{change_kind::close, o};
    ASSERT_TRUE(kernel->commit({&close, 1}));
    EXPECT_EQ(kernel->use_of(o), opening_use::none);
}

// Without NAT the next packet of either end makes the kernel know the connection again.
TEST_F(conntrack_test, a_connection_that_is_tracked_again_is_not_lost) {
    log_in();
    const auto server = listen_at("127.0.0.3:4000");
    const opening o{address("127.0.0.2"), *endpoint::parse("127.0.0.3:4000"), *endpoint::parse("127.0.0.3:4000"),
                    address("127.0.0.2"), 30s};
    firewall::change one{change_kind::open, o, *owned_control_connections::duplicate({control.get(), client_control.get()})};
    ASSERT_TRUE(kernel->commit({&one, 1}));
    unique_fd data;
    ASSERT_EQ(connect(data, "127.0.0.2", "127.0.0.3:4000"), 0);
    const unique_fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_EQ(kernel->use_of(o), opening_use::established);
    ASSERT_EQ(std::system("conntrack -F 2>/dev/null"), 0);
    EXPECT_EQ(kernel->use_of(o), opening_use::unknown) << "no packet has passed";
    char byte = 'a';
    ASSERT_EQ(::send(accepted.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(data.get(), &byte, 1, 0), 1);
    EXPECT_TRUE(tested->between(o.client, o.listen.address)->empty()) << "the server's packet is the first one";
    EXPECT_EQ(known_use(o), opening_use::established);
}

TEST_F(conntrack_test, lists_the_connections_between_two_addresses) {
    log_in("127.0.0.7");
    const auto found = tested->between(address("127.0.0.7"), address("127.0.0.1"));
    ASSERT_TRUE(found) << found.error().text();
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().original, flow::of_socket(client_control.get()));
    EXPECT_GT(found->front().expires_in, 100s);
    EXPECT_NE(found->front().id, 0U);
    EXPECT_FALSE(found->front().offloaded);
    const auto others = tested->between(address("127.0.0.1"), address("127.0.0.7"));
    ASSERT_TRUE(others);
    EXPECT_TRUE(others->empty()) << "the direction of the first packet counts";
}

// An opening of a router: neither end is translated.
TEST_F(conntrack_test, admits_one_connection_that_is_not_translated) {
    add_strict_rules();
    log_in();
    const auto server = listen_at("127.0.0.3:4000");
    const opening o{address("127.0.0.2"), *endpoint::parse("127.0.0.3:4000"), *endpoint::parse("127.0.0.3:4000"),
                    address("127.0.0.2"), 30s};
    firewall::change one{change_kind::open, o, *owned_control_connections::duplicate({control.get(), -1})};
    ASSERT_TRUE(kernel->commit({&one, 1}));
    EXPECT_EQ(kernel->use_of(o), opening_use::none);
    EXPECT_TRUE(kernel->remaining(o));
    EXPECT_EQ(try_data("127.0.0.9", "127.0.0.3:4000"), ECONNREFUSED);
    unique_fd data;
    ASSERT_EQ(connect(data, "127.0.0.2", "127.0.0.3:4000"), 0);
    const unique_fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_EQ(flow::of_socket(data.get()), (flow{net::peer_endpoint(accepted.get()), net::local_endpoint(accepted.get())}));
    char byte = 'a';
    ASSERT_EQ(::send(data.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
    EXPECT_EQ(kernel->use_of(o), opening_use::established);
    // A further connection request is dropped, so that connecting takes until the client stops.
    unique_fd second(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const net::socket_address from(endpoint{o.client, 0});
    const net::socket_address to(o.listen);
    ASSERT_EQ(::bind(second.get(), from.data(), from.length()), 0);
    ASSERT_NE(::connect(second.get(), to.data(), to.length()), 0);
    pollfd ready{second.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&ready, 1, 100), 0);
    one.kind = change_kind::close;
    ASSERT_TRUE(kernel->commit({&one, 1}));
    EXPECT_TRUE(tested->list()->empty());
    ASSERT_EQ(::send(data.get(), &byte, 1, 0), 1);
    EXPECT_EQ(::recv(accepted.get(), &byte, 1, 0), 1) << "the established connection stays";
}

// Both helpers would act on the session.
TEST_F(conntrack_test, creates_nothing_if_the_session_has_another_helper) {
    ASSERT_EQ(std::system("nft 'add table ip other; add ct helper ip other ftp { type \"ftp\" protocol tcp; }; "
                          "add chain ip other out { type filter hook output priority -199; }; "
                          "add rule ip other out tcp dport 2121 ct helper set \"ftp\"'"),
              0);
    log_in();
    ASSERT_EQ(std::system("nft delete table ip other"), 0);
    const opening o{address("127.0.0.2"), *endpoint::parse("127.0.0.1:3000"), *endpoint::parse("127.0.0.1:4000"),
                    address("127.0.0.3"), 30s};
    const firewall::change one{change_kind::open, o, *owned_control_connections::duplicate({control.get(), -1})};
    const auto refused = kernel->commit({&one, 1});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("conntrack helper \"ftp\""), std::string::npos) << refused.error().what;
    EXPECT_FALSE(kernel->remaining(o));
}

TEST_F(conntrack_test, creates_nothing_if_the_session_is_unknown) {
    log_in();
    const opening o{address("127.0.0.2"), *endpoint::parse("127.0.0.1:3000"), *endpoint::parse("127.0.0.1:4000"),
                    address("127.0.0.3"), 30s};
    ASSERT_EQ(std::system("conntrack -F 2>/dev/null"), 0);
    const firewall::change one{change_kind::open, o, *owned_control_connections::duplicate({control.get(), -1})};
    const auto refused = kernel->commit({&one, 1});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("is not tracked"), std::string::npos) << refused.error().what;
    EXPECT_FALSE(kernel->remaining(o));
}

}  // namespace
}  // namespace sallyport::firewall
