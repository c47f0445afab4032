#include <sallyport/gate/outside_ports.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::gate {
namespace {

const auto server = *ip_address::parse("203.0.113.5");
const auto outside = *ip_address::parse("198.51.100.1");

TEST(OutsidePorts, AreRandomAndNoneOfAService_G3) {
    outside_ports ports;
    const auto first = ports.reserve(server, outside);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->at().address, outside);
    EXPECT_GE(first->at().port, 1024);
    outside_ports others;
    const auto second = others.reserve(server, outside);
    EXPECT_NE(first->at().port, second->at().port) << "once in 64,512 runs";
}

TEST(OutsidePorts, EachIsGivenOnceForAServer) {
    outside_ports ports;
    std::vector<outside_ports::reservation> all;
    std::set<std::uint16_t> numbers;
    for (int i = 0; i < 65536 - 1024; ++i) {
        auto got = ports.reserve(server, outside);
        ASSERT_TRUE(got);
        numbers.insert(got->at().port);
        all.push_back(std::move(*got));
    }
    EXPECT_EQ(numbers.size(), all.size());
    const auto none = ports.reserve(server, outside);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::exhausted);
    EXPECT_TRUE(ports.reserve(outside, outside)) << "another server";

    const auto released = all.back().at();
    all.pop_back();
    const auto again = ports.reserve(server, outside);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->at(), released);
}

TEST(OutsidePorts, AReservationMayOutliveThem) {
    outside_ports::reservation kept;
    {
        outside_ports ports;
        kept = std::move(*ports.reserve(server, outside));
    }
    EXPECT_EQ(kept.at().address, outside);
}

}  // namespace
}  // namespace sallyport::gate
