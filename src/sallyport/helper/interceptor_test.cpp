// With the real kernel, in a network namespace of the test, if the system permits it.
#include <sallyport/helper/interceptor.hpp>

#include <cerrno>

#include <sallyport/firewall/test_network.hpp>
#include <sallyport/helper/helper_test.hpp>
#include <sallyport/helper/opening_changes.hpp>

namespace sallyport::helper {
namespace {

/// Commits everything.
class firewall_table final : public firewall::table {
public:
    result<void> commit(std::span<const firewall::change>) override { return {}; }
    std::optional<std::chrono::milliseconds> remaining(const firewall::opening&) override { return std::nullopt; }
    firewall::opening_use use_of(const firewall::opening&) override { return firewall::opening_use::none; }
};

class HelperInterceptor : public ::testing::Test {
protected:
    void SetUp() override { firewall::enter_test_network(); }

    [[nodiscard]] static firewall::interception_settings two_interceptions() {
        firewall::interception_settings out;
        out.interceptions.resize(2);
        for (auto& one : out.interceptions) one.interfaces = {"lan0"};
        out.mark = {.value = 0x100, .mask = 0x300};
        out.route_table = 4711;
        return out;
    }
    /// An intercepted connection, as TPROXY delivers it: the listener has IP_TRANSPARENT. Its client has this address.
    struct intercepted {
        unique_fd client;
        unique_fd accepted;
    };
    [[nodiscard]] intercepted connect_to(const unique_fd& listener) const {
        intercepted out{socket_of(AF_INET, SOCK_STREAM), {}};
        const net::socket_address from({*ip_address::parse("127.0.0.2"), 0});
        EXPECT_EQ(::bind(out.client.get(), from.data(), from.length()), 0);
        const net::socket_address to(net::local_endpoint(listener.get()));
        EXPECT_EQ(::connect(out.client.get(), to.data(), to.length()), 0);
        ::fcntl(listener.get(), F_SETFL, 0);
        out.accepted.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_TRUE(out.accepted);
        return out;
    }

    interceptor made{two_interceptions()};
};

TEST_F(HelperInterceptor, ListensOnceForEachInterceptionAndFamily) {
    const auto four = made.listen(0, true);
    ASSERT_EQ(four.text.os, 0);
    EXPECT_TRUE(net::is_transparent(four.descriptor.get()));
    EXPECT_EQ(net::socket_option(four.descriptor.get(), SO_ACCEPTCONN), 1);
    EXPECT_EQ(net::local_endpoint(four.descriptor.get()).address, *ip_address::parse("127.0.0.1"));
    EXPECT_EQ(made.listen(0, true).text.os, EPERM) << "it listens already";
    EXPECT_EQ(made.listen(0, false).text.os, 0);
    EXPECT_EQ(made.listen(1, true).text.os, 0);
    EXPECT_EQ(made.listen(2, true).text.os, EPERM) << "there is none";
}

TEST_F(HelperInterceptor, StartsOnce) {
    const auto listener = made.listen(0, true);
    const auto started = made.start();
    ASSERT_EQ(started.text.os, 0) << started.text.text.data();
    EXPECT_EQ(made.start().text.os, EPERM);
    EXPECT_EQ(made.listen(1, true).text.os, EPERM) << "too late: no rule would deliver to it";
}

TEST_F(HelperInterceptor, MakesASocketWithTheAddressOfAClientThatWasIntercepted) {
    const auto listener = made.listen(0, true);
    const auto session = connect_to(listener.descriptor);
    const auto made_for = made.client_socket(session.accepted.get());
    ASSERT_EQ(made_for.text.os, 0);
    const auto at = net::local_endpoint(made_for.descriptor.get());
    EXPECT_EQ(at.address, *ip_address::parse("127.0.0.2"));
    EXPECT_NE(at.port, net::local_endpoint(session.client.get()).port);
    EXPECT_TRUE(net::is_transparent(made_for.descriptor.get()));
}

TEST_F(HelperInterceptor, MakesNoneForOtherConnections) {
    const control_pair other("127.0.0.2");
    EXPECT_EQ(made.client_socket(other.server.get()).text.os, EPERM) << "the daemon has accepted it itself";
    EXPECT_EQ(made.client_socket(other.client.get()).text.os, EPERM);
    const auto listener = made.listen(0, true);
    EXPECT_EQ(made.client_socket(listener.descriptor.get()).text.os, EPERM) << "not established";
    EXPECT_EQ(made.client_socket(socket_of(AF_UNIX, SOCK_STREAM).get()).text.os, EPERM);
}

TEST_F(HelperInterceptor, HasOpeningsBetweenThePeersOfAnInterceptedSession) {
    const auto listener = made.listen(0, true);
    const auto session = connect_to(listener.descriptor);
    const control_pair backend("127.0.0.3");
    const auto client_address = *ip_address::parse("127.0.0.2");
    const auto server_address = *ip_address::parse("127.0.0.1");
    const permissions allowed{.program = {}, .data_ports = {{50000, 50009}}, .interception = two_interceptions()};
    firewall_table kernel;
    opening_changes changes(allowed, kernel);
    const auto open = [&](const firewall::opening& o) {
        const request r{.kind = request_kind::add_opening, .number = 1, .subject = wire_opening::of(o)};
        auto controls = list_of(unique_fd(::dup(session.accepted.get())), backend.other_end());
        return changes.handle(r, controls).text.os;
    };
    using std::chrono::seconds;
    const endpoint of_server{server_address, 40000};
    const endpoint of_client{client_address, 40000};
    const endpoint of_router{*ip_address::parse("127.0.0.3"), 40001};
    EXPECT_EQ(open({client_address, of_server, of_server, client_address, seconds(30)}), 0) << "passive";
    EXPECT_EQ(open({server_address, of_client, of_client, server_address, seconds(30)}), 0) << "active";
    EXPECT_EQ(open({server_address, of_router, of_client, server_address, seconds(30)}), 0) << "active, the server's view";
    const endpoint elsewhere{*ip_address::parse("127.0.0.9"), 40000};
    EXPECT_EQ(open({server_address, elsewhere, of_client, server_address, seconds(30)}), EPERM);
    EXPECT_EQ(open({client_address, of_router, of_server, client_address, seconds(30)}), EPERM);
    EXPECT_EQ(open({client_address, elsewhere, elsewhere, client_address, seconds(30)}), EPERM);
    EXPECT_EQ(open({elsewhere.address, of_server, of_server, elsewhere.address, seconds(30)}), EPERM);
    const endpoint of_a_service{server_address, 1023};
    EXPECT_EQ(open({client_address, of_a_service, of_a_service, client_address, seconds(30)}), EPERM);
}

TEST_F(HelperInterceptor, PassesPortsForTheClientOfAnInterceptedSession_G10) {
    auto settings = two_interceptions();
    settings.interceptions[1].passed_ports = {50000, 50009};
    interceptor passing(settings);
    const auto listener = passing.listen(1, true);
    const auto session = connect_to(listener.descriptor);
    const control_pair backend;
    EXPECT_EQ(passing.pass_ports(1, session.accepted.get(), backend.client.get()).text.os, EPERM) << "not started";
    ASSERT_EQ(passing.start().text.os, 0);
    EXPECT_EQ(passing.pass_ports(0, session.accepted.get(), backend.client.get()).text.os, EPERM) << "it has no ports";
    EXPECT_EQ(passing.pass_ports(2, session.accepted.get(), backend.client.get()).text.os, EPERM) << "there is none";
    EXPECT_EQ(passing.pass_ports(1, backend.server.get(), backend.client.get()).text.os, EPERM) << "not intercepted";
    EXPECT_EQ(passing.pass_ports(1, session.accepted.get(), backend.server.get()).text.os, 0)
        << "its peer has the address of the destination, too";
    const control_pair other("127.0.0.3");
    EXPECT_EQ(passing.pass_ports(1, session.accepted.get(), other.server.get()).text.os, EPERM) << "another server";
    // Two sessions with the same peers: the pair stays until both have ended.
    const auto first = passing.pass_ports(1, session.accepted.get(), backend.client.get());
    ASSERT_EQ(first.text.os, 0) << first.text.text.data();
    EXPECT_EQ(passing.end_passing(static_cast<std::uint32_t>(first.text.number)).text.os, 0);
    EXPECT_EQ(passing.end_passing(static_cast<std::uint32_t>(first.text.number)).text.os, EINVAL);
    EXPECT_EQ(passing.end_passing(static_cast<std::uint32_t>(first.text.number - 1)).text.os, 0);
}

TEST_F(HelperInterceptor, CountsDroppedRequestsOnceItHasRules) {
    EXPECT_EQ(made.dropped_requests().text.os, EPERM);
    const auto listener = made.listen(0, true);
    ASSERT_EQ(made.start().text.os, 0);
    const auto dropped = made.dropped_requests();
    ASSERT_EQ(dropped.text.os, 0) << dropped.text.text.data();
    EXPECT_EQ(dropped.text.number, 0);
}

TEST_F(HelperInterceptor, FindsTheAddressThatAPeerSees) {
    const control_pair session("127.0.0.2");
    const auto seen = made.translation_of(session.client.get());
    ASSERT_EQ(seen.text.os, 0) << seen.text.text.data();
    EXPECT_EQ(seen.text.address.value()->address, *ip_address::parse("127.0.0.2"));
    EXPECT_EQ(made.translation_of(listening_socket().get()).text.os, EPERM);
}

}  // namespace
}  // namespace sallyport::helper
