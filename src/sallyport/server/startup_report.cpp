#include <sallyport/server/startup_report.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::server {
namespace {

constexpr std::size_t most_named = 10;

}  // namespace

std::vector<std::string> startup_report(const settings& config, reach::port_broker& ports,
                                        const std::vector<endpoint>& listening) {
    std::vector<std::string> lines;
    const port_range range = config.passive_ports;
    if (!config.passive || range.first == 0 || listening.empty()) return lines;

    std::vector<std::uint16_t> taken = ports.taken_ports(listening.front().address);
    if (!taken.empty()) {
        const std::size_t all = taken.size();
        taken.resize(std::min(all, most_named));
        lines.push_back(fmt::format("passive ports {}: other programs hold {} of them ({}{}); they are skipped",
                                    range.text(), all, fmt::join(taken, ", "), all > most_named ? ", ..." : ""));
    }
    const port_range ephemeral = reach::ephemeral_range();
    if (ephemeral.first != 0 && range.first <= ephemeral.last && ephemeral.first <= range.last)
        lines.push_back(
            fmt::format("passive ports {} overlap with the system's ephemeral ports {}: outgoing connections may take "
                        "them first; set net.ipv4.ip_local_reserved_ports={} or choose another range",
                        range.text(), ephemeral.text(), range.text()));
    return lines;
}

}  // namespace sallyport::server
