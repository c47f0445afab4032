#include <sallyport/reach/external_ports.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

constexpr port_range local_ports{50000, 50009};

result<external_ports> parse(std::vector<std::string> texts, port_range range = local_ports) {
    return external_ports::parse(texts, range);
}

TEST(ExternalPorts, AreTheLocalPortsWithoutAMapping) {
    const auto none = parse({});
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
    EXPECT_EQ(none->of(50003), 50003);
}

// S3
TEST(ExternalPorts, ARangeAloneMapsThePassivePortRange) {
    const auto mapped = parse({"60000-60009"});
    ASSERT_TRUE(mapped) << mapped.error().text();
    EXPECT_EQ(mapped->of(50000), 60000);
    EXPECT_EQ(mapped->of(50009), 60009);
    EXPECT_EQ(mapped->of(21), 21);
}

// S3
TEST(ExternalPorts, TheFirstMappingOfAPortWins) {
    const auto mapped = parse({"50004=443", "50000-50009=60000-60009", "21=2121"});
    ASSERT_TRUE(mapped) << mapped.error().text();
    EXPECT_EQ(mapped->of(50004), 443);
    EXPECT_EQ(mapped->of(50005), 60005);
    EXPECT_EQ(mapped->of(21), 2121);
}

TEST(ExternalPorts, InvalidMappingsAreRefused) {
    for (const auto* text : {"", "=", "60000-", "x=60000", "50000=0", "50000=70000", "60009-60000", "50000=60000=70000"})
        EXPECT_FALSE(parse({text})) << text;
    const auto size = parse({"60000-60010"});
    ASSERT_FALSE(size);
    EXPECT_NE(size.error().text().find("11"), std::string::npos) << size.error().text();
    EXPECT_FALSE(parse({"60000-60009"}, {})) << "the local ports are missing";
    EXPECT_FALSE(parse({"50000=50001"})) << "50001 would be advertised for two ports";
}

}  // namespace
}  // namespace sallyport::reach
