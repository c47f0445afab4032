#include <algorithm>

#include <gtest/gtest.h>

#include <sallyport/reach/port_mapper.hpp>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

const ip_address first = *ip_address::parse("5.9.1.1");
const ip_address second = *ip_address::parse("5.9.1.4");
const default_route way{
    .gateway = *ip_address::parse("192.168.77.1"), .own = *ip_address::parse("192.168.77.10"), .interface = "eth0"};

/// The requests for mappings since the last call.
std::vector<add_upnp_mapping> requests(port_mapper& of) {
    std::vector<add_upnp_mapping> out;
    for (const auto& action : of.take_actions())
        if (const auto* const add = std::get_if<add_upnp_mapping>(&action)) out.push_back(*add);
    return out;
}

// S3: a router with UPnP alone announces no new address.
TEST(PortMapperUpnp, ANewAddressHasAllAskedForAgain) {
    const port_mapper::time now{1000s};
    port_mapper machine({.protocols = {mapping_protocol::upnp}, .lease = 3600s, .nonce = {}}, {21});
    machine.set_route(way, now);
    machine.upnp_found(first, now);
    EXPECT_EQ(requests(machine).size(), 1U);
    machine.upnp_added(21, upnp_grant{.external = {first, 2121}, .lifetime = 3600s}, now);
    machine.upnp_found(first, now);
    EXPECT_TRUE(requests(machine).empty()) << "nothing has changed";
    machine.upnp_found(second, now);
    EXPECT_EQ(machine.external_address(), second) << "at once";
    const auto again = requests(machine);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_TRUE(again[0].is_renewal && again[0].suggested_port == 2121);
    machine.stop(now);
}

}  // namespace
}  // namespace sallyport::reach
