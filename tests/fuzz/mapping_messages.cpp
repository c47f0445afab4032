// Datagrams of a router: PCP and NAT-PMP, read by both parsers, and as answers and announcements to the machine that asks
// them.
// - A mapping is live only with a port that was asked for, an external address and a lifetime.
// - Whatever arrives, the next request is never due at once again and again.

#include <string>
#include <vector>

#include <sallyport/reach/port_mapper.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const reach::datagram_view all(data, size);
    if (const auto pcp = reach::parse_pcp(all); pcp && pcp->map)
        check(size >= 60 && size % 4 == 0, "a response about a mapping is complete");
    if (const auto nat_pmp = reach::parse_nat_pmp(all)) check(size >= 8 && size <= 16, "a response has its size");

    reach::port_mapper::time now{std::chrono::hours(1)};
    reach::port_mapper machine({}, {21, 30000});
    machine.set_route(reach::default_route{ip_address::v4({192, 168, 0, 1}), ip_address::v4({192, 168, 0, 2}), "eth0"}, now);
    std::size_t requests = 0;
    // The first byte of a piece is its length and its kind.
    for (std::size_t at = 0; at < size;) {
        const std::size_t length = std::min<std::size_t>(data[at] & 0x7fU, size - at - 1);
        const auto piece = all.subspan(at + 1, length);
        if ((data[at] & 0x80U) != 0)
            machine.announced(piece, now);
        else
            machine.receive(piece, now);
        at += 1 + length;
        now = std::max(now + std::chrono::milliseconds(1), std::min(machine.next_timeout(), now + std::chrono::seconds(1)));
        machine.tick(now);
        requests += machine.take_actions().size();
        for (const auto& each : machine.mappings())
            check(!each.external || (each.external->port != 0 && !each.external->address.is_unspecified()),
                  "a live mapping has an address and a port");
        check(requests < 20 + 8 * size, "a datagram causes a few requests at most");
    }
    machine.stop(now);
    machine.tick(now + std::chrono::seconds(1));
    check(machine.is_stopped(), "the end does not wait for the router");
    return 0;
}
