// TLS on both legs, CCC, and the command policy, over real sockets.

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class GateTls : public gate_test {
protected:
    GateTls() : made_(*net::make_self_signed({"127.0.0.1"}, 1)), identity_(made_.certificate, made_.key) {
        use_tls();
        setup.backend_tls = *net::tls_client_context::make({.verify = false});
    }
    /// A client with TLS, logged in.
    [[nodiscard]] ftp_client secured() {
        auto c = client();
        EXPECT_EQ(c.reply().substr(0, 3), "220");
        c.start_tls();
        c.send_password();
        return c;
    }

    net::self_signed made_;
    testing::tls_identity identity_;
};

TEST_F(GateTls, MatchesTheClientsTlsOnTheBackendLeg_G10) {
    ftp_stub stub({.tls = &identity_});
    start({at(stub.port(), backend_tls::match)});
    {
        auto plain = logged_in();
        EXPECT_EQ(plain.download("RETR file").size(), 420U);
        EXPECT_FALSE(stub.saw("AUTH") || stub.saw("PROT"));
    }
    auto c = secured();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(c.upload("STOR up", "protected on both legs"), "226 done");
    EXPECT_EQ(stub.stored("up"), "protected on both legs");
    EXPECT_EQ(stub.resumed_data_connections(), 2);
    EXPECT_EQ(c.code("PROT C"), "200");
    c.protect_data = false;
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(stub.resumed_data_connections(), 2) << "unencrypted on the backend leg too";
    auto all = stub.commands();
    std::erase(all, "QUIT");  // of the previous session
    const auto auth = std::ranges::find(all, "AUTH TLS");
    ASSERT_NE(auth, all.end());
    EXPECT_EQ(std::find_if(auth, all.end(), [](const auto& line) { return line.starts_with("USER"); }) - auth, 1)
        << "no name before TLS";
}

TEST_F(GateTls, ABackendThatSendsMoreThan234IsNotUsed_TLS02) {
    for (const auto* more : {"\r\n", " ", "230 in\r\n"}) {
        const scripted_server server([&](blocking_socket& control) {
            control.send("220 ready\r\n\r\n");  // ignored before the command
            control.read_line();
            control.send("234 go on\r\n" + std::string(more));
            control.read_line();
        });
        start({at(server.port(), backend_tls::explicit_)});
        auto c = client();
        EXPECT_EQ(c.reply().substr(0, 3), "421") << more;
        stop();
    }
}

TEST_F(GateTls, MatchesTheClientsTlsIfTheBackendIsSelectedAtLogin_G7_G10) {
    ftp_stub stub({.tls = &identity_});
    start({at(stub.port(), backend_tls::match, {.users = {"bob"}})});
    {
        auto plain = logged_in();
        EXPECT_EQ(plain.download("RETR file").size(), 420U);
        EXPECT_FALSE(stub.saw("AUTH") || stub.saw("PROT"));
    }
    auto c = secured();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(stub.resumed_data_connections(), 1);
    auto all = stub.commands();
    std::erase(all, "QUIT");  // of the previous session
    const auto auth = std::ranges::find(all, "AUTH TLS");
    ASSERT_NE(auth, all.end());
    EXPECT_EQ(*std::next(auth), "USER bob") << "no name before TLS";
}

TEST_F(GateTls, MatchesImplicitTlsWithExplicitTlsOnTheBackendLeg_G10) {
    ftp_stub stub({.tls = &identity_});
    setup.listen_implicit = {*endpoint::parse("127.0.0.1:0")};
    setup.backends = {at(stub.port(), backend_tls::match)};
    start();
    auto c = client();
    ASSERT_TRUE(c.control.connect_tls());
    c.log_in();
    c.protect_data = true;
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(stub.resumed_data_connections(), 1);
}

TEST_F(GateTls, OffersNoTlsIfTheMatchedBackendHasNone_TLS03) {
    ftp_stub stub({});
    start({at(stub.port(), backend_tls::match)});
    auto c = client();
    EXPECT_EQ(c.reply().substr(0, 3), "220");
    EXPECT_EQ(c.code("AUTH TLS"), "431");
    c.send_password();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

TEST_F(GateTls, EndsIfTheMatchedBackendCannotBeVerified_TLS08) {
    ftp_stub stub({.tls = &identity_});
    setup.backend_tls = *net::tls_client_context::make({});
    start({at(stub.port(), backend_tls::match)});
    auto c = client();
    EXPECT_EQ(c.reply().substr(0, 3), "220");
    EXPECT_EQ(c.code("AUTH TLS"), "421");
    EXPECT_EQ(c.reply(), "");
}

// ---- CCC

TEST_F(GateTls, ContinuesUnencryptedAfterCccAndKeepsDataEncrypted_TLS06) {
    ftp_stub stub({});
    setup.ccc_allowed = true;
    setup.tls_reuse = net::tls_reuse::require;
    start({at(stub.port())});
    auto c = secured();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(c.code("CCC"), "200");
    EXPECT_EQ(SSL_shutdown(c.control.tls()), 0) << "ours is sent";
    EXPECT_EQ(SSL_shutdown(c.control.tls()), 1) << "and the gateway's came";
    // From here on without TLS, over the bare socket.
    ftp_client bare{blocking_socket(::dup(c.control.get()))};
    EXPECT_EQ(bare.code("PROT C"), "503");
    auto data = bare.passive();
    EXPECT_EQ(bare.code("RETR file"), "150");
    ASSERT_TRUE(data.connect_tls(&c.control));
    EXPECT_TRUE(data.tls_resumed());
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(bare.reply(), "226 done");
    EXPECT_EQ(bare.ask("QUIT"), "221 bye");
}

TEST_F(GateTls, AcceptsUnencryptedCommandsAsTheEndOfTlsAfterCcc_TLS06) {
    ftp_stub stub({});
    setup.ccc_allowed = true;
    start({at(stub.port())});
    auto c = secured();
    EXPECT_EQ(c.code("CCC"), "200");
    ftp_client bare{blocking_socket(::dup(c.control.get()))};
    bare.control.send("TYPE I\r\n");
    std::array<char, 64> alert;
    EXPECT_EQ(SSL_read(c.control.tls(), alert.data(), alert.size()), 0) << "close_notify";
    EXPECT_EQ(bare.reply(), "200 ok");
}

TEST_F(GateTls, RefusesCccUnlessItIsAllowed_TLS06) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = secured();
    EXPECT_EQ(c.code("CCC"), "534");
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

// ---- Other requirements

TEST_F(GateTls, ReportsNoUploadWithoutCloseNotifyAsComplete_TLS05) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = secured();
    auto data = c.passive();
    EXPECT_EQ(c.code("STOR up"), "150");
    ASSERT_TRUE(data.connect_tls(&c.control));
    data.send("half of it");
    ::shutdown(data.get(), SHUT_WR);  // FIN without close_notify
    EXPECT_EQ(c.reply().substr(0, 3), "426");
    EXPECT_EQ(c.upload("STOR up", "all of it"), "226 done");
}

TEST_F(GateTls, ReportsNoTruncatedDownloadAsComplete_TLS05) {
    ftp_stub stub({.ends = testing::data_end::cut, .tls = &identity_});
    start({at(stub.port(), backend_tls::explicit_)});
    auto c = secured();
    EXPECT_EQ(c.download("RETR file").substr(0, 3), "426");
}

TEST_F(GateTls, AcceptsAlpnFtpAndRefusesOthers_TLS07) {
    ftp_stub stub({});
    start({at(stub.port())});
    const auto attempt = [&](std::string_view name) {
        auto c = client();
        EXPECT_EQ(c.reply().substr(0, 3), "220");
        EXPECT_EQ(c.code("AUTH TLS"), "234");
        return c.control.connect_tls_as(name);
    };
    EXPECT_TRUE(attempt("ftp"));
    EXPECT_TRUE(attempt("")) << "no ALPN is accepted";
    for (const auto* name : {"http/1.1", "h2", "imap"}) EXPECT_FALSE(attempt(name)) << name;
}

// ---- Command policy and limits

TEST_F(GateTls, AppliesTheCommandPolicy) {
    ftp_stub stub({});
    setup.commands = *proto::command_policy::make({}, {"FEAT"}, true);
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_EQ(c.upload("STOR up", "").substr(0, 3), "550");
    EXPECT_EQ(c.code("DELE file"), "550");
    EXPECT_EQ(c.code("FEAT"), "502");
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    for (const auto* verb : {"STOR", "DELE", "FEAT"}) EXPECT_FALSE(stub.saw(verb)) << verb;
}

TEST_F(GateTls, LimitsTheSessionsOfEachUser) {
    ftp_stub stub({});
    setup.max_sessions_per_user = 1;
    start({at(stub.port())});
    {
        auto bob = logged_in();
        auto again = client();
        EXPECT_EQ(again.reply().substr(0, 3), "220");
        EXPECT_EQ(again.code("USER bob"), "331") << "without the password it does not count";
        auto alice = client();
        alice.log_in("alice");
        EXPECT_EQ(again.ask("PASS secret"), "421 Too many sessions of this user; close one, or try again later.");
        EXPECT_EQ(again.reply(), "");
        EXPECT_EQ(bob.code("QUIT"), "221");
        EXPECT_EQ(bob.reply(), "");
    }
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
    auto bob = logged_in();
}

TEST_F(GateTls, LimitsTheRateOfASessionsTransfers) {
    ftp_stub stub({.files = {{"file", std::string(300'000, 'x')}}});
    setup.download_rate = 1'000'000;
    start({at(stub.port())});
    auto c = logged_in();
    const auto started_at = std::chrono::steady_clock::now();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(c.download("RETR file").size(), 300'000U);
    EXPECT_GE(std::chrono::steady_clock::now() - started_at, 400ms) << "the second transfer gets no new burst";
    const auto upload = std::chrono::steady_clock::now();
    EXPECT_EQ(c.upload("STOR up", std::string(3'000'000, 'y')), "226 done");
    EXPECT_LE(std::chrono::steady_clock::now() - upload, 2s) << "the other direction is free";
}

TEST_F(GateTls, EndsIdleSessionsWith421_G6) {
    ftp_stub stub({});
    setup.idle_timeout = 1s;
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_EQ(c.reply(), "421 Idle timeout: no command for 1 s.");
    EXPECT_EQ(c.reply(), "");
}

}  // namespace
}  // namespace sallyport::gate
