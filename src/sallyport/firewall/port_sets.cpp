#include <sallyport/firewall/port_sets.hpp>

#include <algorithm>
#include <utility>

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

std::vector<port_range> all_but(std::vector<port_range> ports) {
    constexpr std::uint16_t last = 65535;
    std::vector<port_range> out;
    std::uint32_t next = 1;
    for (const auto& range : merged(std::move(ports))) {
        if (range.first > next)
            out.push_back({static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(range.first - 1)});
        next = std::max(next, range.last + 1U);
    }
    if (next <= last) out.push_back({static_cast<std::uint16_t>(next), last});
    return out;
}

std::vector<port_range> common(const std::vector<port_range>& a, const std::vector<port_range>& b) {
    std::vector<port_range> out;
    for (const auto& one : a) {
        for (const auto& other : b) {
            const port_range both{std::max(one.first, other.first), std::min(one.last, other.last)};
            if (both.size() > 0) out.push_back(both);
        }
    }
    return out;
}

}  // namespace sallyport::firewall
