#include <sallyport/reach/port_report.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ports.hpp>
#include <sallyport/reach/known_ports.hpp>

namespace sallyport::reach {
namespace {

constexpr std::size_t max_named = 10;

/// "3 of them (5060, 5061, 5190)".
std::string first_few(std::vector<std::uint16_t> ports) {
    const std::size_t all = ports.size();
    ports.resize(std::min(all, max_named));
    return fmt::format("{} of them ({}{})", all, fmt::join(ports, ", "), all > max_named ? ", ..." : "");
}

std::vector<std::uint16_t> alg_ports(const broker_settings& settings) {
    std::vector<std::uint16_t> out;
    for (std::uint32_t port = settings.range.first; port <= settings.range.last; ++port) {
        const auto external = settings.external.of(static_cast<std::uint16_t>(port));
        if (is_alg_port(external)) out.push_back(external);
    }
    return out;
}

}  // namespace

std::vector<std::string> port_report(const broker_settings& settings, port_broker& ports, const ip_address& local) {
    std::vector<std::string> lines;
    const port_range range = settings.range;
    if (range.first == 0) return lines;

    if (auto in_use = ports.ports_in_use(local); !in_use.empty())
        lines.push_back(fmt::format("Passive ports {}: {} in use by other processes and skipped", range.text(),
                                    first_few(std::move(in_use))));
    if (auto skipped = alg_ports(settings); !skipped.empty())
        lines.push_back(
            settings.use_alg_ports
                ? fmt::format("Passive ports {}: using {}, which routers may inspect for other protocols", range.text(),
                              first_few(std::move(skipped)))
                : fmt::format("Passive ports {}: skipping {}, which routers may inspect for other protocols; use "
                              "--use-alg-ports to include them",
                              range.text(), first_few(std::move(skipped))));
    return lines;
}

}  // namespace sallyport::reach
