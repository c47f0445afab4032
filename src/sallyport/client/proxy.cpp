#include <sallyport/client/proxy.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <sallyport/base/address.hpp>
#include <sallyport/base/ascii.hpp>
#include <sallyport/client/url.hpp>

namespace sallyport::client {

namespace {

constexpr std::uint16_t socks_port = 1080;

bool names_port(std::string_view authority) {
    const auto colon = authority.rfind(':');
    const auto bracket = authority.rfind(']');
    return colon != authority.npos && (bracket == authority.npos || colon > bracket);
}

std::unexpected<error> invalid() {
    return fail(errc::usage,
                "invalid URL of a proxy; use a form such as socks5://proxy.example.org:1080 or "
                "http://user:password@proxy.example.org:3128");
}

bool is_below(std::string_view host, std::string_view domain) {
    if (domain.empty() || host.size() < domain.size() || !host.ends_with(domain)) return false;
    return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

std::string_view without(std::string_view text, char first, char last) {
    if (text.starts_with(first)) text.remove_prefix(1);
    if (text.ends_with(last)) text.remove_suffix(1);
    return text;
}

}  // namespace

result<proxy_server> proxy_server::parse(std::string_view text) {
    const auto mark = text.find("://");
    const auto scheme = mark == text.npos ? std::string("http") : to_lower(text.substr(0, mark));
    proxy_server out;
    if (scheme == "http")
        out.kind = proxy_kind::http;
    else if (scheme != "socks5" && scheme != "socks5h")
        return fail(errc::usage, std::string(text.substr(0, mark)) +
                                     ": unknown kind of proxy; use socks5://HOST:PORT or http://HOST:PORT");
    auto rest = mark == text.npos ? text : text.substr(mark + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const auto parsed = url::parse("ftp://" + std::string(rest));
    if (!parsed || !parsed->path.empty() || parsed->ascii) return invalid();
    out.host = parsed->host;
    const auto at = rest.rfind('@');
    if (names_port(at == rest.npos ? rest : rest.substr(at + 1)))
        out.port = parsed->port;
    else if (out.kind == proxy_kind::socks5)
        out.port = socks_port;
    else
        return fail(errc::usage, fmt::format("the URL of the proxy has no port; add it, as in http://{}:3128", out.host));
    out.user = parsed->user.value_or("");
    out.password = parsed->password.value_or("");
    // The lengths are bytes in SOCKS5; a colon would end the user name in HTTP.
    constexpr std::size_t max_length = 255;
    if (out.user.size() > max_length || out.password.size() > max_length || out.user.contains(':')) return invalid();
    return out;
}

std::string proxy_server::text() const {
    return fmt::format("{}://{}", kind == proxy_kind::http ? "http" : "socks5", proxy_destination{host, port}.text());
}

std::string proxy_destination::text() const {
    return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool is_excepted(std::string_view list, std::string_view host) {
    const auto name = to_lower(host.ends_with('.') ? host.substr(0, host.size() - 1) : host);
    const auto address = ip_address::parse(name);
    while (!list.empty()) {
        const auto end = std::min(list.find_first_of(", \t"), list.size());
        const auto entry = to_lower(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
        if (entry == "*") return true;
        if (!address && is_below(name, without(entry, '.', '.'))) return true;
        const auto network = address ? ip_network::parse(without(entry, '[', ']')) : std::nullopt;
        if (network && network->contains(*address)) return true;
    }
    return false;
}

}  // namespace sallyport::client
