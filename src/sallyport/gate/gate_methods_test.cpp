// The data method of each leg, chosen independently, over real sockets.

#include <optional>

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

using proto::backend_data_mode;
using proto::data_method;

constexpr std::array all_methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};

class GateMethods : public gate_test {
protected:
    void start_with(backend_data_mode policy, const ftp_stub& stub, backend_tls tls = backend_tls::none) {
        setup.backend_data_mode = policy;
        start({at(stub.port(), tls)});
    }
};

/// A client's data connection, set up with any data method.
class client_data {
public:
    client_data(ftp_client& c, data_method method) {
        const auto port = listener_.port();
        switch (method) {
            case data_method::epsv:
            case data_method::pasv: made_.emplace(blocking_socket::connect(c.passive_port(name(method)))); return;
            case data_method::eprt: EXPECT_EQ(c.code(fmt::format("EPRT |1|127.0.0.1|{}|", port)), "200"); return;
            case data_method::port: EXPECT_EQ(c.code(fmt::format("PORT 127,0,0,1,{},{}", port / 256, port % 256)), "200");
        }
    }
    blocking_socket open() { return made_ ? std::move(*made_) : listener_.accept(); }

private:
    testing::blocking_listener listener_;
    std::optional<blocking_socket> made_;  // connected at once, since the 150 is sent when it is established
};

/// The gateway's port in the last EPRT that the backend received.
[[nodiscard]] std::uint16_t advertised_port(const ftp_stub& stub) {
    std::uint16_t port = 0;
    for (const auto& line : stub.commands()) {
        if (!line.starts_with("EPRT ")) continue;
        if (const auto named = proto::parse_eprt(line.substr(5))) port = named->port;
    }
    return port;
}

TEST_F(GateMethods, TransfersFilesWithEveryPairOfMethods_G8) {
    constexpr std::array exactly{backend_data_mode::epsv, backend_data_mode::pasv, backend_data_mode::eprt,
                                 backend_data_mode::port};
    for (std::size_t i = 0; i < exactly.size(); ++i) {
        ftp_stub stub({});
        start_with(exactly.at(i), stub);
        auto c = logged_in();
        for (const auto client_method : all_methods) {
            SCOPED_TRACE(fmt::format("client {}, backend {}", name(client_method), name(all_methods.at(i))));
            {
                client_data connection(c, client_method);
                EXPECT_EQ(c.code("RETR file"), "150");
                EXPECT_EQ(connection.open().read_to_end(), std::string(420, 'x'));
                EXPECT_EQ(c.reply(), "226 done");
            }
            client_data connection(c, client_method);
            const auto content = fmt::format("with {}", name(client_method));
            EXPECT_EQ(c.code("STOR up"), "150");
            auto data = connection.open();
            data.send(content);
            data.close();
            EXPECT_EQ(c.reply(), "226 done");
            EXPECT_EQ(stub.stored("up"), content);
        }
        for (const auto m : all_methods) EXPECT_EQ(stub.saw(name(m)), m == all_methods.at(i)) << name(m);
        c.control.close();
        stop();
    }
    EXPECT_EQ(counters.transfers_complete.load(), 32U);
}

TEST_F(GateMethods, FallsBackToPassiveModeAndStoresItForTheBackend) {
    ftp_stub stub({.replies = {{"EPRT", "500 what?"}, {"PORT", "502 not here"}}});
    start_with(backend_data_mode::active, stub);
    for (int i = 0; i < 2; ++i) {
        auto c = logged_in();
        EXPECT_EQ(c.download("RETR file").size(), 420U);
        EXPECT_EQ(c.download("RETR file").size(), 420U);
        EXPECT_EQ(c.code("QUIT"), "221");
        EXPECT_EQ(c.reply(), "");
    }
    std::map<std::string, int> seen;
    for (const auto& line : stub.commands()) ++seen[line.substr(0, 4)];
    EXPECT_EQ(seen["EPRT"], 1) << "the next session knows what one session has learned";
    EXPECT_EQ(seen["PORT"], 1);
    EXPECT_EQ(seen["EPSV"], 4);
}

TEST_F(GateMethods, ReportsThatTheBackendRefusedTheOnlyMethod) {
    ftp_stub stub({.replies = {{"PORT", "500 Illegal PORT command."}}});
    start_with(backend_data_mode::port, stub);
    auto c = logged_in();
    EXPECT_EQ(c.ask("EPSV"), "425 The FTP server refused PORT: Illegal PORT command.");
    EXPECT_EQ(c.code("RETR file"), "425");
    EXPECT_FALSE(stub.saw("EPSV"));
}

TEST_F(GateMethods, RejectsAnUnexpectedPeerOnTheBackendLegsPort_G2_DC02) {
    ftp_stub stub({.unexpected_peer_first = true});
    start_with(backend_data_mode::eprt, stub);
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(stub.unexpected_peers(), 1);
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 1; }));
    auto late = blocking_socket::connect(advertised_port(stub));
    EXPECT_EQ(late.read_to_end(), "") << "one connection, and no second one even from the expected address";
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 2; }));
}

TEST_F(GateMethods, ClosesTheBackendLegsPortWithTheSession_G2) {
    ftp_stub stub({});
    start_with(backend_data_mode::eprt, stub);
    auto c = logged_in();
    EXPECT_NE(c.passive_port(), 0);
    EXPECT_EQ(c.code("QUIT"), "221");
    EXPECT_EQ(c.reply(), "");
    auto late = blocking_socket::connect(advertised_port(stub));
    EXPECT_EQ(late.read_to_end(), "");
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 1; }));
}

TEST_F(GateMethods, Sends425IfTheBackendDoesNotConnect) {
    ftp_stub stub({.replies = {{"RETR", "150 on my way"}}});
    setup.data_timeout = 1s;
    start_with(backend_data_mode::eprt, stub);
    auto c = logged_in();
    EXPECT_NE(c.passive_port(), 0);
    c.control.send("RETR file\r\n");
    EXPECT_EQ(c.reply(), fmt::format("425 No data connection to the FTP server: none arrived on port {} within 1 s",
                                     advertised_port(stub)));
    EXPECT_TRUE(eventually([&] { return stub.saw("ABOR"); }));
}

TEST_F(GateMethods, ForwardsTheBackendsReplyIfItCannotConnect) {
    ftp_stub stub({.replies = {{"STOR", "425 No route to you."}}});
    start_with(backend_data_mode::port, stub);
    auto c = logged_in();
    EXPECT_NE(c.passive_port(), 0);
    EXPECT_EQ(c.ask("STOR up"), "425 No route to you.");
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

// RFC 4217: the FTP client is the TLS client, whichever side connects.
TEST_F(GateMethods, StartsTlsOnConnectionsFromTheBackend_G10) {
    const auto made = net::make_self_signed({"localhost", "127.0.0.1"}, 1);
    const testing::tls_identity identity(made->certificate, made->key);
    ftp_stub stub({.tls = &identity});
    setup.backend_tls = *net::tls_client_context::make({.verify = false});
    start_with(backend_data_mode::match, stub, backend_tls::explicit_);
    auto c = logged_in();
    for (const auto client_method : {data_method::port, data_method::eprt}) {
        client_data connection(c, client_method);
        EXPECT_EQ(c.code("RETR file"), "150");
        EXPECT_EQ(connection.open().read_to_end().size(), 420U);
        EXPECT_EQ(c.reply(), "226 done");
        EXPECT_TRUE(stub.saw(name(client_method)));
    }
    client_data connection(c, data_method::port);
    EXPECT_EQ(c.code("STOR up"), "150");
    auto data = connection.open();
    data.send("over TLS");
    data.close();
    EXPECT_EQ(c.reply(), "226 done");
    EXPECT_EQ(stub.stored("up"), "over TLS");
    EXPECT_EQ(stub.resumed_data_connections(), 3) << "each resumes the TLS session (TLS-04)";
}

}  // namespace
}  // namespace sallyport::gate
