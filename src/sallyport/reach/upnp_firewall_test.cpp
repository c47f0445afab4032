#include <sallyport/reach/upnp_firewall.hpp>

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sallyport/net/net_test.hpp>
#include <sallyport/reach/upnp_test_service.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;
using actions = std::vector<std::string>;

const ip_address loopback = *ip_address::parse("::1");

class UpnpFirewall : public net::net_test {
protected:
    result<std::uint16_t> open(const test_service& at, std::optional<std::uint16_t> known = {}) {
        return run(open_in_firewall(test_loop(), at.service(), {loopback, 2121}, 3600s, known));
    }
    result<void> check(const std::string& status) {
        const test_service at({{"GetFirewallStatus", status}}, loopback);
        return run(check_upnp_firewall(test_loop(), at.service(), loopback));
    }
};

// S3
TEST_F(UpnpFirewall, OpensAPortForAllHostsToThisOne) {
    test_service router({{"AddPinhole", "<UniqueID>65535</UniqueID>"}}, loopback);
    EXPECT_EQ(open(router).value(), 65535);
    const auto request = router.requests().at(0);
    for (const auto* part : {"<RemoteHost></RemoteHost><RemotePort>0</RemotePort>",
                             "<InternalClient>::1</InternalClient><InternalPort>2121</InternalPort>",
                             "<Protocol>6</Protocol><LeaseTime>3600</LeaseTime>"})
        EXPECT_TRUE(request.contains(part)) << request;
}

TEST_F(UpnpFirewall, RenewsAnOpeningByItsNumber) {
    test_service router({{"UpdatePinhole", ""}, {"AddPinhole", "<UniqueID>8</UniqueID>"}}, loopback);
    EXPECT_EQ(open(router, 7).value(), 7);
    EXPECT_EQ(router.actions(), actions{"UpdatePinhole"});
}

TEST_F(UpnpFirewall, MakesAForgottenOpeningAgain) {
    for (const auto* refusal : {"<errorCode>704</errorCode>", "<errorCode>606</errorCode>"}) {
        test_service router({{"UpdatePinhole", refusal}, {"AddPinhole", "<UniqueID>8</UniqueID>"}}, loopback);
        EXPECT_EQ(open(router, 7).value(), 8);
        EXPECT_EQ(router.actions(), (actions{"UpdatePinhole", "AddPinhole"}));
    }
}

TEST_F(UpnpFirewall, RefusalsAndAnswersWithoutANumberAreErrors) {
    test_service unwilling({{"AddPinhole", "<errorCode>606</errorCode>"}}, loopback);
    EXPECT_EQ(open(unwilling).error().code, errc::rejected);
    EXPECT_EQ(open(unwilling, 7).error().code, errc::rejected);
    for (const auto* answer : {"", "<UniqueID></UniqueID>", "<UniqueID>65536</UniqueID>", "<UniqueID>-1</UniqueID>"}) {
        test_service wrong({{"AddPinhole", answer}}, loopback);
        EXPECT_EQ(open(wrong).error().code, errc::syntax) << answer;
    }
}

TEST_F(UpnpFirewall, ClosesAnOpeningOnceOnly) {
    test_service router({{"DeletePinhole", ""}}, loopback);
    EXPECT_TRUE(run(close_in_firewall(test_loop(), router.service(), loopback, 7)));
    EXPECT_TRUE(router.requests().at(0).contains("<UniqueID>7</UniqueID>"));
    const test_service without({{"DeletePinhole", "<errorCode>704</errorCode>"}}, loopback);
    EXPECT_TRUE(run(close_in_firewall(test_loop(), without.service(), loopback, 7))) << "nothing is there";
    const test_service unwilling({{"DeletePinhole", "<errorCode>606</errorCode>"}}, loopback);
    EXPECT_FALSE(run(close_in_firewall(test_loop(), unwilling.service(), loopback, 7)));
}

TEST_F(UpnpFirewall, OneThatIsOffOrPermitsNothingIsNotAsked) {
    EXPECT_TRUE(check("<FirewallEnabled>1</FirewallEnabled><InboundPinholeAllowed>true</InboundPinholeAllowed>"));
    for (const auto* status : {"<FirewallEnabled>0</FirewallEnabled><InboundPinholeAllowed>1</InboundPinholeAllowed>",
                               "<FirewallEnabled>yes</FirewallEnabled><InboundPinholeAllowed>0</InboundPinholeAllowed>",
                               "<FirewallEnabled>1</FirewallEnabled>", ""})
        EXPECT_EQ(check(status).error().code, errc::unexpected) << status;
    EXPECT_EQ(check("<errorCode>401</errorCode>").error().code, errc::rejected);
}

}  // namespace
}  // namespace sallyport::reach
