#include <sallyport/reach/port_report.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/reach/port_facts.hpp>

namespace sallyport::reach {
namespace {

constexpr std::size_t most_named = 10;

/// "3 of them (5060, 5061, 5190)".
std::string some(std::vector<std::uint16_t> ports) {
    const std::size_t all = ports.size();
    ports.resize(std::min(all, most_named));
    return fmt::format("{} of them ({}{})", all, fmt::join(ports, ", "), all > most_named ? ", ..." : "");
}

std::vector<std::uint16_t> grabbed(const broker_settings& settings) {
    std::vector<std::uint16_t> out;
    for (std::uint32_t port = settings.range.first; port <= settings.range.last; ++port) {
        const auto outside = settings.outside.of(static_cast<std::uint16_t>(port));
        if (is_hijacked_port(outside)) out.push_back(outside);
    }
    return out;
}

}  // namespace

std::vector<std::string> port_report(const broker_settings& settings, port_broker& ports, const ip_address& local) {
    std::vector<std::string> lines;
    const port_range range = settings.range;
    if (range.first == 0) return lines;

    if (auto taken = ports.taken_ports(local); !taken.empty())
        lines.push_back(
            fmt::format("Passive ports {}: {} in use by other programs and skipped", range.text(), some(std::move(taken))));
    if (auto left_out = grabbed(settings); !left_out.empty())
        lines.push_back(
            settings.grabbed_too
                ? fmt::format("Passive ports {}: using {}, which routers may inspect for other protocols", range.text(),
                              some(std::move(left_out)))
                : fmt::format("Passive ports {}: skipping {}, which routers may inspect for other protocols; use "
                              "--use-alg-ports to include them",
                              range.text(), some(std::move(left_out))));
    return lines;
}

}  // namespace sallyport::reach
