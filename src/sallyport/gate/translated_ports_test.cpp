#include <sallyport/gate/translated_ports.hpp>

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace sallyport::gate {
namespace {

const auto server = *ip_address::parse("203.0.113.5");
const auto translated = *ip_address::parse("198.51.100.1");

TEST(TranslatedPorts, AreRandomAndNoneOfAService_G3) {
    translated_ports ports;
    const auto first = ports.reserve(server, translated);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->at().address, translated);
    EXPECT_GE(first->at().port, 1024);
    translated_ports others;
    const auto second = others.reserve(server, translated);
    EXPECT_NE(first->at().port, second->at().port) << "once in 64,512 runs";
}

TEST(TranslatedPorts, EachIsGivenOnceForAServer) {
    translated_ports ports;
    std::vector<translated_ports::reservation> all;
    std::set<std::uint16_t> numbers;
    for (int i = 0; i < 65536 - 1024; ++i) {
        auto got = ports.reserve(server, translated);
        ASSERT_TRUE(got);
        numbers.insert(got->at().port);
        all.push_back(std::move(*got));
    }
    EXPECT_EQ(numbers.size(), all.size());
    const auto none = ports.reserve(server, translated);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::exhausted);
    EXPECT_TRUE(ports.reserve(translated, translated)) << "another server";

    const auto released = all.back().at();
    all.pop_back();
    const auto again = ports.reserve(server, translated);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->at(), released);
}

TEST(TranslatedPorts, AReservationMayOutliveThem) {
    translated_ports::reservation kept;
    {
        translated_ports ports;
        kept = std::move(*ports.reserve(server, translated));
    }
    EXPECT_EQ(kept.at().address, translated);
}

}  // namespace
}  // namespace sallyport::gate
