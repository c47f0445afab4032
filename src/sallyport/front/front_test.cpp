#include <sallyport/front/front.hpp>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sallyport/net/event.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream.hpp>
#include <support/blocking_socket.hpp>

namespace sallyport::front {
namespace {

using namespace std::chrono_literals;
using testing::blocking_socket;

/// What the sessions of a test do and what became of them.
struct behaviour {
    bool obeys_stop = true;
    bool obeys_kill = true;
    std::atomic<int> stopped = 0;
    std::atomic<int> killed = 0;
    std::atomic<int> dismissed = 0;
};

/// Greets by the addresses it knows, then waits until it is told to end.
class test_session final : public session {
public:
    test_session(arrival from, behaviour& how)
        : session(from),
          socket_(from.home, std::move(from.connection.socket), from.connection.local, from.connection.peer),
          greeting_("220 " + from.connection.peer.text() + " at " + from.reached.text() + "\r\n"),
          over_(from.home),
          how_(how) {}

    void stop() override {
        ++how_.stopped;
        if (how_.obeys_stop) over_.set();
    }
    void dismiss() override {
        ++how_.dismissed;
        stop();
    }
    void kill() override {
        ++how_.killed;
        if (how_.obeys_kill) over_.set();
    }
    [[nodiscard]] status::session_report describe() const override {
        status::session_report out;
        out.id = id();
        return out;
    }
    static net::task<> serve(std::shared_ptr<test_session> self) {
        (void)co_await self->socket_.write_all(self->greeting_, net::time_limit::within(5s));
        (void)co_await self->over_.wait(net::deadline::max());
    }

private:
    net::stream socket_;
    std::string greeting_;
    net::event over_;
    behaviour& how_;
};

class front_test : public ::testing::Test {
protected:
    ~front_test() override {
        if (runner_.joinable()) stop(0ms);
    }

    void start(admission_rules rules = {}) {
        front_.emplace(loops_, rules, proxies_, nullptr, counters_);
        ASSERT_TRUE(front_->open(*endpoint::parse("127.0.0.1:0"), false));
        front_->run([this](arrival from) {
            net::loop& home = from.home;
            home.spawn("a session", test_session::serve(std::make_shared<test_session>(std::move(from), how_)));
        });
        runner_ = std::thread([this] { loops_.run(); });
    }

    /// Whether all sessions had ended when it was done.
    bool stop(std::chrono::milliseconds grace) {
        bool all = false;
        loops_.at(0).post([&] {
            front_->stop(grace, [&](bool all_ended) {
                all = all_ended;
                loops_.stop();
            });
        });
        runner_.join();
        return all;
    }

    [[nodiscard]] blocking_socket client() const { return blocking_socket::connect(front_->endpoints().at(0).port); }

    behaviour how_;
    reach::proxy_trust proxies_;
    status::counters counters_;
    net::loop_group loops_{2};
    std::optional<front> front_;
    std::thread runner_;
};

TEST_F(front_test, who_is_over_the_limit_hears_421) {
    start({.most = 2});
    auto first = client();
    auto second = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    EXPECT_TRUE(second.read_line().starts_with("220 "));
    auto third = client();
    EXPECT_TRUE(third.read_line().starts_with("421 Too many connections"));
    EXPECT_EQ(counters_.sessions_open.load(), 2U);
}

net::task<> keep_survey(const front& of, net::loop& here, std::promise<status::session_survey>& into) {
    into.set_value(co_await of.survey(here));
}

TEST_F(front_test, a_survey_asks_every_session_of_every_loop) {  // G12
    start();
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 300; ++i) clients.push_back(client());
    for (auto& c : clients) EXPECT_TRUE(c.read_line().starts_with("220 "));
    std::promise<status::session_survey> told;
    loops_.at(0).post([&] { loops_.at(0).spawn("survey", keep_survey(*front_, loops_.at(0), told)); });
    const auto found = told.get_future().get();
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(found.sessions.size(), 300U);
}

net::task<> keep_end(front& of, net::loop& here, std::string id, std::promise<bool>& into) {
    into.set_value(co_await of.end_session(here, std::move(id)));
}

TEST_F(front_test, one_session_can_be_ended_by_its_id) {  // G12
    start();
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(client());
    for (auto& c : clients) EXPECT_TRUE(c.read_line().starts_with("220 "));
    std::promise<status::session_survey> told;
    loops_.at(0).post([&] { loops_.at(0).spawn("survey", keep_survey(*front_, loops_.at(0), told)); });
    const auto id = told.get_future().get().sessions.at(7).id;
    for (const auto& [which, found] : {std::pair(id, true), std::pair(std::string("nobody"), false)}) {
        std::promise<bool> ended;
        loops_.at(0).post([&] { loops_.at(0).spawn("end", keep_end(*front_, loops_.at(0), which, ended)); });
        EXPECT_EQ(ended.get_future().get(), found);
    }
    EXPECT_EQ(how_.dismissed.load(), 1);
}

TEST_F(front_test, one_address_has_its_own_limit) {
    start({.most = 10, .most_per_address = 1});
    auto first = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    auto second = client();
    EXPECT_TRUE(second.read_line().starts_with("421 "));
}

TEST_F(front_test, new_sessions_come_no_faster_than_allowed) {  // RX-01
    start({.per_second = 1000, .per_second_per_address = 2});
    auto first = client();
    auto second = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    EXPECT_TRUE(second.read_line().starts_with("220 "));
    auto third = client();
    EXPECT_TRUE(third.read_line().starts_with("421 Too many new connections from your address"));
    auto neighbour = blocking_socket::connect(front_->endpoints().at(0).port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_TRUE(neighbour.read_line().starts_with("220 "));
    std::this_thread::sleep_for(550ms);
    auto later = client();
    EXPECT_TRUE(later.read_line().starts_with("220 "));
}

TEST_F(front_test, new_sessions_of_all_addresses_have_a_rate_as_well) {
    start({.per_second = 1});
    auto first = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    auto neighbour = blocking_socket::connect(front_->endpoints().at(0).port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_TRUE(neighbour.read_line().starts_with("421 Too many new connections at the moment"));
}

constexpr std::string_view header_of_client = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21\r\n";

TEST_F(front_test, a_trusted_address_says_who_its_client_is) {
    proxies_.from = {*ip_network::parse("127.0.0.0/8")};
    start();
    auto balanced = client();
    balanced.send(header_of_client);
    EXPECT_EQ(balanced.read_line(), "220 203.0.113.9:40000 at 198.51.100.1:21");
}

TEST_F(front_test, a_trusted_address_may_speak_for_itself) {
    proxies_.from = {*ip_network::parse("127.0.0.1")};
    start();
    auto check = client();
    check.send("PROXY UNKNOWN\r\n");
    const auto greeting = check.read_line();
    EXPECT_TRUE(greeting.starts_with("220 127.0.0.1:")) << greeting;
    EXPECT_TRUE(greeting.ends_with(" at " + front_->endpoints().at(0).text())) << greeting;
}

TEST_F(front_test, a_trusted_address_gets_nowhere_without_a_header) {
    proxies_.from = {*ip_network::parse("127.0.0.1")};
    start();
    auto bare = client();
    bare.send("USER anonymous\r\n");
    EXPECT_EQ(bare.read_to_end(), "");
    EXPECT_EQ(counters_.sessions_total.load(), 0U);
}

TEST_F(front_test, nobody_else_is_heard_before_its_session) {
    proxies_.from = {*ip_network::parse("10.0.0.0/8")};
    start();
    auto stranger = client();
    stranger.send(header_of_client);
    EXPECT_TRUE(stranger.read_line().starts_with("220 127.0.0.1:"));
}

TEST_F(front_test, the_limit_is_on_clients_not_on_their_balancer) {
    proxies_.from = {*ip_network::parse("127.0.0.1")};
    start({.most = 10, .most_per_address = 1});
    auto first = client();
    first.send(header_of_client);
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    auto other = client();
    other.send("PROXY TCP4 203.0.113.10 198.51.100.1 40000 21\r\n");
    EXPECT_TRUE(other.read_line().starts_with("220 "));
    auto again = client();
    again.send(header_of_client);
    EXPECT_TRUE(again.read_line().starts_with("421 "));
}

TEST_F(front_test, one_that_sends_no_header_keeps_nobody_waiting) {
    proxies_.from = {*ip_network::parse("127.0.0.1")};
    start();
    auto silent = client();
    auto half = client();
    half.send(header_of_client.substr(0, 20));
    auto third = client();
    third.send(header_of_client);
    EXPECT_TRUE(third.read_line().starts_with("220 "));
    EXPECT_TRUE(stop(10s));  // nor the daemon's end
}

TEST_F(front_test, OP09_sessions_that_end_when_told_are_not_killed) {
    start();
    auto first = client();
    auto second = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    EXPECT_TRUE(second.read_line().starts_with("220 "));
    EXPECT_TRUE(stop(10s));
    EXPECT_EQ(how_.stopped, 2);
    EXPECT_EQ(how_.killed, 0);
    EXPECT_EQ(counters_.sessions_open.load(), 0U);
}

TEST_F(front_test, OP09_the_others_are_killed_after_the_grace) {
    how_.obeys_stop = false;
    start();
    auto one = client();
    EXPECT_TRUE(one.read_line().starts_with("220 "));
    EXPECT_TRUE(stop(20ms));
    EXPECT_EQ(how_.killed, 1);
}

// A session that waits for a dead disk can't be ended; the daemon must end all the same and know of it.
TEST_F(front_test, one_that_cannot_be_ended_is_told_of) {
    how_.obeys_stop = how_.obeys_kill = false;
    start();
    auto one = client();
    EXPECT_TRUE(one.read_line().starts_with("220 "));
    EXPECT_FALSE(stop(20ms));
}

TEST_F(front_test, a_port_in_use_is_named) {
    front first(loops_, {}, {}, nullptr, counters_);
    ASSERT_TRUE(first.open(*endpoint::parse("127.0.0.1:0"), false));
    front second(loops_, {}, {}, nullptr, counters_);
    const auto refused = second.open(first.endpoints().at(0), false);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find(first.endpoints().at(0).text()), std::string::npos);
}

// What a service manager or an old process has opened is used at its own address, and nowhere else.
TEST_F(front_test, handed_sockets_are_matched_by_their_addresses) {
    std::vector<unique_fd> sockets;
    std::vector<endpoint> at;
    for (const char* address : {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"}) {
        sockets.push_back(std::move(*net::listener::bind(*endpoint::parse(address))));
        at.push_back(net::local_endpoint(sockets.back().get()));
    }
    front_.emplace(loops_, admission_rules{}, proxies_, nullptr, counters_);
    front_->inherit(std::move(sockets));
    const auto any_port = *endpoint::parse("127.0.0.1:0");
    ASSERT_TRUE(front_->open(std::vector{at[2], any_port}, std::vector{any_port}));
    EXPECT_EQ(front_->endpoints(), (std::vector{at[2], at[0], at[1]})) << "port 0 takes one port of that address";
    EXPECT_FALSE(net::listener::bind(at[3]));
    front_->run([](arrival) {});
    EXPECT_TRUE(net::listener::bind(at[3])) << "nothing is to be listened on there: closed";
    front_.reset();
}

}  // namespace
}  // namespace sallyport::front
