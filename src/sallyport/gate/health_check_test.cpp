#include <sallyport/gate/health_check.hpp>

#include <atomic>

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

// ---- One check

class HealthCheck : public ::testing::Test {
protected:
    HealthCheck() {
        config.balancing.check = check_level::list;
        config.checks = {.interval = 1s, .user = "bob", .password = "secret"};
    }

    [[nodiscard]] check_outcome check(const backend& server) {
        check_outcome out;
        net::loop_group loops{1};
        loops.run_until_done(run(loops.at(0), config, server, out));
        return out;
    }
    /// "level: reason"; empty without a failure.
    [[nodiscard]] std::string finding(std::uint16_t port, backend_tls tls = backend_tls::none) {
        const auto out = check(at(port, tls));
        return out.failure ? out.failure->text() : "";
    }
    [[nodiscard]] std::string finding(behaviour b) {
        const ftp_stub stub(std::move(b));
        return finding(stub.port());
    }

    settings config;

private:
    static net::task<> run(net::loop& loop, const settings& config, const backend& server, check_outcome& out) {
        self_connection_guard guard;
        out = co_await check_backend(loop, config, server, guard, config.balancing.check);
    }
};

TEST_F(HealthCheck, ChecksUpToTheConfiguredLevel_G7) {
    struct row {
        check_level depth;
        std::vector<std::string> commands;
    };
    for (const auto& [depth, commands] : std::vector<row>{
             {check_level::tcp, {}},
             {check_level::greeting, {"QUIT"}},
             {check_level::tls, {"QUIT"}},
             {check_level::login, {"USER bob", "PASS secret", "FEAT", "QUIT"}},
             {check_level::list, {"USER bob", "PASS secret", "FEAT", "TYPE I", "EPSV", "LIST", "QUIT"}},
         }) {
        const ftp_stub stub({});
        config.balancing.check = depth;
        EXPECT_EQ(finding(stub.port()), "");
        EXPECT_TRUE(commands.empty() || eventually([&] { return stub.saw("QUIT"); }));
        EXPECT_EQ(stub.commands(), commands) << name(depth);
    }
}

TEST_F(HealthCheck, NamesTheLevelThatFailed_G7) {
    const std::string silent(testing::stay_silent);
    struct row {
        behaviour how;
        std::string begins;
    };
    for (const auto& [how, begins] : std::vector<row>{
             {{.replies = {{"GREETING", "421 too many"}}}, "greeting: "},
             {{.replies = {{"GREETING", silent}}}, "greeting: "},
             {{.replies = {{"GREETING", "\x16\x03\x01 what"}}}, "greeting: "},
             {{.replies = {{"GREETING", std::string(testing::hang_up)}}}, "greeting: "},
             {{.replies = {{"GREETING", "220 hi\r\n230 in"}}}, "greeting: "},
             {{.replies = {{"PASS", "530 wrong"}}}, "login: "},
             {{.strays = {{"FEAT", "230 in"}}}, "login: stray reply from the server instead of one to FEAT: 230 in"},
             {{.replies = {{"USER", silent}}}, "login: "},
             {{.replies = {{"LIST", "550 no"}}}, "list: "},
             {{.replies = {{"LIST", silent}}}, "list: "},
             {{.no_226 = true}, "list: "},
             {{.replies = {{"FINAL", "451 disk"}}}, "list: "},
             {{.ends = testing::data_end::stays_open}, "list: the data connection"},
             {{.ends = testing::data_end::reset, .list_listing = ""}, "list: the data connection"},
             {{.epsv_port = testing::data_port::refuses, .pasv_port = testing::data_port::refuses}, "list: "},
         }) {
        const auto found = finding(how);
        EXPECT_TRUE(found.starts_with(begins)) << "'" << found << "' is not " << begins;
    }
    const testing::silent_port unresponsive;
    EXPECT_TRUE(finding(unresponsive.port()).starts_with("tcp: "));
    EXPECT_TRUE(finding(testing::refused_port()).starts_with("tcp: "));
}

TEST_F(HealthCheck, ReportsTheServersReply) {
    EXPECT_NE(finding({.replies = {{"GREETING", "421 too many\x1b[2J"}}}).find("421 too many\\x1b[2J"), std::string::npos);
    EXPECT_NE(finding({.replies = {{"PASS", "530 no such user"}}}).find("530 no such user"), std::string::npos);
}

TEST_F(HealthCheck, EndsBeforeTheNextCheckStarts) {
    config.checks.interval = 300ms;
    const auto started_at = net::clock::now();
    EXPECT_NE(finding({.ends = testing::data_end::stays_open}), "");
    EXPECT_LT(net::clock::now() - started_at, 2s);
}

TEST_F(HealthCheck, UsesPasvIfEpsvIsRefused) {
    EXPECT_EQ(finding({.replies = {{"EPSV", "500 what"}}, .pasv_address = "10,9,9,9"}), "");
}

TEST_F(HealthCheck, ChecksTlsOnBothConnections) {
    const auto made = net::make_self_signed({"127.0.0.1"}, 1);
    const testing::tls_identity identity(made->certificate, made->key);
    for (const auto tls : {backend_tls::explicit_, backend_tls::implicit}) {
        const ftp_stub stub({.tls = &identity, .implicit_tls = tls == backend_tls::implicit});
        config.backend_tls = *net::tls_client_context::make({.verify = false});
        EXPECT_EQ(finding(stub.port(), tls), "");
        EXPECT_EQ(stub.resumed_data_connections(), 1);
        config.backend_tls = *net::tls_client_context::make({});
        EXPECT_TRUE(finding(stub.port(), tls).starts_with("tls: "));
    }
    const ftp_stub plain({});
    EXPECT_TRUE(finding(plain.port(), backend_tls::explicit_).starts_with("tls: "));
    EXPECT_FALSE(plain.saw("USER"));
}

// ---- Health checks of a running gateway

class GateChecks : public gate_test {
protected:
    GateChecks() {
        setup.balancing.check = check_level::greeting;
        setup.balancing.fall = 2;
        setup.balancing.rise = 2;
        setup.checks.interval = 50ms;
    }
    [[nodiscard]] bool becomes(std::size_t index, health_state wanted) {
        return eventually([&] { return gateway->backends().backends[index].health == name(wanted); });
    }
};

TEST_F(GateChecks, KeepClientsFromWaitingForADeadBackend_G7) {
    const testing::silent_port unresponsive;
    const ftp_stub no_greeting({.replies = {{"GREETING", std::string(testing::stay_silent)}}});
    const ftp_stub good({});
    setup.balancing.policy = balancing_policy::round_robin;
    setup.backend_connect_timeout = 30s;
    start({at(unresponsive.port()), at(no_greeting.port()), at(good.port())});
    ASSERT_TRUE(becomes(0, health_state::down) && becomes(1, health_state::down) && becomes(2, health_state::up));
    const auto started_at = net::clock::now();
    for (int i = 0; i < 9; ++i) EXPECT_EQ(client().reply(), "220 stub ready");
    EXPECT_LT(net::clock::now() - started_at, 2s);
    const auto backends = gateway->backends().backends;
    EXPECT_EQ(backends[0].reason.substr(0, 5), "tcp: ");
    EXPECT_EQ(backends[1].reason.substr(0, 10), "greeting: ");
    EXPECT_EQ(backends[2].sessions_total, 9U);
}

TEST_F(GateChecks, RejectAtOnceIfAllAreDown_G7) {
    const testing::silent_port unresponsive;
    setup.backend_connect_timeout = 30s;
    start({at(unresponsive.port())});
    ASSERT_TRUE(becomes(0, health_state::down));
    EXPECT_EQ(client().reply(), "421 No FTP server is available; try again later.");
    EXPECT_EQ(gateway->backends().backends[0].sessions_total, 0U);
}

TEST_F(GateChecks, TryDownBackendsIfConfigured_G7) {
    const ftp_stub strict({.replies = {{"LIST", "550 not now"}}});
    setup.balancing.check = check_level::list;
    setup.balancing.when_all_down = all_down_policy::try_anyway;
    setup.checks.interval = 1s;
    start({at(strict.port())});
    ASSERT_TRUE(becomes(0, health_state::down));
    EXPECT_EQ(client().reply(), "220 stub ready");
}

TEST_F(GateChecks, MarkABackendUpAgain_G7) {
    std::atomic<bool> well = false;
    const scripted_server server([&](blocking_socket& control) {
        control.send(well ? "220 back\r\n" : "421 not now\r\n");
        control.read_to_end();
    });
    start({at(server.port())});
    ASSERT_TRUE(becomes(0, health_state::down));
    EXPECT_EQ(client().reply().substr(0, 3), "421");
    well = true;
    ASSERT_TRUE(becomes(0, health_state::up));
    EXPECT_EQ(client().reply(), "220 back");
}

TEST_F(GateChecks, RunAtOnceAfterASessionLosesItsBackend_G7) {
    std::atomic<int> connections = 0;
    const scripted_server server([&](blocking_socket& control) {
        ++connections;
        control.send("220 here\r\n");
        if (control.read_line() != "QUIT") return;  // the first command of a session closes its backend
        control.send("221 bye\r\n");
    });
    setup.checks.interval = 1h;
    start({at(server.port())});
    ASSERT_TRUE(eventually([&] { return connections == 1; }));
    auto c = client();
    EXPECT_EQ(c.reply(), "220 here");
    c.control.send("USER u\r\n");
    EXPECT_TRUE(eventually([&] { return connections == 3; }));
}

TEST_F(GateChecks, SkipABackendInMaintenance) {
    const ftp_stub off({});
    const ftp_stub good({});
    start({at(off.port(), backend_tls::none, {.state = backend_state::maintenance}), at(good.port())});
    ASSERT_TRUE(eventually([&] { return good.commands().size() > 3; }));
    EXPECT_TRUE(off.commands().empty());
}

}  // namespace
}  // namespace sallyport::gate
