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

/// A client's connection, its other end, and what has become of it.
struct caller {
    unique_fd theirs;
    std::optional<net::accepted> greeted;
    bool sorted = false;

    void say(std::string_view bytes) const {
        EXPECT_EQ(::write(theirs.get(), bytes.data(), bytes.size()), std::ssize(bytes));
    }
    [[nodiscard]] bool is_closed() const {
        char byte = 0;
        return ::recv(theirs.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
    }
};

/// A session that waits for its data connection.
struct waiting {
    std::optional<errc> failed;
    std::optional<endpoint> got;
};

net::task<> sort_one(single_port& ports, net::loop& home, net::accepted came, door_kind at, caller& c) {
    c.greeted = co_await ports.sort(home, std::move(came), at);
    c.sorted = true;
}

net::task<> wait_one(reservation& from, waiting& w) {
    auto got = co_await from.wait(net::time_limit::within(5s));
    if (got)
        w.got = got->peer;
    else
        w.failed = got.error().code;
}

class SinglePort : public testing::Test {
protected:
    void open(single_port_settings settings) { ports.emplace(settings, server, counters); }

    result<reservation> expect(const std::string& session, const std::string& tls_id = "", const ip_address& from = office) {
        return ports->expect(
            {.home = home, .client = from, .port = port, .told = port, .session = session, .tls_id = tls_id});
    }
    caller& come(const ip_address& from = office, door_kind at = door_kind::control) {
        std::array<int, 2> pair{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
        auto& c = callers.emplace_back();
        c.theirs = unique_fd(pair[1]);
        ++last_port;
        home.spawn("caller", sort_one(*ports, home, {unique_fd(pair[0]), {{}, port}, {from, last_port}}, at, c));
        turn(5ms);
        return c;
    }
    [[nodiscard]] endpoint last() const { return {office, last_port}; }
    waiting& begin(result<reservation>& promised, bool protect = false) {
        auto& w = waiters.emplace_back();
        promised->begin(protect);
        home.spawn("session", wait_one(*promised, w));
        return w;
    }
    void turn(net::clock::duration time = 100ms) {
        for (const auto end = net::clock::now() + time; net::clock::now() < end; std::this_thread::sleep_for(1ms)) {
            home.context().restart();
            home.context().run_for(1ms);
        }
    }

    const net::tls_server_context server = net::made_up_server();
    const net::foreign_tls_client tls{TLS1_3_VERSION};
    net::loop_group loops{1};
    net::loop& home = loops.at(0);
    status::counters counters;
    std::optional<single_port> ports;
    std::list<caller> callers;
    std::list<waiting> waiters;
    std::uint16_t last_port = 40000;
};

TEST(SinglePortSettings, AreControlOrAPort) {
    EXPECT_TRUE(single_port_settings::parse("control")->control);
    EXPECT_EQ(single_port_settings::parse("443")->port, 443);
    for (const auto* text : {"", "0", "contrl", "1-2", "70000"}) EXPECT_FALSE(single_port_settings::parse(text)) << text;
}

// ---- G8, plain, on a port of its own

TEST_F(SinglePort, TheNextConnectionOfTheAddressIsTheData) {
    open({.port = port});
    auto one = expect("one");
    auto apart = expect("apart", "", other);
    ASSERT_TRUE(one && apart) << "addresses are told apart";
    auto& stranger = come(*ip_address::parse("198.51.100.9"), door_kind::data);
    EXPECT_TRUE(stranger.sorted && stranger.is_closed());
    come(office, door_kind::data);
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.got, last());
    EXPECT_TRUE(come(office, door_kind::data).is_closed()) << "exactly one";
    EXPECT_FALSE(begin(apart).got);
}

TEST_F(SinglePort, OnePlainExpectationOfAnAddressAtATime) {
    open({.port = port});
    auto one = expect("one");
    const auto two = expect("two");
    ASSERT_FALSE(two);
    EXPECT_EQ(two.error().code, errc::busy);
    EXPECT_NE(two.error().text().find("another session from your address"), std::string::npos);
    come(office, door_kind::data);
    EXPECT_TRUE(expect("two")) << "the first one has its connection";
}

// A connection that comes late must not become another user's.
TEST_F(SinglePort, AnUnusedExpectationBarsOtherSessionsForAWhile) {
    open({.port = port, .rest = 80ms});
    (void)expect("one");
    EXPECT_EQ(expect("two").error().code, errc::busy);
    EXPECT_TRUE(expect("one")) << "its own client's stray connection harms nobody else";
    turn(100ms);
    EXPECT_TRUE(expect("two"));
}

// ---- G8, plain, on the control port

TEST_F(SinglePort, WithoutAnExpectationAConnectionIsANewClientAtOnce) {
    open({.control = true});
    auto one = expect("one", "", other);
    EXPECT_TRUE(come().greeted);
}

TEST_F(SinglePort, ExactlyOneConnectionBeforeTheCommandIsTheData) {
    open({.control = true});
    auto one = expect("one");
    const auto& data = come();
    EXPECT_FALSE(data.sorted) << "it could be either";
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.got, last());
    EXPECT_FALSE(data.greeted);
    EXPECT_TRUE(come().greeted) << "and the next one is a new client";
}

// Which one belongs to the session nobody can tell: neither gets its data.
TEST_F(SinglePort, OfTwoConnectionsNoneIsTheData) {
    open({.control = true});
    auto one = expect("one");
    const auto& first = come();
    const auto& second = come();
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.failed, errc::exhausted);
    EXPECT_TRUE(first.greeted && second.greeted) << "one of them is a new client";
}

TEST_F(SinglePort, AConnectionAfterTheCommandIsANewClient) {
    open({.control = true});
    auto one = expect("one");
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.failed, errc::exhausted);
    EXPECT_TRUE(come().greeted);
}

// lftp asks for FEAT before it has been greeted; who sends a file waits for 150.
TEST_F(SinglePort, WhoSpeaksFirstIsANewClient) {
    open({.control = true});
    auto one = expect("one");
    const auto& lftp = come();
    const auto& data = come();
    const auto at = last();
    lftp.say("FEAT\r\n");
    turn(20ms);
    EXPECT_TRUE(lftp.greeted);
    EXPECT_FALSE(data.sorted);
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.got, at) << "it was alone in saying nothing";
}

TEST_F(SinglePort, TlsThatNobodyExpectsIsClosed) {
    open({.control = true});
    auto one = expect("one");
    const auto& stray = come();
    stray.say(tls.hello());
    turn(20ms);
    EXPECT_TRUE(stray.is_closed());
    come();
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.got, last());
}

TEST_F(SinglePort, NobodyWaitsForItsGreetingForLong) {
    open({.control = true, .hold = 50ms});
    auto one = expect("one");
    const auto& client = come();
    EXPECT_FALSE(client.sorted);
    turn(500ms);
    EXPECT_TRUE(client.greeted);
    const auto& w = begin(one);
    turn();
    EXPECT_EQ(w.failed, errc::exhausted) << "after that the transfer is refused";
}

// ---- G8, TLS

TEST_F(SinglePort, AResumedSessionNamesItsSessionAmongManyOfOneAddress) {
    open({.control = true});
    auto one = expect("one", "id 1");
    auto two = expect("two", "id 2");
    ASSERT_TRUE(one && two);
    EXPECT_TRUE(one->by_tls());
    const auto session_one = tls.session_with(server, "id 1");
    const auto session_two = tls.session_with(server, "id 2");
    const auto& w1 = begin(one, true);
    const auto& w2 = begin(two, true);
    const auto& for_two = come();
    const auto at_two = last();
    const auto& for_one = come();
    const auto at_one = last();
    const auto& new_client = come();
    for_one.say(tls.hello(session_one.get()));
    const auto hello = tls.hello(session_two.get());
    for_two.say(hello.substr(0, 100));
    turn(20ms);
    EXPECT_FALSE(new_client.sorted) << "it could still be the other's";
    for_two.say(hello.substr(100));
    turn();
    EXPECT_EQ(w1.got, at_one);
    EXPECT_EQ(w2.got, at_two);
    EXPECT_TRUE(new_client.greeted);
}

// TLS-04: from the same address, at the right moment, and yet nothing to be had.
TEST_F(SinglePort, WhoResumesNothingGetsNothing) {
    open({.control = true});
    auto one = expect("one", "id 1");
    auto two = expect("two", "id 2");
    const auto& w1 = begin(one, true);
    const auto& w2 = begin(two, true);
    const auto& thief = come();
    thief.say(tls.hello());
    turn(20ms);
    EXPECT_TRUE(thief.is_closed());
    EXPECT_FALSE(w1.failed || w2.failed) << "they still wait for their own";
    const auto& strange = come();
    strange.say(tls.hello(tls.session_with(server, "id 3").get()));
    turn(20ms);
    EXPECT_TRUE(strange.is_closed());
}

TEST_F(SinglePort, WhereOneAloneWaitsItIsToldWhatItsClientLacks) {
    open({.port = port});
    auto one = expect("one", "id 1");
    const auto& w = begin(one, true);
    come(office, door_kind::data).say(tls.hello());
    turn();
    EXPECT_EQ(w.failed, errc::tls_not_resumed);
}

TEST_F(SinglePort, OnAnImplicitTlsPortAnotherHelloIsANewClient) {
    open({.control = true});
    auto one = expect("one", "id 1");
    const auto& w = begin(one, true);
    const auto& client = come(office, door_kind::implicit_tls);
    client.say(tls.hello());
    const auto& data = come(office, door_kind::implicit_tls);
    data.say(tls.hello(tls.session_with(server, "id 1").get()));
    turn();
    EXPECT_TRUE(client.greeted);
    EXPECT_EQ(w.got, last());
}

TEST_F(SinglePort, TlsComesBeforePlain) {
    open({.port = port});
    auto plain = expect("plain");
    const auto& w = begin(plain);
    auto one = expect("one", "id 1");
    ASSERT_TRUE(one);
    turn();
    EXPECT_EQ(w.failed, errc::exhausted);
    EXPECT_EQ(expect("plain").error().code, errc::busy) << "while TLS connections may come";
}

// Both kinds, begun or not; what comes meanwhile is a new client of the old program's or of the new one's.
TEST_F(SinglePort, AfterItWasLeftToASuccessorNothingIsExpected) {
    open({.control = true});
    auto one = expect("one");
    auto two = expect("two", "tls two", other);
    const auto& w = begin(one);
    ports->leave();
    turn();
    EXPECT_EQ(w.failed, errc::exhausted);
    const auto& late = begin(two, true);
    turn();
    EXPECT_EQ(late.failed, errc::exhausted);
    EXPECT_FALSE(expect("one"));
    EXPECT_TRUE(come().greeted);
}

TEST_F(SinglePort, ProtectionMustNotChangeInBetween) {
    open({.port = port});
    auto one = expect("one", "id 1");
    const auto& w = begin(one, false);
    turn();
    EXPECT_EQ(w.failed, errc::exhausted);
}

}  // namespace
}  // namespace sallyport::reach
