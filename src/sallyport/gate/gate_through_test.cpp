// TLS that passes unread between client and backend, and the mirrored ports of its data (GW-06).

#include <sallyport/gate/gate_test.hpp>
#include <sallyport/net/listener.hpp>
#include <support/free_ports.hpp>

namespace sallyport::gate {
namespace {

/// Accepts a control connection's TLS itself, and data on a port of its mirror.
class GateThrough : public gate_test {
protected:
    GateThrough() : made_(*net::make_self_signed({"127.0.0.1"}, 1)), identity_(made_.certificate, made_.key) {}

    /// A backend at another loopback address than the gateway's, so that both can have the same ports.
    [[nodiscard]] backend mirrored(std::uint16_t port, std::uint16_t first, backend_tls tls = backend_tls::none) const {
        backend out = at(port, tls);
        out.mirror = {first, static_cast<std::uint16_t>(first + 1)};
        return out;
    }
    /// The first of three: two mirrors may overlap there.
    static std::uint16_t free_ports() { return testing::free_ports(3).first; }

    net::self_signed made_;
    testing::tls_identity identity_;
};

TEST_F(GateThrough, PassesTlsUnreadBothWaysAfterAuth_G10_GW06) {
    ftp_stub stub({.tls = &identity_});
    start({mirrored(stub.port(), free_ports())});
    auto c = client();
    EXPECT_EQ(c.reply(), "220 stub ready");
    EXPECT_EQ(c.ask("AUTH TLS"), "234 go on");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200");
    c.give_password();
    EXPECT_EQ(c.ask("XYZZY"), "500 XYZZY is not known here");
    EXPECT_EQ(c.ask("QUIT"), "221 bye");
    EXPECT_EQ(c.reply(), "");
    EXPECT_TRUE(stub.saw("PBSZ")) << "the backend's own TLS";
}

TEST_F(GateThrough, ServesPlainSessionsAsEver) {
    ftp_stub stub({.tls = &identity_});
    start({mirrored(stub.port(), free_ports())});
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

TEST_F(GateThrough, DemandsTlsWhereItIsRequired_TLS11) {
    ftp_stub stub({.tls = &identity_});
    setup.tls_required = true;
    start({mirrored(stub.port(), free_ports())});
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("USER bob"), "530");
    EXPECT_FALSE(stub.saw("USER"));
}

TEST_F(GateThrough, PassesImplicitTlsFromTheFirstByte) {
    ftp_stub stub({.tls = &identity_, .implicit_tls = true});
    setup.listen_implicit = {*endpoint::parse("127.0.0.1:0")};
    setup.backends = {mirrored(stub.port(), free_ports(), backend_tls::implicit)};
    start();
    auto c = client();
    ASSERT_TRUE(c.control.connect_tls());
    c.log_in();
    EXPECT_EQ(c.ask("QUIT"), "221 bye");
}

TEST_F(GateThrough, ClosesMirroredPortsToWhoHasNoSessionThere_DC02) {
    const auto first = free_ports();
    ftp_stub stub({.tls = &identity_});
    start({mirrored(stub.port(), first)});
    {
        auto early = blocking_socket::connect(first);
        EXPECT_EQ(early.read_to_end(), "");
    }
    EXPECT_TRUE(eventually([this] { return counters.strangers_refused.load() == 1; }));
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("AUTH TLS"), "234");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200");
    auto stranger = blocking_socket::connect(first, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_EQ(stranger.read_to_end(), "");
    EXPECT_TRUE(eventually([this] { return counters.strangers_refused.load() == 2; }));
    EXPECT_EQ(c.code("QUIT"), "221");
    c.control.close();
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
    auto late = blocking_socket::connect(first);
    EXPECT_EQ(late.read_to_end(), "");
    EXPECT_TRUE(eventually([this] { return counters.strangers_refused.load() == 3; })) << "the way ends with the session";
}

TEST_F(GateThrough, OpensAndClosesMirrorsAsBackendsComeAndGo_G6) {
    const auto ports = testing::free_ports(5).first;
    const auto later = static_cast<std::uint16_t>(ports + 2);
    const auto listens = [](std::uint16_t port) {
        return !net::listener::bind({*ip_address::parse("127.0.0.1"), port});  // a connection would be led back here
    };
    ftp_stub stub({.tls = &identity_});
    ftp_stub other({.tls = &identity_});
    start({mirrored(stub.port(), ports)});
    EXPECT_FALSE(listens(later));

    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("AUTH TLS"), "234");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200") << "the way to its ports is open from here on";

    auto wanted = setup;
    wanted.backends = {mirrored(other.port(), static_cast<std::uint16_t>(ports + 1))};
    const auto refused = renew(wanted);
    ASSERT_FALSE(refused) << "a port would lead to one or the other";
    EXPECT_NE(refused.error().text().find("try again when they have ended"), std::string::npos) << refused.error().text();

    wanted.backends = {mirrored(other.port(), later)};
    ASSERT_TRUE(renew(wanted));
    EXPECT_TRUE(eventually([&] { return listens(later); }));
    EXPECT_TRUE(listens(ports)) << "the old backend has a session yet";

    EXPECT_EQ(c.code("QUIT"), "221");
    c.control.close();
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
    ASSERT_TRUE(renew(wanted));
    EXPECT_TRUE(eventually([&] { return !listens(ports); }));
    EXPECT_TRUE(listens(later));
}

TEST_F(GateThrough, CutsWhoIsIdle_G6) {
    ftp_stub stub({.tls = &identity_});
    setup.idle = 1s;
    start({mirrored(stub.port(), free_ports())});
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("AUTH TLS"), "234");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200");
    EXPECT_EQ(c.reply(), "");
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
}

TEST_F(GateThrough, TakesNoAmbiguousMirrors) {
    const auto first = free_ports();
    const auto refused = [&](std::vector<backend> backends, std::string_view why) {
        setup.backends = std::move(backends);
        setup.listen = {*endpoint::parse("127.0.0.1:0")};
        gateway = std::make_unique<gate>(loops, setup, counters);
        const auto started = gateway->start();
        ASSERT_FALSE(started) << why;
        EXPECT_NE(started.error().text().find(why), std::string::npos) << started.error().text();
    };
    refused({mirrored(2121, first), mirrored(2122, static_cast<std::uint16_t>(first + 1))},
            "another backend has the same ports");
    refused({mirrored(2121, first), at(2122)}, "some backends have passthrough=A-B and others do not");
    refused({mirrored(2121, first, backend_tls::implicit)}, "ftps:// backends need --listen-tls");
    use_tls();
    refused({mirrored(2121, first)}, "passthrough=A-B ends TLS at the backend; remove --tls-cert");
}

}  // namespace
}  // namespace sallyport::gate
