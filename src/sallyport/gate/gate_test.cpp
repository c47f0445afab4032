// TLS on either leg, the choice of backends, time and limits.

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class Gate : public gate_test {};

// ---- TLS

TEST_F(Gate, EndsTlsInFrontOfAPlainBackend_G10) {
    ftp_stub stub({});
    use_tls();
    setup.tls_required = true;
    setup.reuse = net::tls_reuse::require;
    start({at(stub.port())});
    auto c = client();
    EXPECT_EQ(c.reply().substr(0, 3), "220");
    EXPECT_EQ(c.code("USER u"), "530");
    c.start_tls();
    c.give_password();
    for (int i = 0; i < 2; ++i) {
        auto data = c.passive();
        EXPECT_EQ(c.code("RETR file"), "150");
        ASSERT_TRUE(data.connect_tls(&c.control));
        EXPECT_TRUE(data.tls_resumed());
        EXPECT_EQ(data.read_to_end().size(), 420U);
        EXPECT_EQ(c.reply(), "226 done");
    }
    EXPECT_FALSE(stub.saw("AUTH") || stub.saw("PROT"));
    // A data connection with another session is not this client's (TLS-04).
    auto foreign = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    foreign.connect_tls();
    EXPECT_EQ(c.reply().substr(0, 3), "522");
}

TEST_F(Gate, GivesNoSessionsOutWhereReuseIsOff_TLS04) {
    ftp_stub stub({});
    use_tls();
    setup.reuse = net::tls_reuse::off;
    start({at(stub.port())});
    auto c = client();
    (void)c.reply();
    c.start_tls();
    c.give_password();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    ASSERT_TRUE(data.connect_tls(&c.control));
    EXPECT_FALSE(data.tls_resumed());
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(c.reply(), "226 done");
}

TEST_F(Gate, SpeaksImplicitTlsInFront) {
    ftp_stub stub({});
    use_tls();
    setup.listen_implicit = {*endpoint::parse("127.0.0.1:0")};
    setup.backends = {at(stub.port())};
    start();
    auto c = client();
    ASSERT_TRUE(c.control.connect_tls());
    c.log_in();
    auto data = c.passive();
    EXPECT_EQ(c.code("LIST"), "150");
    ASSERT_TRUE(data.connect_tls(&c.control));
    EXPECT_NE(data.read_to_end().find(" file"), std::string::npos);
    EXPECT_EQ(c.reply(), "226 done");
}

class GateBehindTls : public Gate, public ::testing::WithParamInterface<backend_tls> {};

TEST_P(GateBehindTls, SpeaksTlsToTheBackend) {
    const auto made = net::make_self_signed({"127.0.0.1"}, 1);
    const testing::tls_identity identity(made->certificate, made->key);
    ftp_stub stub({.tls = &identity, .implicit_tls = GetParam() == backend_tls::implicit});
    setup.backend_tls = *net::tls_client_context::make({.verify = false});
    start({at(stub.port(), GetParam())});
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(stub.resumed_data_connections(), 2);
    const auto all = stub.commands();
    EXPECT_EQ(std::ranges::count(all, "PROT P"), 1);
}

INSTANTIATE_TEST_SUITE_P(Both, GateBehindTls, ::testing::Values(backend_tls::explicit_, backend_tls::implicit));

TEST_F(Gate, TrustsNoBackendWithAnUnknownCertificate) {
    const auto made = net::make_self_signed({"127.0.0.1"}, 1);
    const testing::tls_identity identity(made->certificate, made->key);
    ftp_stub stub({.tls = &identity});
    setup.backend_tls = *net::tls_client_context::make({});
    start({at(stub.port(), backend_tls::explicit_)});
    EXPECT_EQ(client().reply().substr(0, 3), "421");
}

// ---- Choice of backends

TEST_F(Gate, SkipsRefusingSilentAndBusyBackendsBeforeTheClientNotices_G7) {
    ftp_stub good({});
    ftp_stub busy({.replies = {{"GREETING", "421 too many"}}});
    ftp_stub mute({.replies = {{"GREETING", std::string(testing::stay_silent)}}});
    const testing::silent_port dark;
    setup.backend_connect = 200ms;
    setup.spread.policy = balance::round_robin;
    start({at(testing::refused_port()), at(dark.port()), at(mute.port()), at(busy.port()), at(good.port())});
    for (int i = 0; i < 5; ++i) {
        auto c = client();
        EXPECT_EQ(c.reply(), "220 stub ready");
    }
}

TEST_F(Gate, SaysSoWhereAllBackendsAreDown) {
    start({at(testing::refused_port()), at(testing::refused_port())});
    auto c = client();
    EXPECT_EQ(c.reply(), "421 No server behind this gateway answers; try again later.");
    EXPECT_EQ(c.reply(), "");
}

TEST_F(Gate, SpreadsSessionsEvenlyAndKeepsTheirDataTogether_G7) {
    std::vector<std::unique_ptr<ftp_stub>> stubs;
    std::vector<backend> backends;
    for (int i = 0; i < 3; ++i) {
        stubs.push_back(std::make_unique<ftp_stub>(behaviour{.files = {{"who", std::to_string(i)}}}));
        backends.push_back(at(stubs.back()->port()));
    }
    start(backends);
    std::vector<ftp_client> clients;
    for (int i = 0; i < 9; ++i) clients.push_back(logged_in());
    std::map<std::string, int> share;
    for (auto& c : clients) {
        const auto who = c.download("RETR who");
        EXPECT_EQ(c.download("RETR who"), who);
        ++share[who];
    }
    EXPECT_EQ(share, (std::map<std::string, int>{{"0", 3}, {"1", 3}, {"2", 3}}));
}

TEST_F(Gate, LetsAClientWaitForRoomAndTellsItWhenThereIsNone_G7) {
    ftp_stub stub({});
    setup.queue_wait = 4s;
    start({at(stub.port(), backend_tls::none, {.max_sessions = 1})});
    auto first = logged_in();
    auto second = client();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    first.control.close();
    second.log_in();
    EXPECT_EQ(gateway->backends().backends[0].sessions_total, 2U);
    stop();

    setup.queue_wait = 100ms;
    start();
    auto holds = logged_in();
    EXPECT_EQ(client().reply(), "421 All servers behind this gateway are full; try again later.");
    EXPECT_EQ(holds.code("NOOP"), "500");  // by the stub: this one was not disturbed
}

TEST_F(Gate, EndsTheWaitForRoomWhenItStops) {
    ftp_stub stub({});
    setup.queue_wait = 30s;
    start({at(stub.port(), backend_tls::none, {.max_sessions = 1})});
    auto first = logged_in();
    auto second = client();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    stop_later(2s);
    EXPECT_EQ(second.reply(), "421 The gateway is stopping; connect again later.");
    runner.join();
}

TEST_F(Gate, DrainsABackendWithoutDisturbingItsSessions_G7) {
    ftp_stub one({});
    ftp_stub two({.replies = {{"GREETING", "220 two"}}});
    start({at(one.port()), at(two.port())});
    auto stays = logged_in();
    gateway->adjust({at(one.port(), backend_tls::none, {.state = backend_state::drain}), at(two.port())});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client().reply(), "220 two");
    EXPECT_EQ(stays.download("RETR file").size(), 420U);
    gateway->adjust({at(one.port(), backend_tls::none, {.state = backend_state::drain}),
                     at(two.port(), backend_tls::none, {.state = backend_state::maintenance})});
    EXPECT_EQ(client().reply(), "421 All servers behind this gateway are closed for maintenance; try again later.");
}

TEST_F(Gate, TakesInAndGivesUpBackendsWhileItRuns_G7) {
    ftp_stub one({});
    ftp_stub two({.replies = {{"GREETING", "220 two"}}});
    setup.spread.check = check_stage::greeting;
    setup.checks.interval = 100ms;
    start({at(one.port())});
    auto stays = logged_in();
    gateway->adjust({at(two.port())});
    EXPECT_EQ(gateway->backends().backends.size(), 2U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client().reply(), "220 two");
    EXPECT_EQ(stays.download("RETR file").size(), 420U);
    // Checks go with the list.
    const auto checks_of = [](ftp_stub& stub) {
        const auto all = stub.commands();
        return std::ranges::count(all, "QUIT");
    };
    EXPECT_TRUE(eventually([&] { return checks_of(two) >= 2; }));
    const auto before = checks_of(one);
    const auto then = checks_of(two);
    EXPECT_TRUE(eventually([&] { return checks_of(two) >= then + 3; }));
    EXPECT_LE(checks_of(one), before + 1);  // one that was under way
    stays.control.close();
    EXPECT_TRUE(eventually([this] { return gateway->backends().backends.size() == 1; }));
    gateway->adjust({at(one.port())});
    EXPECT_EQ(client().reply(), "220 stub ready");
}

// ---- Time and limits

TEST_F(Gate, TellsAnIdleClientSoButNotOneWithARunningTransfer_G5_G6) {
    ftp_stub stub({.ends = testing::data_end::stays_open});
    setup.idle = 1s;
    setup.data_stall = 10s;
    start({at(stub.port())});
    auto busy = logged_in();
    auto data = busy.passive();
    EXPECT_EQ(busy.code("RETR file"), "150");
    auto idle = logged_in();
    EXPECT_EQ(idle.reply(), "421 Idle for 1 s.");
    EXPECT_EQ(idle.reply(), "");
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 1; }));
    EXPECT_EQ(counters.transfers_running.load(), 1U);
}

TEST_F(Gate, EndsWhoDoesNotLogIn) {
    ftp_stub stub({});
    setup.login = 1s;
    start({at(stub.port())});
    auto c = client();
    c.reply();
    EXPECT_EQ(c.reply(), "421 The login took too long.");
}

TEST_F(Gate, TurnsAwayMoreSessionsThanItMayHold) {
    ftp_stub stub({});
    setup.admit.most = 2;
    start({at(stub.port())});
    auto one = logged_in();
    auto two = logged_in();
    EXPECT_EQ(client().reply(), "421 Too many connections at the moment; try again later.");
}

TEST_F(Gate, StopsInGoodOrder) {
    ftp_stub stub({.files = {{"big", std::string(8'000'000, 'x')}}});
    start({at(stub.port())});
    auto idle = logged_in();
    auto busy = logged_in();
    auto data = busy.passive();
    EXPECT_EQ(busy.code("RETR big"), "150");
    stop_later(4s);
    EXPECT_EQ(idle.reply().substr(0, 3), "421");
    EXPECT_EQ(data.read_to_end().size(), 8'000'000U);
    EXPECT_EQ(busy.reply(), "226 done");
    EXPECT_EQ(busy.reply().substr(0, 3), "421");
    idle.control.close();
    busy.control.close();
    runner.join();
    EXPECT_EQ(counters.sessions_open.load(), 0U);
}

TEST_F(Gate, CutsWhatDoesNotEndInTime) {
    ftp_stub stub({.ends = testing::data_end::stays_open});
    start({at(stub.port())});
    auto c = logged_in();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    const auto begun = net::clock::now();
    stop(100ms);
    EXPECT_LT(net::clock::now() - begun, 2s);
}

TEST_F(Gate, RefusesSettingsThatCannotWork) {
    EXPECT_FALSE(gate(loops, {}, counters).start());
    setup.backends = {at(21)};
    setup.tls_required = true;
    EXPECT_FALSE(gate(loops, setup, counters).start());
}

}  // namespace
}  // namespace sallyport::gate
