// A gateway that would be its own backend, and backends without a free slot.

#include <sallyport/gate/gate_test.hpp>

#include <atomic>

#include <support/free_ports.hpp>

namespace sallyport::gate {
namespace {

class GateQueue : public gate_test {
protected:
    [[nodiscard]] std::size_t sessions() const { return gateway->backends().backends.at(0).sessions; }
};

// ---- The gateway itself (GW-09)

TEST_F(GateQueue, IsNoBackendOfItself_GW09) {
    const auto own_port = testing::free_ports(1).first;
    setup.listen = {{*ip_address::parse("0.0.0.0"), own_port}};
    for (const char* host : {"127.0.0.1", "127.0.0.9", "0.0.0.0"}) {
        setup.backends = {{host, own_port}};
        gateway = std::make_unique<gate>(loops, setup, counters);
        const auto started = gateway->start();
        ASSERT_FALSE(started) << host;
        EXPECT_EQ(started.error().code, errc::usage);
        EXPECT_NE(started.error().what.find("this gateway itself listens at"), std::string::npos);
    }
}

TEST_F(GateQueue, IsNoBackendOfItselfAfterAReload_GW09) {
    const ftp_stub server({});
    start({at(server.port())});
    const auto own_port = gateway->endpoints().at(0).port;
    auto wanted = setup;
    wanted.backends = {at(server.port()), at(own_port)};
    EXPECT_FALSE(reload(wanted));
    gateway->set_backends({at(own_port), at(server.port())});
    EXPECT_EQ(gateway->backends().backends.size(), 1U);
    auto c = logged_in();
    EXPECT_EQ(c.code("TYPE I"), "200");
}

// A name can be resolved to another address at any time.
TEST_F(GateQueue, DoesNotConnectToItselfByName_GW09) {
    const auto own_port = testing::free_ports(1).first;
    setup.listen = {{*ip_address::parse("127.0.0.1"), own_port}};
    setup.backends = {{"localhost", own_port}};
    start();
    auto c = client();
    EXPECT_EQ(c.reply(), "421 No FTP server is available; try again later.");
    EXPECT_EQ(counters.sessions_total.load(), 1U);
    EXPECT_NE(gateway->backends().backends.at(0).reason.find("this gateway itself listens there"), std::string::npos);
}

// ---- Backends without a free slot (G7)

TEST_F(GateQueue, ASessionWithoutUserYieldsItsSlot_G7) {
    const ftp_stub server({});
    setup.session_queue_timeout = 10s;
    start({at(server.port(), backend_tls::none, {.max_sessions = 2})});
    auto silent = client();
    EXPECT_EQ(silent.reply().substr(0, 3), "220");
    auto slow = client();
    EXPECT_EQ(slow.reply().substr(0, 3), "220");
    EXPECT_EQ(slow.code("USER bob"), "331");
    auto c = logged_in();
    EXPECT_EQ(silent.reply(), "421 All FTP servers are busy and you have not sent USER; connect again.");
    EXPECT_EQ(slow.code("PASS secret"), "230") << "a session with USER keeps its slot";
    EXPECT_EQ(c.code("TYPE I"), "200");
    EXPECT_EQ(sessions(), 2U);
}

TEST_F(GateQueue, AnyCommandRestartsTheWaitForUser_G7) {
    const ftp_stub server({});
    setup.session_queue_timeout = 10s;
    start({at(server.port(), backend_tls::none, {.max_sessions = 2})});
    auto first = client();
    first.reply();
    auto second = client();
    second.reply();
    EXPECT_EQ(first.code("FEAT"), "211");  // now the second one has been silent for longer
    auto c = logged_in();
    EXPECT_EQ(second.reply().substr(0, 3), "421");
    EXPECT_EQ(first.code("FEAT"), "211");
}

// A silent session is ended even without a queue.
TEST_F(GateQueue, SlotsAreYieldedWithoutAQueueToo_G7) {
    const ftp_stub server({});
    setup.session_queue_timeout = 0s;
    start({at(server.port(), backend_tls::none, {.max_sessions = 1})});
    auto silent = client();
    EXPECT_EQ(silent.reply().substr(0, 3), "220");
    auto early = client();
    EXPECT_EQ(early.reply().substr(0, 3), "421") << "no session has been silent for two seconds";
    EXPECT_TRUE(eventually([&] {
        auto next = client();
        return next.reply().starts_with("220");
    }));
    EXPECT_EQ(silent.reply().substr(0, 3), "421");
}

TEST_F(GateQueue, AClientThatLeavesBeforeTheGreetingGivesUpItsPlaceInTheQueue_G7) {
    const ftp_stub server({});
    // Longer than eventually() waits.
    setup.session_queue_timeout = 60s;
    start({at(server.port(), backend_tls::none, {.max_sessions = 1})});
    auto first = logged_in();
    auto left_queue = client();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    auto second = client();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 2; }));
    left_queue.control.close();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    first.control.close();
    EXPECT_EQ(second.reply().substr(0, 3), "220");
}

// A script may send everything at once and close its side for sending.
TEST_F(GateQueue, AClientThatHasOnlyFinishedSendingKeepsItsPlaceInTheQueue_G7) {
    const ftp_stub server({});
    setup.session_queue_timeout = 60s;
    start({at(server.port(), backend_tls::none, {.max_sessions = 1})});
    auto first = logged_in();
    auto script = client();
    script.control.send("USER bob\r\nPASS secret\r\nQUIT\r\n");
    script.control.finish();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    // Longer than the interval at which the queue looks for clients that have left.
    std::this_thread::sleep_for(2 * limits::queue_check_interval);
    EXPECT_EQ(gateway->backends().queued, 1U);
    first.control.close();
    for (const auto* code : {"220", "331", "230", "221"}) EXPECT_EQ(script.reply().substr(0, 3), code);
}

/// Greets this number of clients at a time; others get 421.
struct small_server {
    explicit small_server(int places) : free(places), server([this](blocking_socket& c) { serve(c); }) {}
    void serve(blocking_socket& c) {
        if (free.fetch_sub(1) <= 0) {
            c.send("421 There are too many connected users.\r\n");
        } else {
            c.send("220 Welcome.\r\n");
            while (!c.read_line().empty()) c.send("331 Go on.\r\n");
        }
        ++free;
    }
    std::atomic<int> free;
    scripted_server server;
};

TEST_F(GateQueue, ASlotIsYieldedAtABackendThatSends421Too_G7) {
    small_server full(1);
    start({at(full.server.port())});
    auto silent = client();
    EXPECT_EQ(silent.reply().substr(0, 3), "220");
    auto c = client();
    EXPECT_EQ(c.reply(), "220 Welcome.");
    EXPECT_EQ(silent.reply().substr(0, 3), "421");
    EXPECT_EQ(c.code("USER bob"), "331");
}

TEST_F(GateQueue, ABackendFullOfSessionsWithUserStaysFull_G7) {
    small_server full(1);
    setup.session_queue_timeout = 0s;
    start({at(full.server.port())});
    auto user = client();
    user.reply();
    EXPECT_EQ(user.code("USER bob"), "331");
    auto c = client();
    EXPECT_EQ(c.reply(), "421 All FTP servers are busy; try again later.");
    EXPECT_EQ(user.code("PASS secret"), "331");
}

TEST_F(GateQueue, AnotherBackendWithAFreeSlotIsUsedFirst_G7) {
    small_server full(0);
    const ftp_stub other({});
    auto spare = at(other.port());
    spare.parameters.priority = 1;
    start({at(full.server.port()), spare});
    auto c = logged_in();
    EXPECT_EQ(c.code("TYPE I"), "200");
}

TEST_F(GateQueue, ConnectsAtLoginIfConfigured_G7) {
    const ftp_stub server({});
    setup.connect_at_login = true;
    start({at(server.port(), backend_tls::none, {.max_sessions = 1})});
    auto silent = client();
    EXPECT_EQ(silent.reply(), "220 FTP service ready.");
    EXPECT_EQ(sessions(), 0U);
    auto c = logged_in();
    EXPECT_EQ(sessions(), 1U);
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_EQ(silent.code("NOOP"), "200");
}

}  // namespace
}  // namespace sallyport::gate
