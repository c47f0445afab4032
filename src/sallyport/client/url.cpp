#include <sallyport/client/url.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/url.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/url_zone.hpp>

namespace sallyport::client {

namespace {

struct scheme {
    std::string_view name;
    tls_mode tls;
    std::uint16_t port;
};
constexpr scheme schemes[] = {{"ftp", tls_mode::none, 21},
                              {"ftps", tls_mode::implicit, 990},
                              {"ftpes", tls_mode::explicit_, 21},
                              {"ftp+tls", tls_mode::explicit_, 21},
                              {"ftps+explicit", tls_mode::explicit_, 21}};

constexpr std::string_view unreserved_and_sub = "-._~!$&'()*+,;=";

bool is_hex(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); }

/// Percent-encodes the characters that are not allowed in a URL, except those in `extra`. Existing escapes are kept.
std::string encode_stray(std::string_view text, std::string_view extra) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool encoded = c == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
        if (is_alpha(c) || is_digit(c) || encoded || unreserved_and_sub.contains(c) || extra.contains(c))
            out += c;
        else if (c == '%')
            // An invalid escape is kept; the parser refuses it.
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

/// Encodes user, password and path. The user ends at the last '@', since passwords may contain one.
std::string strict(std::string_view scheme_name, std::string_view rest) {
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto authority = rest.substr(0, slash);
    const auto path = rest.substr(slash);
    std::string out = std::string(scheme_name) + "://";
    const auto at = authority.rfind('@');
    if (at != authority.npos) out += encode_stray(authority.substr(0, at), ":") + "@";
    out += at == authority.npos ? authority : authority.substr(at + 1);
    return out + encode_stray(path, "/:@");
}

/// Removes "%25eth0" from "[fe80::1%25eth0]", as Boost.URL does not support zones. Returns "%eth0", or nothing if there is
/// none.
result<std::string> extract_zone(std::string& rest) {
    const std::string_view authority = std::string_view(rest).substr(0, rest.find('/'));
    const auto at = authority.rfind('@');
    const auto open = at == authority.npos ? 0 : at + 1;
    const auto close = authority.find(']', open);
    if (!authority.substr(open).starts_with('[') || close == authority.npos) return std::string();
    const auto percent = authority.substr(0, close).find('%', open);
    if (percent == authority.npos) return std::string();
    const auto zone = without_zone_escape(authority.substr(percent, close - percent));
    const auto fits = [](char c) { return is_alpha(c) || is_digit(c) || std::string_view("-._~").contains(c); };
    if (zone.size() == 1 || !std::ranges::all_of(std::string_view(zone).substr(1), fits))
        return fail(errc::syntax, "invalid URL: an interface must follow the % of an address, as in [fe80::1%25eth0]");
    rest.erase(percent, close - percent);
    return zone;
}

/// A name with another character, which can only be there escaped, is no host; a colon would make it an address.
bool is_host_name(std::string_view name) {
    return std::ranges::all_of(name, [](char c) {
        return is_alpha(c) || is_digit(c) || unreserved_and_sub.contains(c) || static_cast<unsigned char>(c) >= 0x80;
    });
}

bool has_line_break(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; }

result<void> extract_type(std::string& encoded_path, url& out) {
    const auto semicolon = encoded_path.rfind(';');
    if (semicolon == encoded_path.npos || !starts_with_icase(std::string_view(encoded_path).substr(semicolon), ";type="))
        return {};
    const std::string type = to_lower(std::string_view(encoded_path).substr(semicolon + 6));
    if (type != "a" && type != "i")
        return fail(errc::unsupported, ";type=" + type + ": unknown type; use a (text) or i (binary)");
    out.ascii = type == "a";
    encoded_path.resize(semicolon);
    return {};
}

std::string decode(std::string_view encoded) {
    return boost::urls::pct_string_view(encoded.data(), encoded.size()).decode();
}

std::string encode(std::string_view text, std::string_view extra) {
    std::string doubled;
    for (const char c : text) doubled += c == '%' ? std::string("%25") : std::string(1, c);
    return encode_stray(doubled, extra);
}

/// A name with ";type=" in it must not select a type.
std::string encode_path(const std::string& path, bool ascii) {
    std::string out = encode(path, "/:@");
    if (ascii) return out + ";type=a";
    if (!to_lower(out).contains(";type=")) return out;
    for (auto at = out.find(';'); at != out.npos; at = out.find(';', at)) out.replace(at, 1, "%3B");
    return out;
}

}  // namespace

result<url> url::parse(std::string_view text) {
    const auto colon = text.find("://");
    if (colon == text.npos)
        return fail(errc::syntax,
                    "invalid URL: " + std::string(text) + "; use a form such as ftp://host/path or ftps://user@host/path");
    const auto* found = std::ranges::find(schemes, to_lower(text.substr(0, colon)), &scheme::name);
    if (found == std::end(schemes))
        return fail(errc::unsupported, std::string(text.substr(0, colon)) + ": unknown scheme; use ftp, ftps or ftpes");
    if (std::ranges::any_of(text, [](char c) { return is_control(c); }))
        return fail(errc::name_invalid, "the URL contains a control character");

    std::string rest(text.substr(colon + 3));
    const auto zone = extract_zone(rest);
    if (!zone) return std::unexpected(zone.error());
    // Must outlive `parsed`, which refers to it.
    const std::string clean = strict(found->name, rest);
    const auto parsed = boost::urls::parse_uri(clean);
    if (!parsed) return fail(errc::syntax, "invalid URL: " + parsed.error().message());
    const auto& view = *parsed;

    url out;
    out.tls = found->tls;
    out.host = view.host_address();
    if (out.host.empty()) return fail(errc::syntax, "the URL has no host");
    if (view.host_type() == boost::urls::host_type::name && !is_host_name(out.host))
        return fail(errc::syntax, "invalid URL: a host name has letters, digits, '-' and '.'");
    out.host += *zone;
    out.port = found->port;
    if (view.has_port()) {
        const auto port = parse_decimal(std::string(view.port()), 65535);
        if (!port || *port == 0) return fail(errc::syntax, "invalid port: " + std::string(view.port()));
        out.port = static_cast<std::uint16_t>(*port);
    }
    if (view.has_userinfo() && !view.user().empty()) out.user = view.user();
    if (view.has_password()) out.password = view.password();

    std::string encoded_path(view.encoded_path());
    if (auto type = extract_type(encoded_path, out); !type) return std::unexpected(type.error());
    if (!encoded_path.empty()) out.path = decode(std::string_view(encoded_path).substr(1));

    for (const auto& part : {out.host, out.user.value_or(""), out.password.value_or(""), out.path})
        if (has_line_break(part)) return fail(errc::name_invalid, "the URL contains an encoded line break or NUL");
    return out;
}

std::string url::authority() const {
    return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string url::text() const {
    std::string out;
    std::uint16_t usual = 0;
    for (const auto& s : schemes)
        if (s.tls == tls && out.empty()) {
            out = std::string(s.name) + "://";
            usual = s.port;
        }
    if (user) out += encode(*user, "") + "@";
    out += host.contains(':') ? "[" + encode(host, ":") + "]" : encode(host, "");
    if (port != usual) out += ":" + std::to_string(port);
    return out + "/" + encode_path(path, ascii);
}

std::string_view url::file_name() const noexcept {
    const auto slash = path.rfind('/');
    return slash == path.npos ? std::string_view(path) : std::string_view(path).substr(slash + 1);
}

}  // namespace sallyport::client
