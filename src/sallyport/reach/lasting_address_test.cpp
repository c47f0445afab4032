#include <sallyport/reach/lasting_address.hpp>

#include <algorithm>

#include <gtest/gtest.h>
#include <linux/if_addr.h>

namespace sallyport::reach {
namespace {

ip_address at(const char* text) { return *ip_address::parse(text); }

constexpr unsigned lan = 2;
const auto stable = at("2a01:4f8:77::10");
const auto temporary = at("2a01:4f8:77::dead");

// RFC 8981
TEST(LastingAddress, TheKernelsChoiceIfItLasts) {
    const std::vector<interface_address> all{{temporary, lan, IFA_F_TEMPORARY}, {stable, lan, IFA_F_PERMANENT}};
    EXPECT_EQ(lasting_address(all, stable), stable);
}

TEST(LastingAddress, TheStableOneInPlaceOfOneThatPasses) {
    for (const auto flag : {IFA_F_TEMPORARY, IFA_F_DEPRECATED, IFA_F_TENTATIVE, IFA_F_DADFAILED, IFA_F_OPTIMISTIC}) {
        const std::vector<interface_address> all{{temporary, lan, static_cast<std::uint32_t>(flag)},
                                                 {at("2a01:4f8:99::10"), lan, 0},
                                                 {stable, lan, IFA_F_PERMANENT},
                                                 {at("2a01:4f8:77::11"), lan + 1, 0},
                                                 {at("fe80::10"), lan, 0}};
        EXPECT_EQ(lasting_address(all, temporary), stable) << "in the same network, of the same interface";
    }
}

TEST(LastingAddress, NothingIfAllPass) {
    const std::vector<interface_address> all{{temporary, lan, IFA_F_TEMPORARY},
                                             {stable, lan, IFA_F_DEPRECATED},
                                             {at("fd00::10"), lan, 0},
                                             {at("fe80::10"), lan, 0},
                                             {at("2a01:4f8:77::11"), lan + 1, 0}};
    EXPECT_FALSE(lasting_address(all, temporary));
    EXPECT_FALSE(lasting_address({}, temporary)) << "it is not this machine's any more";
}

// RFC 4862 section 5.4
TEST(LastingAddress, ALinkLocalAddressIsPendingWhileItMayBeAnotherHosts) {
    const interface_address checked{at("fe80::10"), lan, IFA_F_PERMANENT | IFA_F_TENTATIVE};
    EXPECT_TRUE(is_link_local_pending(std::vector{checked, interface_address{stable, lan, IFA_F_NODAD}}, lan));
    EXPECT_FALSE(is_link_local_pending(std::vector{checked}, lan + 1));
    EXPECT_FALSE(is_link_local_pending(std::vector{checked, interface_address{at("fe80::11"), lan, IFA_F_PERMANENT}}, lan))
        << "another one is ready";
    EXPECT_FALSE(is_link_local_pending(std::vector{interface_address{at("fe80::10"), lan, IFA_F_PERMANENT}}, lan));
    EXPECT_FALSE(is_link_local_pending(std::vector{interface_address{stable, lan, IFA_F_TENTATIVE}}, lan));
    EXPECT_FALSE(
        is_link_local_pending(std::vector{interface_address{at("fe80::10"), lan, IFA_F_TENTATIVE | IFA_F_DADFAILED}}, lan))
        << "it will not be ready";
}

TEST(LastingAddress, TheKernelListsThem) {
    const auto all = list_ipv6_addresses();
    ASSERT_TRUE(all) << all.error().text();
    for (const auto& each : *all) EXPECT_TRUE(each.address.is_v6() && each.interface != 0) << each.address.text();
}

}  // namespace
}  // namespace sallyport::reach
