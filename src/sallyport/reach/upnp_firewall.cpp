#include <sallyport/reach/upnp_firewall.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/reach/upnp_http.hpp>

namespace sallyport::reach {
namespace {

// WANIPv6FirewallControl:1, section 2.4.10.
constexpr int no_such_opening = 704;
constexpr int protocol_tcp = 6;

/// Booleans of UPnP are "1", "true" or "yes" (UPnP Device Architecture 2.0, table 2-3).
[[nodiscard]] bool is_true(std::string_view text) { return text == "1" || iequals(text, "true") || iequals(text, "yes"); }

}  // namespace

net::task<result<void>> check_upnp_firewall(net::loop& loop, upnp_service service, ip_address own) {
    auto request = soap_request(service, "GetFirewallStatus", {});
    const auto reply = co_await exchange_http(loop, service.control.at, std::move(request), own);
    if (!reply) co_return std::unexpected(reply.error());
    const auto enabled = soap_value(*reply, "FirewallEnabled");
    if (!enabled) co_return std::unexpected(enabled.error());
    if (!is_true(*enabled)) co_return fail(errc::unexpected, "its IPv6 firewall is off, so no port needs to be opened");
    if (!is_true(soap_value(*reply, "InboundPinholeAllowed").value_or("")))
        co_return fail(errc::unexpected, "its IPv6 firewall does not allow hosts to open ports");
    co_return result<void>{};
}

net::task<result<std::uint16_t>> open_in_firewall(net::loop& loop, upnp_service service, endpoint own,
                                                  std::chrono::seconds lease, std::optional<std::uint16_t> known) {
    const auto seconds = std::to_string(std::min<std::chrono::seconds>(lease, limits::max_mapping_lifetime).count());
    if (known) {
        auto renewal =
            soap_request(service, "UpdatePinhole", {{"UniqueID", std::to_string(*known)}, {"NewLeaseTime", seconds}});
        const auto reply = co_await exchange_http(loop, service.control.at, std::move(renewal), own.address);
        if (!reply) co_return std::unexpected(reply.error());
        // The router may have forgotten it, so a refusal is that of the request below.
        if (soap_value(*reply, "")) co_return *known;
    }
    auto request = soap_request(service, "AddPinhole",
                                {{"RemoteHost", ""},
                                 {"RemotePort", "0"},
                                 {"InternalClient", own.address.text()},
                                 {"InternalPort", std::to_string(own.port)},
                                 {"Protocol", std::to_string(protocol_tcp)},
                                 {"LeaseTime", seconds}});
    const auto text = co_await call_upnp(loop, service, std::move(request), "UniqueID", own.address);
    if (!text) co_return std::unexpected(text.error());
    const auto number = parse_decimal(*text, UINT16_MAX);
    if (!number) co_return fail(errc::syntax, "the router's reply has no ID for the opened port");
    co_return static_cast<std::uint16_t>(*number);
}

net::task<result<void>> close_in_firewall(net::loop& loop, upnp_service service, ip_address own, std::uint16_t number) {
    auto request = soap_request(service, "DeletePinhole", {{"UniqueID", std::to_string(number)}});
    const auto reply = co_await exchange_http(loop, service.control.at, std::move(request), own);
    if (!reply) co_return std::unexpected(reply.error());
    int refused = 0;
    const auto closed = soap_value(*reply, "", &refused);
    if (!closed && refused != no_such_opening) co_return std::unexpected(closed.error());
    co_return result<void>{};
}

}  // namespace sallyport::reach
