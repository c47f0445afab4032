#include <sallyport/reach/upnp_messages.hpp>

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
// They have no declarations for C++ themselves where the header of the library is not included first.
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpreplyparse.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>

namespace sallyport::reach {
namespace {

namespace http = boost::beast::http;
using response_parser = http::response_parser<http::string_body>;

[[nodiscard]] bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>' && c != '"'; });
}

/// What is `received` of a message. The parser is done, or it needs more.
template <class message_parser>
[[nodiscard]] result<std::unique_ptr<message_parser>> read_message(std::string_view received, bool at_end) {
    auto parser = std::make_unique<message_parser>();
    parser->eager(true);
    parser->body_limit(limits::max_upnp_answer);
    boost::system::error_code failed;
    while (!received.empty() && !parser->is_done() && !failed)
        received.remove_prefix(parser->put(boost::asio::buffer(received), failed));
    if (failed == http::error::need_more) failed = {};
    if (at_end && !failed && !parser->got_some()) failed = http::error::end_of_stream;
    if (at_end && !failed && !parser->is_done()) parser->put_eof(failed);
    if (failed == http::error::body_limit) return fail(errc::too_long, "the router's answer is too long");
    if (failed == http::error::partial_message || failed == http::error::end_of_stream)
        return fail(errc::truncated, "the router's answer is incomplete");
    if (failed) return fail(errc::syntax, fmt::format("the router's answer is not HTTP: {}", failed.message()));
    return parser;
}

/// Whether a URL is the router's. One over IPv6 gets the router's address in place of its own.
[[nodiscard]] bool names_router(http_url& url, const ip_address& router) {
    if (router.is_v6() && url.at.address.is_v6()) url.at.address = router;
    return url.at.address == router;
}

/// As in the "Host" line of HTTP, where a link-local address has no zone.
[[nodiscard]] std::string host_text(const endpoint& at) {
    return at.address.is_v4() ? at.text() : endpoint{ip_address::v6(at.address.bytes()), at.port}.text();
}

[[nodiscard]] std::optional<upnp_place> place_in(const http::fields& fields, const ip_address& router) {
    auto url = http_url::parse(fields[http::field::location]);
    if (!url || !names_router(*url, router)) return std::nullopt;
    return upnp_place{.description = std::move(*url), .boot_id = std::string(fields["BOOTID.UPNP.ORG"])};
}

/// What libminiupnpc has read from a reply. Its functions do not change the text.
class reply_values {
public:
    explicit reply_values(const std::string& xml) { ::ParseNameValue(xml.data(), static_cast<int>(xml.size()), &data_); }
    ~reply_values() { ::ClearNameValueList(&data_); }
    reply_values(const reply_values&) = delete;
    reply_values& operator=(const reply_values&) = delete;

    [[nodiscard]] std::optional<std::string> find(const char* name) {
        const char* const found = ::GetValueFromNameValueList(&data_, name);
        return found == nullptr ? std::nullopt : std::optional<std::string>(found);
    }

private:
    NameValueParserData data_{};
};

/// A UPnP error code, with its meaning in a few words.
[[nodiscard]] std::string upnp_error_text(int code) {
    struct row {
        int code;
        std::string_view text;
    };
    constexpr auto known = std::to_array<row>({{401, "invalid action"},
                                               {402, "invalid arguments"},
                                               {501, "action failed"},
                                               {606, "not authorized"},
                                               {701, "the router cannot open more ports"},
                                               {702, "the router's firewall is off"},
                                               {703, "the router does not allow hosts to open ports"},
                                               {704, "the router has no such open port"},
                                               {705, "the router does not allow a wildcard as the port"},
                                               {715, "the router permits no wildcard as the source"},
                                               {716, "the router permits no wildcard as the external port"},
                                               {718, "another host has this port"},
                                               {724, "the router permits no other external port than the local one"},
                                               {725, "the router permits permanent mappings only"},
                                               {728, "no port is left"},
                                               {729, "conflict with another mechanism"}});
    const auto found = std::ranges::find(known, code, &row::code);
    return fmt::format("{} (UPnP error {})", found == known.end() ? "refused" : found->text, code);
}

}  // namespace

std::vector<std::string> upnp_search_requests(bool over_ipv6) {
    // Only version 2 of the device has the service for the firewall.
    const std::vector<std::string_view> targets =
        over_ipv6 ? std::vector<std::string_view>{"device:InternetGatewayDevice:2", "service:WANIPv6FirewallControl:1"}
                  : std::vector<std::string_view>{"device:InternetGatewayDevice:1", "device:InternetGatewayDevice:2",
                                                  "service:WANIPConnection:1"};
    const endpoint group{*ip_address::parse(over_ipv6 ? ssdp_group_ipv6 : ssdp_group), ssdp_port};
    std::vector<std::string> out;
    for (const auto target : targets)
        out.push_back(
            fmt::format("M-SEARCH * HTTP/1.1\r\nHOST: {}\r\nST: urn:schemas-upnp-org:{}\r\n"
                        "MAN: \"ssdp:discover\"\r\nMX: 1\r\n\r\n",
                        group.text(), target));
    return out;
}

std::optional<http_url> http_url::parse(std::string_view text) {
    constexpr std::string_view scheme = "http://";
    constexpr std::uint16_t http_port = 80;
    if (!is_plain(text) || !starts_with_icase(text, scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    const auto slash = std::min(text.find('/'), text.size());
    const auto host = text.substr(0, slash);
    // The colons within the brackets of an IPv6 address are not that of the port.
    const bool has_brackets = host.starts_with('[') && host.contains(']');
    const auto colon = std::min(host.find(':', has_brackets ? host.find(']') : 0), host.size());
    const auto address = ip_address::parse(has_brackets ? host.substr(1, host.find(']') - 1) : host.substr(0, colon));
    const auto port =
        colon == host.size() ? std::optional<std::uint64_t>(http_port) : parse_decimal(host.substr(colon + 1), UINT16_MAX);
    if (has_brackets && host.find(']') + 1 != colon) return std::nullopt;
    if (!address || address->is_v6() != has_brackets || !port || *port == 0) return std::nullopt;
    return http_url{.at = {*address, static_cast<std::uint16_t>(*port)},
                    .path = slash == text.size() ? "/" : std::string(text.substr(slash))};
}

std::optional<upnp_place> read_search_answer(std::string_view text, const ip_address& router) {
    const auto response = read_message<response_parser>(text, true);
    if (!response || (*response)->get().result() != http::status::ok) return std::nullopt;
    return place_in((*response)->get(), router);
}

std::optional<upnp_place> read_notification(std::string_view text, const ip_address& router) {
    const auto request = read_message<http::request_parser<http::string_body>>(text, true);
    if (!request || (*request)->get().method() != http::verb::notify || (*request)->get()["NTS"] != "ssdp:alive")
        return std::nullopt;
    return place_in((*request)->get(), router);
}

result<std::optional<http_reply>> parse_http_reply(std::string_view received, bool at_end) {
    auto response = read_message<response_parser>(received, at_end);
    if (!response) return std::unexpected(response.error());
    if (!(*response)->is_done()) return std::nullopt;
    auto& message = (*response)->get();
    return http_reply{.status = static_cast<int>(message.result_int()), .body = std::move(message.body())};
}

result<upnp_service> parse_description(const std::string& xml, const http_url& from) {
    IGDdatas data{};
    ::parserootdesc(xml.data(), static_cast<int>(xml.size()), &data);
    const bool over_ipv6 = from.at.address.is_v6();
    const auto wanted = over_ipv6 ? std::vector{&data.IPv6FC} : std::vector{&data.first, &data.second};
    for (const auto* each : wanted) {
        const std::string_view type = each->servicetype;
        const std::string_view path = each->controlurl;
        if (!over_ipv6 && !type.contains(":service:WANIPConnection:") && !type.contains(":service:WANPPPConnection:"))
            continue;
        if (over_ipv6 && !type.contains(":service:WANIPv6FirewallControl:")) continue;
        if (path.empty() || !is_plain(path) || !is_plain(type)) continue;
        auto control = path.starts_with('/')  ? std::optional(http_url{from.at, std::string(path)})
                       : path.contains("://") ? http_url::parse(path)
                                              : std::optional(http_url{from.at, fmt::format("/{}", path)});
        if (!control || !names_router(*control, from.at.address))
            return fail(errc::not_allowed, "the router names another host for its UPnP service");
        return upnp_service{.control = std::move(*control), .type = std::string(type)};
    }
    return fail(errc::not_found, over_ipv6 ? "the router's UPnP has no service for its IPv6 firewall"
                                           : "the router's UPnP has no service for port mappings");
}

std::string http_get(const http_url& from) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: sallyport\r\n\r\n", from.path,
                       host_text(from.at));
}

std::string soap_request(const upnp_service& service, std::string_view action, const upnp_arguments& arguments) {
    std::string inner;
    for (const auto& [name, value] : arguments) inner += fmt::format("<{0}>{1}</{0}>", name, value);
    const auto body = fmt::format(
        "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
        "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:{0} xmlns:u=\"{1}\">{2}</u:{0}></s:Body>"
        "</s:Envelope>\r\n",
        action, service.type, inner);
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sallyport\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"
        "SOAPAction: \"{}#{}\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
        service.control.path, host_text(service.control.at), service.type, action, body.size(), body);
}

result<std::string> soap_value(const http_reply& reply, const char* name, int* code) {
    reply_values values(reply.body);
    if (const auto refused = values.find("errorCode")) {
        const auto number = static_cast<int>(parse_decimal(*refused, 9999).value_or(0));
        if (code != nullptr) *code = number;
        return fail(errc::rejected, upnp_error_text(number));
    }
    if (reply.status != 200)
        return fail(errc::syntax, fmt::format("the router's UPnP answers with the HTTP status {}", reply.status));
    return values.find(name).value_or(std::string());
}

}  // namespace sallyport::reach
