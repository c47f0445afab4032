#include <sallyport/firewall/firewall_needs.hpp>

#include <algorithm>

namespace sallyport::firewall {

std::string ports_text(const std::vector<port_range>& ports, std::string_view between, std::string_view within) {
    std::string out;
    for (const auto& range : ports) {
        if (!out.empty()) out += between;
        out += std::to_string(range.first);
        if (range.first != range.last) out.append(within) += std::to_string(range.last);
    }
    return out;
}

std::vector<port_range> merged(std::vector<port_range> ports) {
    std::ranges::sort(ports);
    std::vector<port_range> out;
    for (const auto& range : ports) {
        if (!out.empty() && range.first <= out.back().last + 1)
            out.back().last = std::max(out.back().last, range.last);
        else
            out.push_back(range);
    }
    return out;
}

std::vector<port_range> all_but(const std::vector<port_range>& ports) {
    std::vector<port_range> out;
    for (std::uint32_t port = 1; port <= 65535; ++port) {
        const auto number = static_cast<std::uint16_t>(port);
        if (std::ranges::any_of(ports, [number](const port_range& r) { return r.contains(number); })) continue;
        if (!out.empty() && out.back().last + 1U == port)
            out.back().last = number;
        else
            out.push_back({number, number});
    }
    return out;
}

}  // namespace sallyport::firewall
