#include <sallyport/net/interfaces.hpp>

#include <bit>
#include <memory>

#include <fmt/format.h>
#include <ifaddrs.h>

#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {
namespace {

/// Calls `use` with each address and its netmask, which may be null.
template <class Function>
void for_each_address(Function use) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, [](ifaddrs* l) { ::freeifaddrs(l); });
    for (const auto* each = list; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) continue;
        const auto family = each->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        use(socket_address(each->ifa_addr, size).value().address, each->ifa_netmask);
    }
}

/// The number of bits in a netmask of this family.
[[nodiscard]] unsigned prefix_of(const sockaddr* mask, bool v4) {
    if (mask == nullptr) return v4 ? 32 : 128;
    if (v4) {
        const auto& bits = reinterpret_cast<const sockaddr_in*>(mask)->sin_addr.s_addr;
        return static_cast<unsigned>(std::popcount(bits));
    }
    unsigned out = 0;
    for (const auto byte : reinterpret_cast<const sockaddr_in6*>(mask)->sin6_addr.s6_addr)
        out += static_cast<unsigned>(std::popcount(byte));
    return out;
}

[[nodiscard]] ip_address without_host_bits(const ip_address& address, unsigned prefix) {
    auto bytes = address.bytes();
    for (unsigned bit = prefix; bit < bytes.size() * 8; ++bit)
        bytes.at(bit / 8) = static_cast<std::uint8_t>(bytes.at(bit / 8) & ~(0x80U >> bit % 8));
    return address.is_v4() ? ip_address::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : ip_address::v6(bytes);
}

}  // namespace

std::vector<ip_address> interface_addresses() {
    std::vector<ip_address> out;
    for_each_address([&out](const ip_address& address, const sockaddr*) { out.push_back(address); });
    return out;
}

std::vector<ip_network> interface_networks() {
    std::vector<ip_network> out;
    for_each_address([&out](const ip_address& address, const sockaddr* mask) {
        const auto prefix = prefix_of(mask, address.is_v4());
        if (prefix == 0 || prefix >= (address.is_v4() ? 32U : 128U)) return;
        if (const auto network = ip_network::parse(fmt::format("{}/{}", without_host_bits(address, prefix).text(), prefix)))
            out.push_back(*network);
    });
    return out;
}

}  // namespace sallyport::net
