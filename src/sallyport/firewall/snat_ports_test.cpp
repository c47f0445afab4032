#include <sallyport/firewall/snat_ports.hpp>

#include <set>

#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

TEST(snat_ports, repeat_only_after_all_others_were_used) {
    snat_ports ports;
    const auto to = *endpoint::parse("192.0.2.1:50000");
    const auto other = *endpoint::parse("192.0.2.1:50001");
    const auto first = ports.next(to);
    std::set<std::uint16_t> seen{first};
    for (int i = snat_ports::first; i < snat_ports::last; ++i) {
        const auto port = ports.next(to);
        EXPECT_TRUE(port >= snat_ports::first && port <= snat_ports::last) << port;
        seen.insert(port);
        // Another destination has its own sequence.
        (void)ports.next(other);
    }
    EXPECT_EQ(seen.size(), std::size_t{snat_ports::last} - snat_ports::first + 1);
    EXPECT_EQ(ports.next(to), first);
}

}  // namespace
}  // namespace sallyport::firewall
