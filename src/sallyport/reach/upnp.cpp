#include <sallyport/reach/upnp.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/random.hpp>
#include <sallyport/reach/upnp_http.hpp>

namespace sallyport::reach {
namespace {

// UPnP errors (WANIPConnection:1, section 2.4.16).
constexpr int conflict = 718;
constexpr int permanent_only = 725;
constexpr int no_such_entry = 714;
// Attempts with other external ports, if other hosts have those that were wanted.
constexpr int other_ports = 4;
constexpr std::uint16_t first_dynamic_port = 49152;

[[nodiscard]] unsigned interface_of(const default_route& route) { return ::if_nametoindex(route.interface.c_str()); }

[[nodiscard]] net::socket_address group_of(const default_route& route) {
    const auto group = *ip_address::parse(route.own.is_v4() ? ssdp_group : ssdp_group_ipv6);
    return net::socket_address({group.is_v4() ? group : ip_address::v6(group.bytes(), interface_of(route)), ssdp_port});
}

/// A router answers from an address of the kind that it was asked from, and only an answer of the gateway's own address
/// counts: if that is link-local, so must be the address of the question.
[[nodiscard]] ip_address search_source(const default_route& route) {
    return route.own.is_v4() ? route.own : net::own_address_for(route.gateway).value_or(route.own);
}

[[nodiscard]] result<unique_fd> open_search(const default_route& route) {
    const net::socket_address at({search_source(route), 0});
    unique_fd out(::socket(at.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!out || ::bind(out.get(), at.data(), at.length()) != 0) return fail_os(errno, "the search for UPnP");
    if (route.own.is_v4()) {
        constexpr int hops = 2;
        in_addr interface{};
        std::ranges::copy(route.own.v4_bytes(), reinterpret_cast<std::uint8_t*>(&interface));
        ::setsockopt(out.get(), IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface);
        net::set_option(out.get(), IPPROTO_IP, IP_MULTICAST_TTL, hops);
    }
    const auto group = group_of(route);
    for (const auto& request : upnp_search_requests(route.own.is_v6()))
        if (::sendto(out.get(), request.data(), request.size(), MSG_NOSIGNAL, group.data(), group.length()) < 0)
            return fail_os(errno, "the search for UPnP");
    return out;
}

/// Waits for an answer of the router; others are ignored.
net::task<result<upnp_place>> search_router(net::loop& loop, default_route route) {
    auto opened = open_search(route);
    if (!opened) co_return std::unexpected(opened.error());
    net::descriptor socket(loop, std::move(*opened));
    const auto until = net::clock::now() + limits::upnp_search_time;
    std::array<char, 2048> block{};
    while (net::clock::now() < until) {
        net::socket_address from;
        const auto size = ::recvfrom(socket.get(), block.data(), block.size(), 0, from.data(), from.size());
        if (size < 0 && errno == EAGAIN) {
            (void)co_await socket.readable(until);
            continue;
        }
        if (size < 0 && errno != EINTR && errno != ECONNREFUSED) co_return fail_os(errno, "the search for UPnP");
        // A flood must not occupy the loop.
        co_await loop.yield();
        if (size < 0 || from.value().address != route.gateway) continue;
        auto found = read_search_answer(std::string_view(block.data(), static_cast<std::size_t>(size)), route.gateway);
        if (found) co_return std::move(*found);
    }
    co_return fail(errc::timeout, "no answer");
}

[[nodiscard]] upnp_arguments arguments_of(const ip_address& own, const add_upnp_mapping& wanted, std::uint16_t external) {
    return {{"NewRemoteHost", ""},
            {"NewExternalPort", std::to_string(external)},
            {"NewProtocol", "TCP"},
            {"NewInternalPort", std::to_string(wanted.local_port)},
            {"NewInternalClient", own.text()},
            {"NewEnabled", "1"},
            {"NewPortMappingDescription", "sallyport"},
            {"NewLeaseDuration", std::to_string(wanted.lease.count())}};
}

}  // namespace

net::task<result<upnp_service>> find_upnp_service(net::loop& loop, default_route route) {
    auto place = co_await search_router(loop, route);
    if (!place) co_return std::unexpected(place.error());
    const auto reply = co_await exchange_http(loop, place->description.at, http_get(place->description));
    if (!reply) co_return std::unexpected(reply.error());
    if (reply->status != 200) co_return fail(errc::not_found, "the router's UPnP has no description");
    auto service = parse_description(reply->body, place->description);
    if (service) service->place = std::move(*place);
    co_return service;
}

result<unique_fd> open_notifications(const default_route& route) {
    const auto group = group_of(route);
    const auto address = group.value().address;
    unique_fd out(::socket(group.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    net::set_option(out.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    int joined = -1;
    if (out && ::bind(out.get(), group.data(), group.length()) == 0) {
        if (address.is_v4()) {
            ip_mreq membership{};
            std::ranges::copy(address.v4_bytes(), reinterpret_cast<std::uint8_t*>(&membership.imr_multiaddr));
            std::ranges::copy(route.own.v4_bytes(), reinterpret_cast<std::uint8_t*>(&membership.imr_interface));
            joined = ::setsockopt(out.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership);
        } else {
            ipv6_mreq membership{};
            std::ranges::copy(address.bytes(), reinterpret_cast<std::uint8_t*>(&membership.ipv6mr_multiaddr));
            membership.ipv6mr_interface = address.scope();
            joined = ::setsockopt(out.get(), IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &membership, sizeof membership);
        }
    }
    if (joined != 0) return fail_os(errno, fmt::format("UDP port {}", ssdp_port));
    return out;
}

net::task<result<ip_address>> upnp_external_address(net::loop& loop, upnp_service service) {
    auto request = soap_request(service, "GetExternalIPAddress", {});
    const auto text = co_await call_upnp(loop, service, std::move(request), "NewExternalIPAddress");
    if (!text) co_return std::unexpected(text.error());
    const auto address = ip_address::parse(*text);
    if (!address || !address->is_v4() || address->is_unspecified())
        co_return fail(errc::unexpected, "the router has no external address: it is not connected");
    co_return *address;
}

net::task<result<void>> remove_upnp(net::loop& loop, upnp_service service, ip_address own, std::uint16_t external_port,
                                    bool is_granted) {
    const upnp_arguments mapping{
        {"NewRemoteHost", ""}, {"NewExternalPort", std::to_string(external_port)}, {"NewProtocol", "TCP"}};
    auto question = soap_request(service, "GetSpecificPortMappingEntry", mapping);
    const auto reply = co_await exchange_http(loop, service.control.at, std::move(question));
    if (!reply) co_return std::unexpected(reply.error());
    int refused = 0;
    const auto owner = soap_value(*reply, "NewInternalClient", &refused);
    if (refused == no_such_entry) co_return result<void>{};
    // Some routers refuse the question to all hosts, or do not know it.
    const bool is_unknown = refused != 0 && is_granted;
    if (!owner && !is_unknown) co_return std::unexpected(owner.error());
    if (owner && ip_address::parse(*owner) != own)
        co_return fail(errc::not_allowed, "another host has this port of the router; its mapping stays");
    auto request = soap_request(service, "DeletePortMapping", mapping);
    const auto removed = co_await call_upnp(loop, service, std::move(request), "");
    if (!removed) co_return std::unexpected(removed.error());
    co_return result<void>{};
}

// AddAnyPortMapping, with which the router chooses the port, is not used: miniupnpd gives one port to several mappings of a
// host, so that only the last one works.
net::task<result<upnp_grant>> add_upnp(net::loop& loop, upnp_service service, ip_address own, add_upnp_mapping wanted) {
    auto port = wanted.suggested_port;
    for (int left = other_ports;;) {
        auto request = soap_request(service, "AddPortMapping", arguments_of(own, wanted, port));
        const auto reply = co_await exchange_http(loop, service.control.at, std::move(request));
        if (!reply) co_return std::unexpected(reply.error());
        int refused = 0;
        auto made = soap_value(*reply, "", &refused);
        if (made) break;
        if (refused == permanent_only && wanted.lease.count() != 0)
            wanted.lease = {};
        else if (refused == conflict && --left > 0)
            port = static_cast<std::uint16_t>(first_dynamic_port + random_below(UINT16_MAX - first_dynamic_port));
        else
            co_return std::unexpected(std::move(made.error()));
    }
    const auto address = co_await upnp_external_address(loop, service);
    if (!address) {
        // The caller knows no mapping but the one that it renews.
        const bool is_known = wanted.is_renewal && port == wanted.suggested_port;
        if (!is_known) (void)co_await remove_upnp(loop, service, own, port, true);
        co_return std::unexpected(address.error());
    }
    co_return upnp_grant{.external = {*address, port}, .lifetime = wanted.lease};
}

}  // namespace sallyport::reach
