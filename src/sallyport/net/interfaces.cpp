#include <sallyport/net/interfaces.hpp>

#include <memory>

#include <ifaddrs.h>

#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {

std::vector<ip_address> interface_addresses() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, [](ifaddrs* l) { ::freeifaddrs(l); });
    std::vector<ip_address> out;
    for (const auto* each = list; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) continue;
        const auto family = each->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        out.push_back(socket_address(each->ifa_addr, size).value().address);
    }
    return out;
}

}  // namespace sallyport::net
