#pragma once
// The messages of UPnP IGD that a client needs to have a router forward a port, or open one for IPv6: the search and
// notifications (SSDP), the description of the router, and the requests to its services for connections and for the IPv6
// firewall (SOAP over HTTP). libminiupnpc reads the XML.
//
// Pure functions on values; any thread. Every host of the network can answer a search, so an answer counts only if its URL
// names the router itself, and the URL of the service must do the same. Over IPv6 a router has several addresses and may
// name any, which another host could do as well: whatever address a URL has, requests go to the gateway's. Sizes are
// bounded.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::reach {

/// The multicast groups of searches and notifications, that of IPv6 for one link (UPnP Device Architecture 2.0, section
/// A.3), and their port.
inline constexpr std::string_view ssdp_group = "239.255.255.250";
inline constexpr std::string_view ssdp_group_ipv6 = "ff02::c";
inline constexpr std::uint16_t ssdp_port = 1900;

/// The datagrams of one search: over IPv4 for the service for connections, over IPv6 for that for the firewall.
[[nodiscard]] std::vector<std::string> upnp_search_requests(bool over_ipv6);

/// A resource at an address.
struct http_url {
    endpoint at;
    std::string path;

    /// Reads "http://192.168.0.1:5000/path" and "http://[2001:db8::1]:5000/path". Names, users and other schemes are
    /// refused, as is anything but printable ASCII.
    [[nodiscard]] static std::optional<http_url> parse(std::string_view text);
    friend bool operator==(const http_url&, const http_url&) = default;
};

/// Where the description of a router is, and since when: after a restart, the port or the number is another one.
struct upnp_place {
    http_url description;
    // BOOTID.UPNP.ORG (UPnP Device Architecture 2.0, section 1.2.2); empty if the router has none.
    std::string boot_id;
    friend bool operator==(const upnp_place&, const upnp_place&) = default;
};

/// From an answer to a search; nothing if it is not one, or not at `router`.
[[nodiscard]] std::optional<upnp_place> read_search_answer(std::string_view text, const ip_address& router);
/// From a notification of a device that is available ("ssdp:alive"); nothing if it is not one, or not at `router`.
[[nodiscard]] std::optional<upnp_place> read_notification(std::string_view text, const ip_address& router);

struct http_reply {
    int status = 0;
    std::string body;
};

/// Reads a reply to a request with "Connection: close". Nothing: it is not complete. `at_end`: nothing follows.
[[nodiscard]] result<std::optional<http_reply>> parse_http_reply(std::string_view received, bool at_end);

/// The router's service for connections, or that for the IPv6 firewall.
struct upnp_service {
    http_url control;
    // "urn:schemas-upnp-org:service:WANIPConnection:2", "...:WANIPv6FirewallControl:1"
    std::string type;
    upnp_place place{};
};

/// From the description at `from`: of an IPv6 address, the service for the firewall. Fails if it names no such service, or
/// one at another host.
[[nodiscard]] result<upnp_service> parse_description(const std::string& xml, const http_url& from);

[[nodiscard]] std::string http_get(const http_url& from);

using upnp_arguments = std::vector<std::pair<std::string_view, std::string>>;
/// The HTTP request for one action. REQUIRES: the arguments need no escaping in XML.
[[nodiscard]] std::string soap_request(const upnp_service& service, std::string_view action,
                                       const upnp_arguments& arguments);

/// The value of the argument `name` in a reply, empty if it has none. Fails with errc::rejected if the router has refused,
/// and sets `code` to the UPnP error; with errc::syntax if it is no reply to a request.
[[nodiscard]] result<std::string> soap_value(const http_reply& reply, const char* name, int* code = nullptr);

}  // namespace sallyport::reach
