#include <sallyport/reach/upnp.hpp>

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sallyport/net/net_test.hpp>
#include <sallyport/reach/upnp_test_service.hpp>

namespace sallyport::reach {
namespace {

const ip_address own = *ip_address::parse("192.168.77.10");

std::string mapped_to(const char* host) {
    return std::string("<NewInternalPort>21</NewInternalPort><NewInternalClient>") + host + "</NewInternalClient>";
}

class Upnp : public net::net_test {};

TEST_F(Upnp, OnlyAMappingOfThisHostIsDeleted) {
    test_service ours({{"GetSpecificPortMappingEntry", mapped_to("192.168.77.10")}, {"DeletePortMapping", ""}});
    EXPECT_TRUE(run(remove_upnp(test_loop(), ours.service(), own, 2121, false)));
    EXPECT_EQ(ours.actions(), (std::vector<std::string>{"GetSpecificPortMappingEntry", "DeletePortMapping"}));
    test_service theirs({{"GetSpecificPortMappingEntry", mapped_to("192.168.77.11")}, {"DeletePortMapping", ""}});
    const auto removed = run(remove_upnp(test_loop(), theirs.service(), own, 2121, true));
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, errc::not_allowed);
    EXPECT_EQ(theirs.actions(), std::vector<std::string>{"GetSpecificPortMappingEntry"});
    const std::map<std::string, std::string> deletion{{"DeletePortMapping", ""}};
    test_service silent(deletion);
    EXPECT_FALSE(run(remove_upnp(test_loop(), silent.service(), own, 2121, false)));
    EXPECT_EQ(silent.actions().size(), 1U);
    test_service unwilling(deletion);
    EXPECT_TRUE(run(remove_upnp(test_loop(), unwilling.service(), own, 2121, true))) << "this process has made it";
    EXPECT_EQ(unwilling.actions(), (std::vector<std::string>{"GetSpecificPortMappingEntry", "DeletePortMapping"}));
    test_service without({{"GetSpecificPortMappingEntry", "<errorCode>714</errorCode>"}, {"DeletePortMapping", ""}});
    EXPECT_TRUE(run(remove_upnp(test_loop(), without.service(), own, 2121, true))) << "nothing is there";
    EXPECT_EQ(without.actions().size(), 1U);
}

TEST_F(Upnp, ANewMappingWithoutAnExternalAddressIsDeletedAgain) {
    const std::map<std::string, std::string> answers{{"AddPortMapping", ""},
                                                     {"GetExternalIPAddress", ""},
                                                     {"GetSpecificPortMappingEntry", mapped_to("192.168.77.10")},
                                                     {"DeletePortMapping", ""}};
    test_service made(answers);
    const add_upnp_mapping wanted{.local_port = 21, .suggested_port = 21, .lease = std::chrono::seconds(3600)};
    EXPECT_FALSE(run(add_upnp(test_loop(), made.service(), own, wanted)));
    EXPECT_EQ(made.actions().back(), "DeletePortMapping");
    test_service renewed(answers);
    auto renewal = wanted;
    renewal.is_renewal = true;
    EXPECT_FALSE(run(add_upnp(test_loop(), renewed.service(), own, renewal)));
    EXPECT_EQ(renewed.actions().back(), "GetExternalIPAddress") << "the port is still in use";
}

}  // namespace
}  // namespace sallyport::reach
