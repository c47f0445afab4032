#include <sallyport/gate/self_connection_guard.hpp>

#include <future>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

endpoint at(const char* text) { return *endpoint::parse(text); }
ip_address ip(const char* text) { return *ip_address::parse(text); }

// GW-09: every address that reaches the gateway itself.
TEST(ReachesListener, RecognizesEveryAddressOfThisMachine) {
    struct row {
        const char* listener;
        const char* to;
        bool reaches;
    };
    const std::vector<ip_address> machine{ip("127.0.0.1"), ip("::1"), ip("192.0.2.7"), ip("2001:db8::7"), ip("fe80::7%1")};
    for (const auto& [listener, to, reaches] : {
             row{"127.0.0.1:21", "127.0.0.1:21", true},    row{"127.0.0.1:21", "127.0.0.1:22", false},
             row{"127.0.0.1:21", "127.0.0.2:21", false},   row{"127.0.0.1:21", "192.0.2.7:21", false},
             row{"127.0.0.1:21", "0.0.0.0:21", true},      row{"192.0.2.7:21", "0.0.0.0:21", false},
             row{"192.0.2.7:21", "192.0.2.7:21", true},    row{"192.0.2.7:21", "192.0.2.8:21", false},
             row{"0.0.0.0:21", "192.0.2.7:21", true},      row{"0.0.0.0:21", "127.9.9.9:21", true},
             row{"0.0.0.0:21", "0.0.0.0:21", true},        row{"0.0.0.0:21", "192.0.2.8:21", false},
             row{"0.0.0.0:21", "[2001:db8::7]:21", false}, row{"0.0.0.0:21", "[::1]:21", false},
             row{"[::]:21", "[2001:db8::7]:21", true},     row{"[::]:21", "192.0.2.7:21", true},
             row{"[::]:21", "127.0.0.1:21", true},         row{"[::]:21", "[fe80::7%2]:21", true},
             row{"[::]:21", "[2001:db8::8]:21", false},    row{"[::1]:21", "[::]:21", true},
             row{"[::1]:21", "127.0.0.1:21", false},
         }) {
        EXPECT_EQ(reaches_listener({at("127.0.0.1:2000"), at(listener)}, machine, at(to)), reaches) << listener << ' ' << to;
    }
    EXPECT_FALSE(reaches_listener({}, machine, at("127.0.0.1:21")));
}

TEST(SelfConnectionGuard, ChecksBackendsGivenByAddress) {
    self_connection_guard guard;
    guard.set_listeners({at("0.0.0.0:2121")});
    const auto refused = [&](const backend& b) { return !guard.check_not_self({b}); };
    EXPECT_TRUE(refused({"127.0.0.1", 2121}));
    EXPECT_FALSE(refused({"127.0.0.1", 2122}));
    EXPECT_FALSE(refused({"localhost", 2121})) << "names are checked when they are resolved";
    backend by_record{"server.example", 2121};
    by_record.addresses = {ip("198.51.100.1"), ip("127.0.0.1")};
    EXPECT_TRUE(refused(by_record));
    const auto outcome = guard.check_not_self({{"198.51.100.1", 2121}, {"127.0.0.1", 2121}});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().what,
              "backend ftp://127.0.0.1:2121: this gateway itself listens at 127.0.0.1:2121; use the address and port of the "
              "FTP server");
}

TEST(SelfConnectionGuard, RecognizesRegisteredConnections) {
    self_connection_guard guard;
    const auto local = at("192.0.2.7:40000");
    const auto one = at("198.51.100.1:21");
    const auto other = at("198.51.100.2:21");
    EXPECT_FALSE(guard.is_from_gateway(local, one));
    auto first = guard.register_connection(local, one);
    {
        const auto second = guard.register_connection(local, other);
        const auto moved = std::move(first);
        EXPECT_TRUE(guard.is_from_gateway(local, one));
        EXPECT_TRUE(guard.is_from_gateway(local, other));
        EXPECT_FALSE(guard.is_from_gateway(at("192.0.2.7:40001"), one));
        EXPECT_FALSE(guard.is_from_gateway(local, at("192.0.2.7:21"))) << "a client with the same address and port";
    }
    EXPECT_FALSE(guard.is_from_gateway(local, one));
    first = guard.register_connection(local, one);
    EXPECT_TRUE(guard.is_from_gateway(local, one));
    first = {};
    EXPECT_FALSE(guard.is_from_gateway(local, one));
}

// On one machine a connection can be accepted before the connecting thread knows its local end.
TEST(SelfConnectionGuard, WaitsForAConnectionInProgress) {
    self_connection_guard guard;
    const auto local = at("192.0.2.7:40000");
    auto connecting = guard.connecting();
    auto answer = std::async(std::launch::async, [&] { return guard.is_from_gateway(local, at("192.0.2.7:21")); });
    const auto registration = guard.register_connection(local, at("192.0.2.7:21"));
    connecting.unlock();
    EXPECT_TRUE(answer.get());
}

TEST(SelfConnectionGuard, RegistrationsMayOutliveIt) {
    self_connection_guard::registration held;
    {
        self_connection_guard guard;
        held = guard.register_connection(at("192.0.2.7:40000"), at("192.0.2.8:21"));
    }
}

}  // namespace
}  // namespace sallyport::gate
