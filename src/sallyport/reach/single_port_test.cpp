#include <sallyport/reach/single_port.hpp>

#include <list>
#include <thread>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include <sallyport/net/tls_hello_test.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

const ip_address office = *ip_address::parse("198.51.100.7");
const ip_address other = *ip_address::parse("198.51.100.8");
constexpr std::uint16_t port = 21;

/// A client's end of a connection, and how the connection was classified.
struct client_connection {
    unique_fd peer_end;
    std::optional<net::accepted_connection> new_client;
    bool is_classified = false;

    void send(std::string_view bytes) const {
        EXPECT_EQ(::write(peer_end.get(), bytes.data(), bytes.size()), std::ssize(bytes));
    }
    [[nodiscard]] bool is_closed() const {
        char byte = 0;
        return ::recv(peer_end.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
    }
};

/// A session that waits for its data connection.
struct waiting_session {
    std::optional<errc> failed;
    std::optional<endpoint> got;
};

net::task<> classify_one(single_port& ports, net::loop& loop, net::accepted_connection connection, listener_kind kind,
                         client_connection& c) {
    c.new_client = co_await ports.classify(loop, std::move(connection), kind);
    c.is_classified = true;
}

net::task<> wait_one(port_reservation& from, waiting_session& w) {
    auto got = co_await from.wait(net::time_limit::within(5s));
    if (got)
        w.got = got->peer;
    else
        w.failed = got.error().code;
}

class SinglePort : public testing::Test {
protected:
    void open(single_port_settings settings) { ports.emplace(loops, settings, server, counters); }

    result<port_reservation> reserve(const std::string& session, const std::string& tls_session_context = "",
                                     const ip_address& from = office) {
        return ports->reserve({.loop = loop,
                               .client = from,
                               .port = port,
                               .advertised_port = port,
                               .session = session,
                               .tls_session_context = tls_session_context});
    }
    client_connection& connect(const ip_address& from = office, listener_kind kind = listener_kind::control,
                               std::size_t accepted_by = 0) {
        std::array<int, 2> pair{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
        auto& c = clients.emplace_back();
        c.peer_end = unique_fd(pair[1]);
        ++last_port;
        auto& on = loops.at(accepted_by);
        on.spawn("client", classify_one(*ports, on, {unique_fd(pair[0]), {{}, port}, {from, last_port}}, kind, c));
        run_loop(5ms);
        return c;
    }
    [[nodiscard]] endpoint last() const { return {office, last_port}; }
    waiting_session& start(result<port_reservation>& reserved, bool protect = false) {
        auto& w = sessions.emplace_back();
        reserved->on_transfer_start(protect);
        loop.spawn("session", wait_one(*reserved, w));
        return w;
    }
    void run_loop(net::clock::duration time = 100ms) { run_loops(time, loops.size()); }
    /// The first `count`.
    void run_loops(net::clock::duration time, std::size_t count) {
        for (const auto end = net::clock::now() + time; net::clock::now() < end; std::this_thread::sleep_for(1ms)) {
            for (std::size_t i = 0; i < count; ++i) {
                loops.at(i).context().restart();
                loops.at(i).context().run_for(1ms);
            }
        }
    }

    const net::tls_server_context server = net::made_up_server();
    const net::memory_tls_client tls{TLS1_3_VERSION};
    net::loop_group loops{2};
    net::loop& loop = loops.at(0);
    status::counters counters;
    std::optional<single_port> ports;
    std::list<client_connection> clients;
    std::list<waiting_session> sessions;
    std::uint16_t last_port = 40000;
};

TEST(SinglePortSettings, AcceptControlOrAPort) {
    EXPECT_TRUE(single_port_settings::parse("control")->control);
    EXPECT_EQ(single_port_settings::parse("443")->port, 443);
    for (const auto* text : {"", "0", "contrl", "1-2", "70000"}) EXPECT_FALSE(single_port_settings::parse(text)) << text;
}

// ---- G8, plain, on a port of its own

TEST_F(SinglePort, TheNextConnectionFromTheAddressIsData) {
    open({.port = port});
    auto one = reserve("one");
    auto apart = reserve("apart", "", other);
    ASSERT_TRUE(one && apart) << "each address has its own reservation";
    auto& unexpected = connect(*ip_address::parse("198.51.100.9"), listener_kind::data);
    EXPECT_TRUE(unexpected.is_classified && unexpected.is_closed());
    connect(office, listener_kind::data);
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.got, last());
    EXPECT_TRUE(connect(office, listener_kind::data).is_closed()) << "exactly one connection is delivered";
    EXPECT_FALSE(start(apart).got);
}

TEST_F(SinglePort, OnePlainReservationPerAddressAtATime) {
    open({.port = port});
    auto one = reserve("one");
    const auto two = reserve("two");
    ASSERT_FALSE(two);
    EXPECT_EQ(two.error().code, errc::port_refused);
    EXPECT_NE(two.error().text().find("another session from your address"), std::string::npos);
    connect(office, listener_kind::data);
    EXPECT_TRUE(reserve("two")) << "the first session has its connection";
}

// A late connection must not be delivered to another user's session.
TEST_F(SinglePort, AnUnusedReservationBlocksOtherSessionsDuringTheCooldown) {
    open({.port = port, .cooldown = 80ms});
    (void)reserve("one");
    EXPECT_EQ(reserve("two").error().code, errc::port_refused);
    EXPECT_TRUE(reserve("one")) << "a late connection of its own client affects no other session";
    run_loop(100ms);
    EXPECT_TRUE(reserve("two"));
}

// ---- G8, plain, on the control port

TEST_F(SinglePort, WithoutAReservationAConnectionIsANewClientAtOnce) {
    open({.control = true});
    auto one = reserve("one", "", other);
    EXPECT_TRUE(connect().new_client);
}

TEST_F(SinglePort, ExactlyOneConnectionBeforeTheCommandIsData) {
    open({.control = true});
    auto one = reserve("one");
    const auto& data = connect();
    EXPECT_FALSE(data.is_classified) << "it could be either";
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.got, last());
    EXPECT_FALSE(data.new_client);
    EXPECT_TRUE(connect().new_client) << "and the next one is a new client";
}

// The two cannot be distinguished, so neither gets the session's data.
TEST_F(SinglePort, OfTwoConnectionsNoneIsData) {
    open({.control = true});
    auto one = reserve("one");
    const auto& first = connect();
    const auto& second = connect();
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.failed, errc::port_refused);
    EXPECT_TRUE(first.new_client && second.new_client) << "one of them is a new client";
}

TEST_F(SinglePort, AConnectionAfterTheCommandIsANewClient) {
    open({.control = true});
    auto one = reserve("one");
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.failed, errc::port_refused);
    EXPECT_TRUE(connect().new_client);
}

// It was in the queue of a listener whose loop did not run, as on a busy machine.
TEST_F(SinglePort, AConnectionThatIsAcceptedLateIsData) {
    open({.control = true});
    auto one = reserve("one");
    const auto& w = start(one);
    run_loops(100ms, 1);
    EXPECT_FALSE(w.failed);
    connect(office, listener_kind::control, 1);
    run_loop();
    EXPECT_EQ(w.got, last());
}

// lftp sends FEAT before it is greeted; a client that uploads waits for 150.
TEST_F(SinglePort, AClientThatSendsFirstIsANewClient) {
    open({.control = true});
    auto one = reserve("one");
    const auto& lftp = connect();
    const auto& data = connect();
    const auto at = last();
    lftp.send("FEAT\r\n");
    run_loop(20ms);
    EXPECT_TRUE(lftp.new_client);
    EXPECT_FALSE(data.is_classified);
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.got, at) << "it was the only connection that sent nothing";
}

TEST_F(SinglePort, AClientHelloWithoutAReservationIsClosed) {
    open({.control = true});
    auto one = reserve("one");
    const auto& stray = connect();
    stray.send(tls.hello());
    run_loop(20ms);
    EXPECT_TRUE(stray.is_closed());
    connect();
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.got, last());
}

TEST_F(SinglePort, ANewClientIsGreetedAfterMaxWait) {
    open({.control = true, .max_wait = 50ms});
    auto one = reserve("one");
    const auto& client = connect();
    EXPECT_FALSE(client.is_classified);
    run_loop(500ms);
    EXPECT_TRUE(client.new_client);
    const auto& w = start(one);
    run_loop();
    EXPECT_EQ(w.failed, errc::port_refused) << "after that the transfer is refused";
}

// ---- G8, TLS

TEST_F(SinglePort, AResumedTlsSessionIdentifiesTheSession) {
    open({.control = true});
    auto one = reserve("one", "id 1");
    auto two = reserve("two", "id 2");
    ASSERT_TRUE(one && two);
    EXPECT_TRUE(one->identified_by_tls());
    const auto session_one = tls.session_with(server, "id 1");
    const auto session_two = tls.session_with(server, "id 2");
    const auto& w1 = start(one, true);
    const auto& w2 = start(two, true);
    const auto& for_two = connect();
    const auto at_two = last();
    const auto& for_one = connect();
    const auto at_one = last();
    const auto& new_client = connect();
    for_one.send(tls.hello(session_one.get()));
    const auto hello = tls.hello(session_two.get());
    for_two.send(hello.substr(0, 100));
    run_loop(20ms);
    EXPECT_FALSE(new_client.is_classified) << "it could still be the other session's";
    for_two.send(hello.substr(100));
    run_loop();
    EXPECT_EQ(w1.got, at_one);
    EXPECT_EQ(w2.got, at_two);
    EXPECT_TRUE(new_client.new_client);
}

// TLS-04: a connection from the same address, at the right moment, gets no data without the TLS session.
TEST_F(SinglePort, AConnectionThatResumesNoTlsSessionIsClosed) {
    open({.control = true});
    auto one = reserve("one", "id 1");
    auto two = reserve("two", "id 2");
    const auto& w1 = start(one, true);
    const auto& w2 = start(two, true);
    const auto& thief = connect();
    thief.send(tls.hello());
    run_loop(20ms);
    EXPECT_TRUE(thief.is_closed());
    EXPECT_FALSE(w1.failed || w2.failed) << "both sessions still wait";
    const auto& other_session = connect();
    other_session.send(tls.hello(tls.session_with(server, "id 3").get()));
    run_loop(20ms);
    EXPECT_TRUE(other_session.is_closed());
}

TEST_F(SinglePort, ASingleWaitingSessionFailsWithTlsNotResumed) {
    open({.port = port});
    auto one = reserve("one", "id 1");
    const auto& w = start(one, true);
    connect(office, listener_kind::data).send(tls.hello());
    run_loop();
    EXPECT_EQ(w.failed, errc::tls_not_resumed);
}

TEST_F(SinglePort, OnAnImplicitTlsPortAnyOtherHelloIsANewClient) {
    open({.control = true});
    auto one = reserve("one", "id 1");
    const auto& w = start(one, true);
    const auto& client = connect(office, listener_kind::implicit_tls);
    client.send(tls.hello());
    const auto& data = connect(office, listener_kind::implicit_tls);
    data.send(tls.hello(tls.session_with(server, "id 1").get()));
    run_loop();
    EXPECT_TRUE(client.new_client);
    EXPECT_EQ(w.got, last());
}

TEST_F(SinglePort, ATlsReservationReplacesAPlainOne) {
    open({.port = port});
    auto plain = reserve("plain");
    const auto& w = start(plain);
    auto one = reserve("one", "id 1");
    ASSERT_TRUE(one);
    run_loop();
    EXPECT_EQ(w.failed, errc::port_refused);
    EXPECT_EQ(reserve("plain").error().code, errc::port_refused) << "while TLS connections may arrive";
}

// Reservations of both kinds fail, with or without a transfer command; a connection that arrives afterwards is a new client.
TEST_F(SinglePort, AfterStopReservationsFail) {
    open({.control = true});
    auto one = reserve("one");
    auto two = reserve("two", "tls two", other);
    const auto& w = start(one);
    ports->stop();
    run_loop();
    EXPECT_EQ(w.failed, errc::port_refused);
    const auto& late = start(two, true);
    run_loop();
    EXPECT_EQ(late.failed, errc::port_refused);
    EXPECT_FALSE(reserve("one"));
    EXPECT_TRUE(connect().new_client);
}

TEST_F(SinglePort, ProtectionMustNotChangeAfterTheReservation) {
    open({.port = port});
    auto one = reserve("one", "id 1");
    const auto& w = start(one, false);
    run_loop();
    EXPECT_EQ(w.failed, errc::port_refused);
}

}  // namespace
}  // namespace sallyport::reach
