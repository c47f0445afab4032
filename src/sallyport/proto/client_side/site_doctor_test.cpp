#include <sallyport/proto/client_side/site_doctor.hpp>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {
namespace {

using testing::SizeIs;

site_doctor_facts known() {
    site_doctor_facts out;
    out.own = {.peer = *endpoint::parse("192.0.2.1:4000"),
               .negotiated = "PORT 192,0,2,1,15,161",
               .data = {.source = endpoint::parse("[2001:db8::1]:4001"),
                        .others = {*ip_address::parse("192.0.2.2"), *ip_address::parse("192.0.2.3")}}};
    out.others = {{.peer = *endpoint::parse("192.0.2.1:4002"), .negotiated = {}, .data = {}},
                  {.peer = *endpoint::parse("192.0.2.1:4003"),
                   .negotiated = "229 Entering Extended Passive Mode (|||5000|)",
                   .data = {.source = endpoint::parse("192.0.2.1:4004"), .others = {*ip_address::parse("192.0.2.9")}}}};
    return out;
}

// D6, CL-08
TEST(SiteDoctor, IsReadAsItIsWritten) {
    const auto written = site_doctor_reply(known());
    const auto read = parse_site_doctor(written);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, known());
}

TEST(SiteDoctor, HasNothingThatAHelperRewrites) {
    const auto written = site_doctor_reply(known());
    for (std::size_t i = 1; i + 1 < written.lines.size(); ++i)
        EXPECT_TRUE(std::ranges::none_of(written.lines[i], is_digit)) << written.lines[i];
}

TEST(SiteDoctor, IsBounded) {
    auto much = known();
    much.own.negotiated = "EPRT " + std::string(5000, '1');
    much.own.data.others.resize(100, *ip_address::parse("192.0.2.2"));
    much.others.assign(100, much.own);
    const auto written = site_doctor_reply(much);
    EXPECT_THAT(written.lines, SizeIs(2 + 7 * (1 + max_other_sessions)));
    for (const auto& line : written.lines) EXPECT_LT(line.size(), 540U);
    const auto read = parse_site_doctor(written);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->own.negotiated.size(), 256U);
    EXPECT_THAT(read->own.data.others, SizeIs(4));
    EXPECT_THAT(read->others, SizeIs(max_other_sessions));
}

TEST(SiteDoctor, OtherRepliesAreNone) {
    for (const auto& wrong : {reply{504, {"SITE supports only HELP."}}, reply{211, {"Status:", " peer aa", "End"}},
                              reply{211, {"Doctor", "End."}}, reply{211, {"Doctor", " peer aaa", "End."}},
                              reply{211, {"Doctor", " peer zz", "End."}}, reply{211, {"Doctor", " peer dbdb", "End."}}})
        EXPECT_FALSE(parse_site_doctor(wrong)) << wrong.full_text();
}

}  // namespace
}  // namespace sallyport::proto
