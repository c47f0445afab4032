#include <sallyport/reach/upnp_messages.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>
// They have no declarations for C++ themselves where the header of the library is not included first.
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpreplyparse.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>

namespace sallyport::reach {
namespace {

constexpr std::string_view end_of_line = "\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";

[[nodiscard]] bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>' && c != '"'; });
}

/// The value of a header line; the head is everything before the empty line.
[[nodiscard]] std::optional<std::string_view> header_value(std::string_view head, std::string_view name) {
    for (auto at = head.find(end_of_line); at != std::string_view::npos; at = head.find(end_of_line, at + 1)) {
        auto line = head.substr(at + end_of_line.size());
        line = line.substr(0, line.find(end_of_line));
        if (line.size() <= name.size() || line[name.size()] != ':' || !iequals(line.substr(0, name.size()), name)) continue;
        line.remove_prefix(name.size() + 1);
        while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
        return without_trailing_blanks(line);
    }
    return std::nullopt;
}

/// 200 from "HTTP/1.1 200 OK"; 0 if it is not such a line.
[[nodiscard]] int status_of(std::string_view head) {
    constexpr std::size_t digits = 3;
    const auto at = head.find(' ');
    if (!head.starts_with("HTTP/1.") || at == std::string_view::npos) return 0;
    return static_cast<int>(parse_decimal(head.substr(at + 1, digits)).value_or(0));
}

/// Nothing: it is not complete.
[[nodiscard]] result<std::optional<std::string>> join_chunks(std::string_view from) {
    std::string out;
    for (;;) {
        const auto end = from.find(end_of_line);
        if (end == std::string_view::npos) return std::nullopt;
        std::size_t size = 0;
        std::size_t digits = 0;
        for (; digits < end && digits < 6; ++digits) {
            const auto c = to_lower(from[digits]);
            const bool letter = c >= 'a' && c <= 'f';
            if (!is_digit(c) && !letter) break;
            size = size * 16 + static_cast<std::size_t>(letter ? c - 'a' + 10 : c - '0');
        }
        if (digits == 0) return fail(errc::syntax, "the router's answer has an invalid chunk");
        if (size == 0) return out;
        from.remove_prefix(end + end_of_line.size());
        if (from.size() < size + end_of_line.size()) return std::nullopt;
        out += from.substr(0, size);
        from.remove_prefix(size + end_of_line.size());
    }
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

}  // namespace

std::vector<std::string> upnp_search_requests() {
    std::vector<std::string> out;
    for (const auto* target :
         {"urn:schemas-upnp-org:device:InternetGatewayDevice:1", "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
          "urn:schemas-upnp-org:service:WANIPConnection:1"})
        out.push_back(fmt::format("M-SEARCH * HTTP/1.1\r\nHOST: {}:{}\r\nST: {}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\r\n",
                                  ssdp_group, ssdp_port, target));
    return out;
}

std::optional<http_url> http_url::parse(std::string_view text) {
    constexpr std::string_view scheme = "http://";
    constexpr std::uint16_t http_port = 80;
    if (!is_plain(text) || !starts_with_icase(text, scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    const auto slash = std::min(text.find('/'), text.size());
    const auto host = text.substr(0, slash);
    const auto colon = std::min(host.find(':'), host.size());
    const auto address = ip_address::parse(host.substr(0, colon));
    const auto port =
        colon == host.size() ? std::optional<std::uint64_t>(http_port) : parse_decimal(host.substr(colon + 1), UINT16_MAX);
    if (!address || !address->is_v4() || !port || *port == 0) return std::nullopt;
    return http_url{.at = {*address, static_cast<std::uint16_t>(*port)},
                    .path = slash == text.size() ? "/" : std::string(text.substr(slash))};
}

std::optional<http_url> description_url(std::string_view answer, const ip_address& router) {
    if (status_of(answer) != 200) return std::nullopt;
    const auto location = header_value(answer, "LOCATION");
    auto url = location ? http_url::parse(*location) : std::nullopt;
    return url && url->at.address == router ? url : std::nullopt;
}

result<std::optional<http_reply>> parse_http_reply(std::string_view received, bool at_end) {
    const auto incomplete = [at_end]() -> result<std::optional<http_reply>> {
        if (at_end) return fail(errc::truncated, "the router's answer is incomplete");
        return std::nullopt;
    };
    const auto end = received.find(end_of_head);
    if (end == std::string_view::npos) return incomplete();
    const auto head = received.substr(0, end);
    const auto body = received.substr(end + end_of_head.size());
    http_reply out{.status = status_of(head), .body = {}};
    if (out.status == 0) return fail(errc::syntax, "the router's answer is not HTTP");
    if (const auto coding = header_value(head, "Transfer-Encoding"); coding && iequals(*coding, "chunked")) {
        auto joined = join_chunks(body);
        if (!joined) return std::unexpected(joined.error());
        if (!*joined) return incomplete();
        out.body = std::move(**joined);
        return out;
    }
    if (const auto given = header_value(head, "Content-Length")) {
        const auto length = parse_decimal(*given, limits::max_upnp_answer);
        if (!length) return fail(errc::too_long, "the router's answer is too long");
        if (body.size() < *length) return incomplete();
        out.body = body.substr(0, *length);
        return out;
    }
    if (!at_end) return std::nullopt;
    out.body = body;
    return out;
}

result<upnp_service> parse_description(const std::string& xml, const http_url& from) {
    IGDdatas data{};
    ::parserootdesc(xml.data(), static_cast<int>(xml.size()), &data);
    for (const auto* each : {&data.first, &data.second}) {
        const std::string_view type = each->servicetype;
        const std::string_view path = each->controlurl;
        if (!type.contains(":service:WANIPConnection:") && !type.contains(":service:WANPPPConnection:")) continue;
        if (path.empty() || !is_plain(path) || !is_plain(type)) continue;
        auto control = path.starts_with('/')  ? std::optional(http_url{from.at, std::string(path)})
                       : path.contains("://") ? http_url::parse(path)
                                              : std::optional(http_url{from.at, fmt::format("/{}", path)});
        if (!control || control->at.address != from.at.address)
            return fail(errc::not_allowed, "the router names another host for its UPnP service");
        return upnp_service{.control = std::move(*control), .type = std::string(type)};
    }
    return fail(errc::not_found, "the router's UPnP has no service for port mappings");
}

std::string http_get(const http_url& from) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: sallyport\r\n\r\n", from.path,
                       from.at.text());
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
        service.control.path, service.control.at.text(), service.type, action, body.size(), body);
}

std::string upnp_error_text(int code) {
    struct row {
        int code;
        std::string_view text;
    };
    constexpr auto known = std::to_array<row>({{401, "invalid action"},
                                               {402, "invalid arguments"},
                                               {501, "action failed"},
                                               {606, "not authorized"},
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
