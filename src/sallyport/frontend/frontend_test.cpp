#include <sallyport/frontend/frontend.hpp>

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

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;
using testing::blocking_socket;

/// The behavior of the sessions of a test, and counts of what was called.
struct session_behavior {
    bool ends_on_stop = true;
    bool ends_on_kill = true;
    std::atomic<int> stopped = 0;
    std::atomic<int> killed = 0;
    std::atomic<int> disconnected = 0;
};

/// Sends a greeting with the addresses it knows, then waits until it is stopped.
class test_session final : public session {
public:
    test_session(admitted_connection from, session_behavior& behavior)
        : session(from),
          socket_(from.loop, std::move(from.connection.socket), from.connection.local, from.connection.peer),
          greeting_("220 " + from.connection.peer.text() + " at " + from.client_destination.text() + "\r\n"),
          finished_(from.loop),
          behavior_(behavior) {}

    void stop() override {
        ++behavior_.stopped;
        if (behavior_.ends_on_stop) finished_.set();
    }
    void disconnect() override {
        ++behavior_.disconnected;
        stop();
    }
    void kill() override {
        ++behavior_.killed;
        if (behavior_.ends_on_kill) finished_.set();
    }
    [[nodiscard]] status::session_report describe() const override {
        status::session_report out;
        out.id = id();
        return out;
    }
    static net::task<> serve(std::shared_ptr<test_session> self) {
        (void)co_await self->socket_.write_all(self->greeting_, net::time_limit::within(5s));
        (void)co_await self->finished_.wait(net::deadline::max());
    }

private:
    net::stream socket_;
    std::string greeting_;
    net::event finished_;
    session_behavior& behavior_;
};

class frontend_test : public ::testing::Test {
protected:
    ~frontend_test() override {
        if (runner_.joinable()) stop(0ms);
    }

    void start(admission_rules rules = {}) {
        frontend_.emplace(loops_, rules, proxies_, nullptr, counters_);
        ASSERT_TRUE(frontend_->open(*endpoint::parse("127.0.0.1:0"), false));
        frontend_->run([this](admitted_connection from) {
            net::loop& loop = from.loop;
            loop.spawn("a session", test_session::serve(std::make_shared<test_session>(std::move(from), behavior_)));
        });
        runner_ = std::thread([this] { loops_.run(); });
    }

    /// Returns whether all sessions had ended.
    bool stop(std::chrono::milliseconds grace) {
        bool all = false;
        loops_.at(0).post([&] {
            frontend_->stop(grace, [&](bool all_ended) {
                all = all_ended;
                loops_.stop();
            });
        });
        runner_.join();
        return all;
    }

    [[nodiscard]] blocking_socket client() const { return blocking_socket::connect(frontend_->endpoints().at(0).port); }

    session_behavior behavior_;
    reach::trusted_proxies proxies_;
    status::counters counters_;
    net::loop_group loops_{2};
    std::optional<frontend> frontend_;
    std::thread runner_;
};

TEST_F(frontend_test, clients_over_the_limit_get_421) {
    start({.max_sessions = 2});
    auto first = client();
    auto second = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    EXPECT_TRUE(second.read_line().starts_with("220 "));
    auto third = client();
    EXPECT_TRUE(third.read_line().starts_with("421 Too many connections"));
    EXPECT_EQ(counters_.sessions_open.load(), 2U);
}

net::task<> store_snapshot(const frontend& of, net::loop& loop, std::promise<status::session_snapshot>& into) {
    into.set_value(co_await of.collect_snapshot(loop));
}

TEST_F(frontend_test, a_snapshot_has_every_session_of_every_loop) {  // G12
    start();
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 300; ++i) clients.push_back(client());
    for (auto& c : clients) EXPECT_TRUE(c.read_line().starts_with("220 "));
    std::promise<status::session_snapshot> snapshot;
    loops_.at(0).post([&] { loops_.at(0).spawn("snapshot", store_snapshot(*frontend_, loops_.at(0), snapshot)); });
    const auto found = snapshot.get_future().get();
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(found.sessions.size(), 300U);
}

net::task<> store_close_result(frontend& of, net::loop& loop, std::string id, std::promise<bool>& into) {
    into.set_value(co_await of.close_session(loop, std::move(id)));
}

TEST_F(frontend_test, one_session_can_be_closed_by_its_id) {  // G12
    start();
    std::vector<blocking_socket> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(client());
    for (auto& c : clients) EXPECT_TRUE(c.read_line().starts_with("220 "));
    std::promise<status::session_snapshot> snapshot;
    loops_.at(0).post([&] { loops_.at(0).spawn("snapshot", store_snapshot(*frontend_, loops_.at(0), snapshot)); });
    const auto id = snapshot.get_future().get().sessions.at(7).id;
    for (const auto& [session_id, found] : {std::pair(id, true), std::pair(std::string("unknown"), false)}) {
        std::promise<bool> ended;
        loops_.at(0).post(
            [&] { loops_.at(0).spawn("close", store_close_result(*frontend_, loops_.at(0), session_id, ended)); });
        EXPECT_EQ(ended.get_future().get(), found);
    }
    EXPECT_EQ(behavior_.disconnected.load(), 1);
}

TEST_F(frontend_test, one_address_has_its_own_limit) {
    start({.max_sessions = 10, .max_sessions_per_address = 1});
    auto first = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    auto second = client();
    EXPECT_TRUE(second.read_line().starts_with("421 "));
}

TEST_F(frontend_test, the_rate_of_new_sessions_is_limited_per_address) {  // RX-01
    start({.max_session_rate = 1000, .max_session_rate_per_address = 2});
    auto first = client();
    auto second = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    EXPECT_TRUE(second.read_line().starts_with("220 "));
    auto third = client();
    EXPECT_TRUE(third.read_line().starts_with("421 Too many new connections from your address"));
    auto neighbour = blocking_socket::connect(frontend_->endpoints().at(0).port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_TRUE(neighbour.read_line().starts_with("220 "));
    std::this_thread::sleep_for(550ms);
    auto later = client();
    EXPECT_TRUE(later.read_line().starts_with("220 "));
}

TEST_F(frontend_test, the_rate_of_all_new_sessions_is_limited) {
    start({.max_session_rate = 1});
    auto first = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    auto neighbour = blocking_socket::connect(frontend_->endpoints().at(0).port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_TRUE(neighbour.read_line().starts_with("421 Too many new connections; try again in a second."));
}

constexpr std::string_view header_of_client = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21\r\n";

TEST_F(frontend_test, a_load_balancer_passes_on_the_client_address) {
    proxies_.networks = {*ip_network::parse("127.0.0.0/8")};
    start();
    auto balanced = client();
    balanced.send(header_of_client);
    EXPECT_EQ(balanced.read_line(), "220 203.0.113.9:40000 at 198.51.100.1:21");
}

TEST_F(frontend_test, a_load_balancer_may_connect_for_itself) {
    proxies_.networks = {*ip_network::parse("127.0.0.1")};
    start();
    auto check = client();
    check.send("PROXY UNKNOWN\r\n");
    const auto greeting = check.read_line();
    EXPECT_TRUE(greeting.starts_with("220 127.0.0.1:")) << greeting;
    EXPECT_TRUE(greeting.ends_with(" at " + frontend_->endpoints().at(0).text())) << greeting;
}

TEST_F(frontend_test, a_load_balancer_without_a_header_is_closed) {
    proxies_.networks = {*ip_network::parse("127.0.0.1")};
    start();
    auto bare = client();
    bare.send("USER anonymous\r\n");
    EXPECT_EQ(bare.read_to_end(), "");
    EXPECT_EQ(counters_.sessions_total.load(), 0U);
}

TEST_F(frontend_test, headers_from_other_addresses_are_not_read) {
    proxies_.networks = {*ip_network::parse("10.0.0.0/8")};
    start();
    auto other = client();
    other.send(header_of_client);
    EXPECT_TRUE(other.read_line().starts_with("220 127.0.0.1:"));
}

TEST_F(frontend_test, limits_count_clients_and_not_their_load_balancer) {
    proxies_.networks = {*ip_network::parse("127.0.0.1")};
    start({.max_sessions = 10, .max_sessions_per_address = 1});
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

TEST_F(frontend_test, a_missing_header_delays_no_other_connection) {
    proxies_.networks = {*ip_network::parse("127.0.0.1")};
    start();
    auto silent = client();
    auto half = client();
    half.send(header_of_client.substr(0, 20));
    auto third = client();
    third.send(header_of_client);
    EXPECT_TRUE(third.read_line().starts_with("220 "));
    EXPECT_TRUE(stop(10s));  // it does not delay the daemon's stop either
}

TEST_F(frontend_test, OP09_sessions_that_stop_in_time_are_not_killed) {
    start();
    auto first = client();
    auto second = client();
    EXPECT_TRUE(first.read_line().starts_with("220 "));
    EXPECT_TRUE(second.read_line().starts_with("220 "));
    EXPECT_TRUE(stop(10s));
    EXPECT_EQ(behavior_.stopped, 2);
    EXPECT_EQ(behavior_.killed, 0);
    EXPECT_EQ(counters_.sessions_open.load(), 0U);
}

TEST_F(frontend_test, OP09_other_sessions_are_killed_after_the_grace_period) {
    behavior_.ends_on_stop = false;
    start();
    auto one = client();
    EXPECT_TRUE(one.read_line().starts_with("220 "));
    EXPECT_TRUE(stop(20ms));
    EXPECT_EQ(behavior_.killed, 1);
}

// A session that waits for a disk that does not respond can't be ended. The daemon must stop nevertheless, and report it.
TEST_F(frontend_test, a_session_that_cannot_be_killed_is_reported) {
    behavior_.ends_on_stop = behavior_.ends_on_kill = false;
    start();
    auto one = client();
    EXPECT_TRUE(one.read_line().starts_with("220 "));
    EXPECT_FALSE(stop(20ms));
}

TEST_F(frontend_test, a_port_in_use_is_named) {
    frontend first(loops_, {}, {}, nullptr, counters_);
    ASSERT_TRUE(first.open(*endpoint::parse("127.0.0.1:0"), false));
    frontend second(loops_, {}, {}, nullptr, counters_);
    const auto refused = second.open(first.endpoints().at(0), false);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find(first.endpoints().at(0).text()), std::string::npos);
}

// A socket of a service manager or of an old process is used for its own address only.
TEST_F(frontend_test, handed_sockets_are_matched_by_their_addresses) {
    std::vector<unique_fd> sockets;
    std::vector<endpoint> at;
    for (const char* address : {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"}) {
        sockets.push_back(std::move(*net::listener::bind(*endpoint::parse(address))));
        at.push_back(net::local_endpoint(sockets.back().get()));
    }
    frontend_.emplace(loops_, admission_rules{}, proxies_, nullptr, counters_);
    frontend_->adopt_sockets(std::move(sockets));
    const auto any_port = *endpoint::parse("127.0.0.1:0");
    ASSERT_TRUE(frontend_->open(std::vector{at[2], any_port}, std::vector{any_port}));
    EXPECT_EQ(frontend_->endpoints(), (std::vector{at[2], at[0], at[1]})) << "port 0 takes one port of that address";
    EXPECT_FALSE(net::listener::bind(at[3]));
    frontend_->run([](admitted_connection) {});
    EXPECT_TRUE(net::listener::bind(at[3])) << "it is closed, since no listener is configured there";
    frontend_.reset();
}

}  // namespace
}  // namespace sallyport::frontend
