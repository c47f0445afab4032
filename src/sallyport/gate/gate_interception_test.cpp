// Intercepted sessions, as far as a machine that is no router can have them. Whole networks are in
// tests/integration/test_interception.py.

#include <sallyport/gate/gate_test.hpp>

#include <sallyport/net/listener.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::gate {
namespace {

class substitute_machine final : public firewall::router {
public:
    [[nodiscard]] result<unique_fd> client_socket(int /*client_control*/) override { return fail(errc::misuse); }
    [[nodiscard]] result<ip_address> translated_address(int /*backend_control*/) override { return fail(errc::misuse); }
};

class GateInterception : public gate_test {
protected:
    GateInterception() {
        use_recording_table();
        setup.interception.machine = &machine;
    }

    void start_intercepting(std::string_view rule) {
        setup.interception.rules = {*interception_rule::parse(rule)};
        setup.interception.listen = [this]() -> result<std::vector<intercepting_socket>> {
            std::vector<intercepting_socket> out;
            out.push_back({0, *net::listener::bind(*endpoint::parse("127.0.0.1:0"))});
            port = net::local_endpoint(out.front().socket.get()).port;
            return out;
        };
        setup.interception.start = [this]() -> result<void> {
            ++starts;
            return {};
        };
        start();
    }

    substitute_machine machine;
    std::uint16_t port = 0;
    int starts = 0;
};

TEST_F(GateInterception, NeedsNoBackendAndNoListener) {
    start_intercepting("lan0");
    EXPECT_EQ(starts, 1);
    EXPECT_TRUE(gateway->endpoints().empty());
    EXPECT_TRUE(gateway->sockets().empty()) << "a new process opens its own sockets";
}

TEST_F(GateInterception, RefusesAClientThatConnectsToThisMachineItself) {
    start_intercepting("lan0");
    ftp_client c(blocking_socket::connect(port));
    EXPECT_EQ(c.reply(), "421 There is no FTP server at this address; connect to the server itself.");
    EXPECT_EQ(c.reply(), "");
    EXPECT_EQ(counters.rejected_no_backend.load(), 1U);
}

TEST_F(GateInterception, StartsOnlyIfTheKernelTakesTheRules) {
    setup.interception.rules = {*interception_rule::parse("lan0")};
    setup.interception.listen = [] { return result<std::vector<intercepting_socket>>(); };
    setup.interception.start = [] { return result<void>(fail(errc::permission, "CAP_NET_ADMIN is missing")); };
    gateway = std::make_unique<gate>(loops, setup, counters);
    const auto started = gateway->start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().what, "CAP_NET_ADMIN is missing");
}

TEST_F(GateInterception, StartsOnlyWithOpenings) {
    setup.interception.rules = {*interception_rule::parse("lan0")};
    setup.interception.listen = [] { return result<std::vector<intercepting_socket>>(); };
    setup.make_table = [] { return result<std::unique_ptr<firewall::table>>(fail(errc::permission, "no CAP_NET_ADMIN")); };
    gateway = std::make_unique<gate>(loops, setup, counters);
    const auto started = gateway->start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().what, "no CAP_NET_ADMIN");
}

TEST_F(GateInterception, NeedsACertificateToEndTls) {
    setup.interception.rules = {*interception_rule::parse("lan0?tls=end")};
    gateway = std::make_unique<gate>(loops, setup, counters);
    const auto started = gateway->start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().what.find("certificate"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::gate
