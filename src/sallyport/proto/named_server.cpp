#include <sallyport/proto/named_server.hpp>

#include <algorithm>

#include <sallyport/base/address.hpp>
#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {
namespace {

// RFC 1035, section 2.3.4, for names as text.
constexpr std::size_t max_host_name = 253;

[[nodiscard]] std::unexpected<error> malformed() {
    return fail(errc::syntax, "The server is HOST, HOST:PORT or [IPV6]:PORT; send for example USER name@ftp.example.org.");
}

[[nodiscard]] bool is_host_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= max_host_name && !text.starts_with('.') && !text.starts_with('-') &&
           std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; });
}

}  // namespace

result<named_server> named_server::parse(std::string_view text) {
    text = without_trailing_blanks(text);
    const auto blank = text.find(' ');
    std::string_view host = text.substr(0, blank);
    std::optional<std::string_view> port;
    if (blank != std::string_view::npos) port = text.substr(std::min(text.find_first_not_of(' ', blank), text.size()));
    bool is_address = false;
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        if (end == std::string_view::npos) return malformed();
        const auto rest = host.substr(end + 1);
        host = host.substr(1, end - 1);
        if (!rest.empty() && (port || rest.front() != ':')) return malformed();
        if (!rest.empty()) port = rest.substr(1);
        is_address = true;
    } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
        // Without brackets an IPv6 address could end with the port.
        is_address = host.find(':', colon + 1) != std::string_view::npos;
        if (is_address != port.has_value()) return malformed();
        if (!is_address) {
            port = host.substr(colon + 1);
            host = host.substr(0, colon);
        }
    }
    named_server out;
    if (port) {
        const auto number = parse_decimal(*port, 65535);
        if (!number || *number == 0) return malformed();
        out.port = static_cast<std::uint16_t>(*number);
    }
    if (const auto address = ip_address::parse(host)) {
        out.host = address->text();
        return out;
    }
    if (host.ends_with('.')) host.remove_suffix(1);
    if (is_address || !is_host_name(host)) return malformed();
    out.host = to_lower(host);
    return out;
}

std::string named_server::text() const {
    const auto shown = host.find(':') == std::string::npos ? host : '[' + host + ']';
    return port == 0 ? shown : shown + ':' + std::to_string(port);
}

result<std::optional<named_login>> split_login(std::string_view argument) {
    const auto mark = argument.find_last_of("@#");
    if (mark == std::string_view::npos) return std::nullopt;
    auto server = named_server::parse(argument.substr(mark + 1));
    if (!server) return std::unexpected(std::move(server.error()));
    if (mark == 0) return malformed();
    return named_login{std::string(argument.substr(0, mark)), std::move(*server)};
}

}  // namespace sallyport::proto
