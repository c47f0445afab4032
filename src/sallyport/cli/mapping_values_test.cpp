#include <sallyport/cli/mapping_values.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using enum reach::mapping_protocol;

TEST(MappingValues, ProtocolsHaveTheOrderInWhichTheyAreNamed) {
    EXPECT_THAT(parse_mapping_protocols("true").value(), ElementsAre(pcp, natpmp, upnp));
    EXPECT_THAT(parse_mapping_protocols("upnp,pcp").value(), ElementsAre(upnp, pcp));
    for (const auto* wrong : {"igd", "pcp,pcp", "PCP", "pcp,,upnp"}) {
        const auto got = parse_mapping_protocols(wrong);
        ASSERT_FALSE(got) << wrong;
        EXPECT_THAT(got.error().what, HasSubstr("--map")) << wrong;
    }
}

TEST(MappingValues, StunServersHaveAPort) {
    const auto got = parse_stun_servers({"stun.example.org", "5.9.1.2:19302"});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ((*got)[0].text(), "stun.example.org:3478");
    EXPECT_EQ((*got)[1].text(), "5.9.1.2:19302");
    EXPECT_THAT(parse_stun_servers({"a:0"}).error().what, HasSubstr("--stun a:0"));
    EXPECT_THAT(parse_stun_servers({"a", "b", "c", "d", "e"}).error().what, HasSubstr("at most 4"));
}

}  // namespace
}  // namespace sallyport::cli
