#include <sallyport/gate/failed_methods.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;
using proto::data_method;

[[nodiscard]] session_peers between(std::string_view client, std::string_view server) {
    return {*ip_address::parse(client), *ip_address::parse(server)};
}

TEST(FailedMethods, AreThoseOfTheSamePeers_G8) {
    failed_methods known;
    const net::deadline now{1h};
    const auto one = between("192.0.2.1", "198.51.100.1");
    known.note(one, data_method::port, now);
    EXPECT_EQ(known.find(one, now), data_method::port);
    EXPECT_EQ(known.find(between("192.0.2.2", "198.51.100.1"), now), std::nullopt);
    EXPECT_EQ(known.find(between("192.0.2.1", "198.51.100.2"), now), std::nullopt);
    known.note(one, std::nullopt, now);
    EXPECT_EQ(known.find(one, now), data_method::port) << "a session without a failure";
    known.note(one, data_method::epsv, now);
    EXPECT_EQ(known.find(one, now), data_method::epsv);
}

TEST(FailedMethods, AreTriedAgain) {
    failed_methods known;
    const net::deadline now{1h};
    const auto one = between("192.0.2.1", "2001:db8::1");
    known.note(one, data_method::eprt, now);
    known.note(one, data_method::eprt, now + 9min);
    EXPECT_EQ(known.find(one, now + 9min), data_method::eprt);
    EXPECT_EQ(known.find(one, now + 10min), std::nullopt);
    known.note(one, data_method::eprt, now + 11min);
    EXPECT_EQ(known.find(one, now + 20min), data_method::eprt);
}

TEST(FailedMethods, AreLimitedInNumber) {
    failed_methods known;
    const net::deadline now{1h};
    const auto client = [](std::uint32_t number) {
        const auto byte = [number](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
        return session_peers{ip_address::v4({10, byte(16), byte(8), byte(0)}), ip_address::v4({198, 51, 100, 1})};
    };
    for (std::uint32_t i = 0; i < 10000; ++i) known.note(client(i), data_method::port, now);
    EXPECT_TRUE(known.find(client(0), now));
    EXPECT_FALSE(known.find(client(9999), now));
    known.note(client(9999), data_method::port, now + 1h);
    EXPECT_TRUE(known.find(client(9999), now + 1h)) << "the others have ended";
}

}  // namespace
}  // namespace sallyport::gate
