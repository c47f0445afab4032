#include <sallyport/firewall/source_ports.hpp>

#include <set>

#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

TEST(source_ports, come_round_when_all_others_were_used) {
    source_ports ports;
    const auto to = *endpoint::parse("192.0.2.1:50000");
    const auto other = *endpoint::parse("192.0.2.1:50001");
    const auto first = ports.next(to);
    std::set<std::uint16_t> seen{first};
    for (int i = source_ports::first; i < source_ports::last; ++i) {
        const auto port = ports.next(to);
        EXPECT_TRUE(port >= source_ports::first && port <= source_ports::last) << port;
        seen.insert(port);
        (void)ports.next(other);  // has its own turns
    }
    EXPECT_EQ(seen.size(), std::size_t{source_ports::last} - source_ports::first + 1);
    EXPECT_EQ(ports.next(to), first);
}

}  // namespace
}  // namespace sallyport::firewall
