#include <sallyport/reach/known_ports.hpp>

#include <algorithm>
#include <fstream>
#include <ranges>

#include <sys/socket.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::reach {

port_range ephemeral_range() {
    std::ifstream in("/proc/sys/net/ipv4/ip_local_port_range");
    port_range range;
    if (!(in >> range.first >> range.last)) return {};
    return range;
}

std::optional<port_range> free_ports(std::uint16_t count) {
    constexpr std::uint32_t first = 30000;
    constexpr std::uint32_t last = 32000;
    for (std::uint32_t begin = first; begin + count <= last; begin += count) {
        const port_range range{static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(begin + count - 1)};
        const auto is_free = [](std::uint32_t port) {
            const net::socket_address at(endpoint{ip_address(), static_cast<std::uint16_t>(port)});
            const unique_fd probe(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
            // Connections of an earlier process, which have ended, do not matter.
            net::set_option(probe.get(), SOL_SOCKET, SO_REUSEADDR, 1);
            return probe && ::bind(probe.get(), at.data(), at.length()) == 0;
        };
        if (std::ranges::all_of(std::views::iota(begin, begin + count), is_free)) return range;
    }
    return std::nullopt;
}

}  // namespace sallyport::reach
