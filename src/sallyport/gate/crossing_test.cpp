// Openings for the data connections of intercepted sessions.

#include <sallyport/gate/crossing.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

constexpr auto lifetime = 30s;

/// A router whose NAT makes this address of a client's.
class substitute_router final : public firewall::router {
public:
    explicit substitute_router(result<ip_address> seen) : seen_(std::move(seen)) {}
    [[nodiscard]] result<unique_fd> client_socket(int /*client_control*/) override { return fail(errc::misuse); }
    [[nodiscard]] result<ip_address> translated_address(int /*backend_control*/) override { return seen_; }

private:
    const result<ip_address> seen_;
};

ip_address address(std::string_view text) { return *ip_address::parse(text); }
endpoint at(std::string_view text) { return *endpoint::parse(text); }

result<firewall::opening> open(proto::leg from, std::string_view to, substitute_router& machine) {
    return crossing_opening(from, at(to), {address("192.168.1.2"), address("203.0.113.5")}, machine, lifetime);
}

TEST(Crossing, LetsThePassiveClientReachTheServerUntranslated_G2) {
    substitute_router machine(fail(errc::misuse));
    const auto got = open(proto::leg::client, "203.0.113.5:40000", machine);
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, (firewall::opening{address("192.168.1.2"), at("203.0.113.5:40000"), at("203.0.113.5:40000"),
                                       address("192.168.1.2"), lifetime}));
}

TEST(Crossing, TellsTheServerTheTranslatedAddressAndARandomPort_G3) {
    substitute_router machine(address("198.51.100.1"));
    const auto first = open(proto::leg::backend, "192.168.1.2:6000", machine);
    const auto second = open(proto::leg::backend, "192.168.1.2:6000", machine);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->client, address("203.0.113.5"));
    EXPECT_EQ(first->listen.address, address("198.51.100.1"));
    EXPECT_GE(first->listen.port, 1024);
    EXPECT_NE(first->listen.port, second->listen.port) << "once in 64,512 runs";
    EXPECT_EQ(first->forward_to, at("192.168.1.2:6000"));
    EXPECT_EQ(first->source, address("203.0.113.5"));
}

TEST(Crossing, LeavesThePortOfTheClientWithoutNat_G3) {
    substitute_router machine(address("192.168.1.2"));
    const auto got = open(proto::leg::backend, "192.168.1.2:6000", machine);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->listen, at("192.168.1.2:6000"));
    EXPECT_EQ(got->forward_to, got->listen);
}

TEST(Crossing, FailsIfTheTranslationIsUnknown) {
    substitute_router machine(fail(errc::closed, "forgotten"));
    const auto got = open(proto::leg::backend, "192.168.1.2:6000", machine);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().what, "forgotten");
}

}  // namespace
}  // namespace sallyport::gate
