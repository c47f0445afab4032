#include <sallyport/reach/port_report.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> report(const broker_settings& settings) {
    net::loop_group loops(1);
    status::counters counters;
    port_broker ports(loops, settings, counters);
    return port_report(settings, ports, *ip_address::parse("127.0.0.1"));
}

// S2
TEST(PortReport, NamesAlgPorts) {
    EXPECT_THAT(report({.range = {5055, 5065}}),
                Contains(HasSubstr("skipping 2 of them (5060, 5061), which routers may inspect for other protocols; use "
                                   "--use-alg-ports to include them")));
    EXPECT_THAT(report({.range = {5055, 5065}, .use_alg_ports = true}),
                Contains(HasSubstr("using 2 of them (5060, 5061), which routers may inspect for other protocols")));
    EXPECT_THAT(report({.range = {5070, 5080}}), Not(Contains(HasSubstr("other protocols"))));
}

// S2: routers see the external port.
TEST(PortReport, ChecksExternalPorts) {
    const std::vector<std::string> forwarded{"5060-5069"};
    const port_range local_ports{50000, 50009};
    const broker_settings settings{.range = local_ports, .external = *external_ports::parse(forwarded, local_ports)};
    EXPECT_THAT(report(settings), Contains(HasSubstr("5060, 5061")));
}

}  // namespace
}  // namespace sallyport::reach
