#include <sallyport/gate/own_ends.hpp>

#include <future>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

endpoint at(const char* text) { return *endpoint::parse(text); }
ip_address ip(const char* text) { return *ip_address::parse(text); }

// GW-09: whatever way there is to name oneself.
TEST(ComesTo, KnowsEveryNameOfThisMachine) {
    struct row {
        const char* listener;
        const char* to;
        bool ours;
    };
    const std::vector<ip_address> machine{ip("127.0.0.1"), ip("::1"), ip("192.0.2.7"), ip("2001:db8::7"), ip("fe80::7%1")};
    for (const auto& [listener, to, ours] : {
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
        EXPECT_EQ(comes_to({at("127.0.0.1:2000"), at(listener)}, machine, at(to)), ours) << listener << ' ' << to;
    }
    EXPECT_FALSE(comes_to({}, machine, at("127.0.0.1:21")));
}

TEST(OwnEnds, LooksAtBackendsThatAreNamedByAnAddress) {
    own_ends own;
    own.listen_at({at("0.0.0.0:2121")});
    const auto refused = [&](const backend& b) { return !own.none_of({b}); };
    EXPECT_TRUE(refused({"127.0.0.1", 2121}));
    EXPECT_FALSE(refused({"127.0.0.1", 2122}));
    EXPECT_FALSE(refused({"localhost", 2121})) << "what a name means is found out when it is connected to";
    backend by_record{"server.example", 2121};
    by_record.addresses = {ip("198.51.100.1"), ip("127.0.0.1")};
    EXPECT_TRUE(refused(by_record));
    const auto said = own.none_of({{"198.51.100.1", 2121}, {"127.0.0.1", 2121}});
    ASSERT_FALSE(said);
    EXPECT_EQ(said.error().what,
              "backend ftp://127.0.0.1:2121: this gateway itself listens at 127.0.0.1:2121; use the address and port of the "
              "FTP server");
}

TEST(OwnEnds, KnowsItsLegsForAsLongAsTheyAreHeld) {
    own_ends own;
    const auto local = at("192.0.2.7:40000");
    const auto one = at("198.51.100.1:21");
    const auto other = at("198.51.100.2:21");
    EXPECT_FALSE(own.is_leg(local, one));
    auto first = own.hold(local, one);
    {
        const auto second = own.hold(local, other);
        const auto moved = std::move(first);
        EXPECT_TRUE(own.is_leg(local, one));
        EXPECT_TRUE(own.is_leg(local, other));
        EXPECT_FALSE(own.is_leg(at("192.0.2.7:40001"), one));
        EXPECT_FALSE(own.is_leg(local, at("192.0.2.7:21"))) << "a client's, that has the same port by chance";
    }
    EXPECT_FALSE(own.is_leg(local, one));
    first = own.hold(local, one);
    EXPECT_TRUE(own.is_leg(local, one));
    first = {};
    EXPECT_FALSE(own.is_leg(local, one));
}

// On one machine a connection can be accepted before whoever makes it knows its own end.
TEST(OwnEnds, WaitsForAConnectionThatIsBeingMade) {
    own_ends own;
    const auto local = at("192.0.2.7:40000");
    auto connecting = own.connecting();
    auto answer = std::async(std::launch::async, [&] { return own.is_leg(local, at("192.0.2.7:21")); });
    const auto leg = own.hold(local, at("192.0.2.7:21"));
    connecting.unlock();
    EXPECT_TRUE(answer.get());
}

TEST(OwnEnds, LegsMayOutliveIt) {
    own_ends::leg kept;
    {
        own_ends own;
        kept = own.hold(at("192.0.2.7:40000"), at("192.0.2.8:21"));
    }
}

}  // namespace
}  // namespace sallyport::gate
