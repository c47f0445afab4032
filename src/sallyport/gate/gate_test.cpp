// TLS on either leg, selection of backends, timeouts and limits.

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class Gate : public gate_test {};

// ---- TLS

TEST_F(Gate, TerminatesTlsForAPlainBackend_G10) {
    ftp_stub stub({});
    use_tls();
    setup.tls_required = true;
    setup.tls_reuse = net::tls_reuse::require;
    start({at(stub.port())});
    auto c = client();
    EXPECT_EQ(c.reply().substr(0, 3), "220");
    EXPECT_EQ(c.code("USER u"), "530");
    c.start_tls();
    c.send_password();
    for (int i = 0; i < 2; ++i) {
        auto data = c.passive();
        EXPECT_EQ(c.code("RETR file"), "150");
        ASSERT_TRUE(data.connect_tls(&c.control));
        EXPECT_TRUE(data.tls_resumed());
        EXPECT_EQ(data.read_to_end().size(), 420U);
        EXPECT_EQ(c.reply(), "226 done");
    }
    EXPECT_FALSE(stub.saw("AUTH") || stub.saw("PROT"));
    // A data connection with another TLS session is not this client's (TLS-04).
    auto other_session = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    other_session.connect_tls();
    EXPECT_EQ(c.reply().substr(0, 3), "522");
}

TEST_F(Gate, ServesTheClientThatResumesItsSessionAndNoOtherHost_TLS04) {
    ftp_stub stub({});
    use_tls();
    start({at(stub.port())});
    auto c = client();
    (void)c.reply();
    c.start_tls();
    c.send_password();
    const auto port = c.passive_port();
    auto first = blocking_socket::connect(port);
    std::string stolen;
    std::jthread other([&first, &stolen] {
        (void)first.connect_tls();
        stolen = first.read_to_end();
    });
    auto data = blocking_socket::connect(port);
    EXPECT_EQ(c.code("RETR file"), "150");
    std::this_thread::sleep_for(50ms);
    ASSERT_TRUE(data.connect_tls(&c.control));
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(c.reply(), "226 done");
    other.join();
    EXPECT_EQ(stolen, "");
    c.resume = false;
    EXPECT_EQ(c.download("RETR file").size(), 420U) << "it is served after a delay";
}

TEST_F(Gate, OffersNoTlsSessionsIfReuseIsOff_TLS04) {
    ftp_stub stub({});
    use_tls();
    setup.tls_reuse = net::tls_reuse::off;
    start({at(stub.port())});
    auto c = client();
    (void)c.reply();
    c.start_tls();
    c.send_password();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    ASSERT_TRUE(data.connect_tls(&c.control));
    EXPECT_FALSE(data.tls_resumed());
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(c.reply(), "226 done");
}

TEST_F(Gate, AcceptsImplicitTlsOnTheClientLeg) {
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

class GateBackendTls : public Gate, public ::testing::WithParamInterface<backend_tls> {};

TEST_P(GateBackendTls, UsesTlsOnTheBackendLeg) {
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

INSTANTIATE_TEST_SUITE_P(Both, GateBackendTls, ::testing::Values(backend_tls::explicit_, backend_tls::implicit));

TEST_F(Gate, RejectsABackendWithAnUnknownCertificate) {
    const auto made = net::make_self_signed({"127.0.0.1"}, 1);
    const testing::tls_identity identity(made->certificate, made->key);
    ftp_stub stub({.tls = &identity});
    setup.backend_tls = *net::tls_client_context::make({});
    start({at(stub.port(), backend_tls::explicit_)});
    EXPECT_EQ(client().reply().substr(0, 3), "421");
}

// ---- Selection of backends

TEST_F(Gate, TriesTheNextBackendAfterARefusalATimeoutOr421_G7) {
    ftp_stub good({});
    ftp_stub busy({.replies = {{"GREETING", "421 too many"}}});
    ftp_stub no_greeting({.replies = {{"GREETING", std::string(testing::stay_silent)}}});
    const testing::silent_port unresponsive;
    setup.backend_connect_timeout = 200ms;
    setup.balancing.policy = balancing_policy::round_robin;
    start({at(testing::refused_port()), at(unresponsive.port()), at(no_greeting.port()), at(busy.port()), at(good.port())});
    for (int i = 0; i < 5; ++i) {
        auto c = client();
        EXPECT_EQ(c.reply(), "220 stub ready");
    }
}

TEST_F(Gate, Sends421IfAllBackendsAreDown) {
    start({at(testing::refused_port()), at(testing::refused_port())});
    auto c = client();
    EXPECT_EQ(c.reply(), "421 No FTP server is available; try again later.");
    EXPECT_EQ(c.reply(), "");
}

TEST_F(Gate, DistributesSessionsEvenlyWithTheirData_G7) {
    std::vector<std::unique_ptr<ftp_stub>> stubs;
    std::vector<backend> backends;
    for (int i = 0; i < 3; ++i) {
        stubs.push_back(std::make_unique<ftp_stub>(behaviour{.files = {{"who", std::to_string(i)}}}));
        backends.push_back(at(stubs.back()->port()));
    }
    start(backends);
    std::vector<ftp_client> clients;
    for (int i = 0; i < 9; ++i) clients.push_back(logged_in());
    std::map<std::string, int> count_by_backend;
    for (auto& c : clients) {
        const auto who = c.download("RETR who");
        EXPECT_EQ(c.download("RETR who"), who);
        ++count_by_backend[who];
    }
    EXPECT_EQ(count_by_backend, (std::map<std::string, int>{{"0", 3}, {"1", 3}, {"2", 3}}));
}

TEST_F(Gate, QueuesAClientAndSends421AfterTheTimeout_G7) {
    ftp_stub stub({});
    setup.session_queue_timeout = 4s;
    start({at(stub.port(), backend_tls::none, {.max_sessions = 1})});
    auto first = logged_in();
    auto second = client();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    first.control.close();
    second.log_in();
    EXPECT_EQ(gateway->backends().backends[0].sessions_total, 2U);
    stop();

    setup.session_queue_timeout = 100ms;
    start();
    auto holds = logged_in();
    EXPECT_EQ(client().reply(), "421 All FTP servers are busy; try again later.");
    EXPECT_EQ(holds.code("NOOP"), "500");  // from the stub: this session was not affected
}

TEST_F(Gate, StopEndsTheQueue) {
    ftp_stub stub({});
    setup.session_queue_timeout = 30s;
    start({at(stub.port(), backend_tls::none, {.max_sessions = 1})});
    auto first = logged_in();
    auto second = client();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    stop_later(2s);
    EXPECT_EQ(second.reply(), "421 The service is shutting down; connect again later.");
    runner.join();
}

TEST_F(Gate, DrainsABackendWithoutDisturbingItsSessions_G7) {
    ftp_stub one({});
    ftp_stub two({.replies = {{"GREETING", "220 two"}}});
    start({at(one.port()), at(two.port())});
    auto stays = logged_in();
    gateway->set_backends({at(one.port(), backend_tls::none, {.state = backend_state::drain}), at(two.port())});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client().reply(), "220 two");
    EXPECT_EQ(stays.download("RETR file").size(), 420U);
    gateway->set_backends({at(one.port(), backend_tls::none, {.state = backend_state::drain}),
                           at(two.port(), backend_tls::none, {.state = backend_state::maintenance})});
    EXPECT_EQ(client().reply(), "421 All FTP servers are in maintenance; try again later.");
}

TEST_F(Gate, AddsAndRemovesBackendsAtRuntime_G7) {
    ftp_stub one({});
    ftp_stub two({.replies = {{"GREETING", "220 two"}}});
    setup.balancing.check = check_level::greeting;
    setup.checks.interval = 100ms;
    start({at(one.port())});
    auto stays = logged_in();
    gateway->set_backends({at(two.port())});
    EXPECT_EQ(gateway->backends().backends.size(), 2U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client().reply(), "220 two");
    EXPECT_EQ(stays.download("RETR file").size(), 420U);
    // Health checks follow the list.
    const auto checks_of = [](ftp_stub& stub) {
        const auto all = stub.commands();
        return std::ranges::count(all, "QUIT");
    };
    EXPECT_TRUE(eventually([&] { return checks_of(two) >= 2; }));
    const auto before = checks_of(one);
    const auto then = checks_of(two);
    EXPECT_TRUE(eventually([&] { return checks_of(two) >= then + 3; }));
    EXPECT_LE(checks_of(one), before + 1);  // a check that was in progress
    stays.control.close();
    EXPECT_TRUE(eventually([this] { return gateway->backends().backends.size() == 1; }));
    gateway->set_backends({at(one.port())});
    EXPECT_EQ(client().reply(), "220 stub ready");
}

// ---- Timeouts and limits

TEST_F(Gate, Sends421ToAnIdleClientButNotDuringATransfer_G5_G6) {
    ftp_stub stub({.ends = testing::data_end::stays_open});
    setup.idle_timeout = 1s;
    setup.stall_timeout = 10s;
    start({at(stub.port())});
    auto busy = logged_in();
    auto data = busy.passive();
    EXPECT_EQ(busy.code("RETR file"), "150");
    auto idle = logged_in();
    EXPECT_EQ(idle.reply(), "421 Idle timeout: no command for 1 s.");
    EXPECT_EQ(idle.reply(), "");
    EXPECT_TRUE(eventually([&stub] { return stub.saw("QUIT"); }));
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 1; }));
    EXPECT_EQ(counters.transfers_running.load(), 1U);
}

TEST_F(Gate, AppliesTheLoginTimeout) {
    ftp_stub stub({});
    setup.login_timeout = 1s;
    start({at(stub.port())});
    auto c = client();
    c.reply();
    EXPECT_EQ(c.reply(), "421 Login timeout: not logged in within 1 s.");
}

TEST_F(Gate, RejectsSessionsAboveTheLimit) {
    ftp_stub stub({});
    setup.admission.max_sessions = 2;
    start({at(stub.port())});
    auto one = logged_in();
    auto two = logged_in();
    EXPECT_EQ(client().reply(), "421 Too many connections; try again later.");
}

TEST_F(Gate, StopsGracefully) {
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

TEST_F(Gate, AbortsTransfersAfterTheStopTimeout) {
    ftp_stub stub({.ends = testing::data_end::stays_open});
    start({at(stub.port())});
    auto c = logged_in();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    const auto started_at = net::clock::now();
    stop(100ms);
    EXPECT_LT(net::clock::now() - started_at, 2s);
}

TEST_F(Gate, RefusesInvalidSettings) {
    EXPECT_FALSE(gate(loops, {}, counters).start());
    setup.backends = {at(21)};
    setup.tls_required = true;
    EXPECT_FALSE(gate(loops, setup, counters).start());
}

}  // namespace
}  // namespace sallyport::gate
