// Texts of --external-ports: the first line is the passive port range, each other line is one mapping.
// - No two local ports have the same external port, and an external port is never 0.
// - Without a mapping every port keeps its number.

#include <bitset>
#include <string>
#include <vector>

#include <sallyport/reach/external_ports.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    auto text = sallyport::fuzz::text_of(data, size);
    const auto local_ports = port_range::parse(sallyport::fuzz::next_line(text)).value_or(port_range());
    std::vector<std::string> texts;
    while (!text.empty()) texts.emplace_back(sallyport::fuzz::next_line(text));
    const auto ports = reach::external_ports::parse(texts, local_ports);
    if (!ports) return 0;
    check(ports->empty() == texts.empty(), "every text is a mapping");
    std::bitset<65536> used;
    for (std::uint32_t port = local_ports.first; local_ports.first != 0 && port <= local_ports.last; ++port) {
        const auto external = ports->of(static_cast<std::uint16_t>(port));
        check(external != 0 && !used.test(external), "each local port has an external port of its own");
        check(!ports->empty() || external == port, "a port without a mapping keeps its number");
        used.set(external);
    }
    return 0;
}
