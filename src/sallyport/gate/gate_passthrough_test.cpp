// TLS passthrough between client and backend, and its data ports (GW-06).

#include <sallyport/gate/gate_test.hpp>
#include <sallyport/net/listener.hpp>
#include <support/free_ports.hpp>

namespace sallyport::gate {
namespace {

/// A gateway whose backend terminates TLS.
class GatePassthrough : public gate_test {
protected:
    GatePassthrough() : made_(*net::make_self_signed({"127.0.0.1"}, 1)), identity_(made_.certificate, made_.key) {}

    /// A backend with two passthrough ports.
    [[nodiscard]] backend passthrough_backend(std::uint16_t port, std::uint16_t first,
                                              backend_tls tls = backend_tls::none) const {
        backend out = at(port, tls);
        out.passthrough_range = {first, static_cast<std::uint16_t>(first + 1)};
        return out;
    }
    /// The first of three ports, so that two ranges can overlap.
    static std::uint16_t free_ports() { return testing::free_ports(3).first; }

    net::self_signed made_;
    testing::tls_identity identity_;
};

TEST_F(GatePassthrough, RelaysTlsAfterAuth_G10_GW06) {
    ftp_stub stub({.tls = &identity_});
    start({passthrough_backend(stub.port(), free_ports())});
    auto c = client();
    EXPECT_EQ(c.reply(), "220 stub ready");
    EXPECT_EQ(c.ask("AUTH TLS"), "234 go on");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200");
    c.send_password();
    EXPECT_EQ(c.ask("XYZZY"), "500 XYZZY is not known here");
    EXPECT_EQ(c.ask("QUIT"), "221 bye");
    EXPECT_EQ(c.reply(), "");
    EXPECT_TRUE(stub.saw("PBSZ")) << "the backend's own TLS";
}

TEST_F(GatePassthrough, RelaysPlainSessionsAsUsual) {
    ftp_stub stub({.tls = &identity_});
    start({passthrough_backend(stub.port(), free_ports())});
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

TEST_F(GatePassthrough, RequiresTlsIfConfigured_TLS11) {
    ftp_stub stub({.tls = &identity_});
    setup.tls_required = true;
    start({passthrough_backend(stub.port(), free_ports())});
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("USER bob"), "530");
    EXPECT_FALSE(stub.saw("USER"));
}

TEST_F(GatePassthrough, RelaysImplicitTls) {
    ftp_stub stub({.tls = &identity_, .implicit_tls = true});
    setup.listen_implicit = {*endpoint::parse("127.0.0.1:0")};
    setup.backends = {passthrough_backend(stub.port(), free_ports(), backend_tls::implicit)};
    start();
    auto c = client();
    ASSERT_TRUE(c.control.connect_tls());
    c.log_in();
    EXPECT_EQ(c.ask("QUIT"), "221 bye");
}

TEST_F(GatePassthrough, ClosesDataConnectionsWithoutASession_DC02) {
    const auto first = free_ports();
    ftp_stub stub({.tls = &identity_});
    start({passthrough_backend(stub.port(), first)});
    {
        auto early = blocking_socket::connect(first);
        EXPECT_EQ(early.read_to_end(), "");
    }
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 1; }));
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("AUTH TLS"), "234");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200");
    auto unexpected = blocking_socket::connect(first, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_EQ(unexpected.read_to_end(), "");
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 2; }));
    EXPECT_EQ(c.code("QUIT"), "221");
    c.control.close();
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
    auto late = blocking_socket::connect(first);
    EXPECT_EQ(late.read_to_end(), "");
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 3; }))
        << "the client is unknown after its session";
}

TEST_F(GatePassthrough, OpensAndClosesPortsOnReload_G6) {
    const auto ports = testing::free_ports(5).first;
    const auto later = static_cast<std::uint16_t>(ports + 2);
    const auto listens = [](std::uint16_t port) {
        return !net::listener::bind({*ip_address::parse("127.0.0.1"), port});  // a connection would reach this gateway
    };
    ftp_stub stub({.tls = &identity_});
    ftp_stub other({.tls = &identity_});
    start({passthrough_backend(stub.port(), ports)});
    EXPECT_FALSE(listens(later));

    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("AUTH TLS"), "234");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200") << "data connections of this client are accepted from here on";

    auto wanted = setup;
    wanted.backends = {passthrough_backend(other.port(), static_cast<std::uint16_t>(ports + 1))};
    const auto refused = reload(wanted);
    ASSERT_FALSE(refused) << "a port would belong to two backends";
    EXPECT_NE(refused.error().text().find("try again when they have ended"), std::string::npos) << refused.error().text();

    wanted.backends = {passthrough_backend(other.port(), later)};
    ASSERT_TRUE(reload(wanted));
    EXPECT_TRUE(eventually([&] { return listens(later); }));
    EXPECT_TRUE(listens(ports)) << "the old backend still has a session";

    EXPECT_EQ(c.code("QUIT"), "221");
    c.control.close();
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
    ASSERT_TRUE(reload(wanted));
    EXPECT_TRUE(eventually([&] { return !listens(ports); }));
    EXPECT_TRUE(listens(later));
}

TEST_F(GatePassthrough, ClosesIdleSessions_G6) {
    ftp_stub stub({.tls = &identity_});
    setup.idle_timeout = 1s;
    start({passthrough_backend(stub.port(), free_ports())});
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("AUTH TLS"), "234");
    ASSERT_TRUE(c.control.connect_tls());
    EXPECT_EQ(c.code("PBSZ 0"), "200");
    EXPECT_EQ(c.reply(), "");
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
}

TEST_F(GatePassthrough, RefusesAmbiguousPassthroughPorts) {
    const auto first = free_ports();
    const auto refused = [&](std::vector<backend> backends, std::string_view reason) {
        setup.backends = std::move(backends);
        setup.listen = {*endpoint::parse("127.0.0.1:0")};
        gateway = std::make_unique<gate>(loops, setup, counters);
        const auto started = gateway->start();
        ASSERT_FALSE(started) << reason;
        EXPECT_NE(started.error().text().find(reason), std::string::npos) << started.error().text();
    };
    refused({passthrough_backend(2121, first), passthrough_backend(2122, static_cast<std::uint16_t>(first + 1))},
            "another backend has the same ports");
    refused({passthrough_backend(2121, first), at(2122)}, "some backends have passthrough=A-B and others do not");
    refused({passthrough_backend(2121, first, backend_tls::implicit)}, "ftps:// backends need --listen-tls");
    setup.passive_data.mapping.protocols = {reach::mapping_protocol::pcp};
    refused({passthrough_backend(2121, first)}, fmt::format("ports {}-", first));
    setup.passive_data.mapping.protocols.clear();
    use_tls();
    refused({passthrough_backend(2121, first)}, "passthrough=A-B ends TLS at the backend; remove --tls-cert");
}

}  // namespace
}  // namespace sallyport::gate
