#include <sallyport/gate/forward_rule.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::gate {
namespace {

// Clouds answer there with the keys of the machine that asks. Other such services have link-local addresses.
constexpr auto metadata_services =
    std::to_array<std::string_view>({"fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"});

/// The scheme up to "://", the target with its ports, and the parameters from "?" on.
struct rule_text {
    std::string_view scheme;
    std::string_view target;
    std::string_view parameters;
};

[[nodiscard]] rule_text split(std::string_view text) {
    rule_text out;
    if (const auto end = text.find("://"); end != std::string_view::npos) {
        out.scheme = text.substr(0, end + 3);
        text.remove_prefix(end + 3);
    }
    const auto mark = std::min(text.find('?'), text.size());
    out.target = text.substr(0, mark);
    out.parameters = text.substr(mark);
    return out;
}

/// The target alone, and its ports after the colon.
[[nodiscard]] std::pair<std::string_view, std::optional<std::string_view>> split_ports(std::string_view text) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return {{}, std::nullopt};
        const auto rest = text.substr(end + 1);
        if (rest.empty()) return {text.substr(1, end - 1), std::nullopt};
        return {text.substr(1, end - 1), rest.starts_with(':') ? rest.substr(1) : std::string_view()};
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || ip_network::parse(text)) return {text, std::nullopt};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

[[nodiscard]] std::optional<std::variant<ip_network, std::string>> read_target(std::string_view text) {
    if (const auto network = ip_network::parse(text)) return *network;
    const bool any_below = text.starts_with("*.");
    const auto name = proto::named_server::parse(any_below ? text.substr(2) : text);
    // What looks like an address with a mistake is no name.
    if (!name || name->port != 0 || name->host.find_first_not_of("0123456789.") == std::string::npos) return std::nullopt;
    return (any_below ? "*." : "") + name->host;
}

[[nodiscard]] bool read_ports(std::string_view text, std::vector<port_range>& into) {
    for (const auto part : std::views::split(text, ',')) {
        const auto range = port_range::parse(std::string_view(part));
        if (!range || range->first == 0 || range->size() == 0) return false;
        into.push_back(*range);
    }
    return !into.empty();
}

/// The IPv4 address inside an IPv6 one that a translator or a tunnel connects to: ::a.b.c.d (RFC 4291), 64:ff9b::a.b.c.d
/// (RFC 6052), and 2002:ab:cd:: (RFC 3056).
[[nodiscard]] std::optional<ip_address> embedded_v4(const ip_address& a) noexcept {
    constexpr std::array<std::uint8_t, 12> compatible{};
    constexpr std::array<std::uint8_t, 12> translated{0, 0x64, 0xff, 0x9b};
    if (a.is_v4()) return std::nullopt;
    const auto& b = a.bytes();
    const auto begins_with = [&](const auto& prefix) { return std::equal(prefix.begin(), prefix.end(), b.begin()); };
    if (begins_with(compatible) || begins_with(translated)) return ip_address::v4({b[12], b[13], b[14], b[15]});
    if (b[0] == 0x20 && b[1] == 0x02) return ip_address::v4({b[2], b[3], b[4], b[5]});
    return std::nullopt;
}

[[nodiscard]] bool names(const std::string& pattern, const std::string& host) {
    // An address is no name below a domain.
    if (ip_address::parse(host)) return false;
    if (!pattern.starts_with("*.")) return pattern == host;
    const auto suffix = std::string_view(pattern).substr(1);
    return host.size() > suffix.size() && host.ends_with(suffix);
}

[[nodiscard]] std::optional<std::uint16_t> port_by(const forward_rule& rule, const proto::named_server& server) {
    const auto port = server.port != 0 ? server.port : rule.default_port();
    const bool permitted = std::ranges::any_of(rule.ports, [&](const port_range& r) { return r.contains(port); });
    return permitted ? std::optional(port) : std::nullopt;
}

}  // namespace

result<forward_rule> parse_forward_rule(std::string_view text) {
    const auto refuse = [&](std::string_view reason) {
        return fail(errc::syntax, fmt::format("\"{}\": {}; use NET[:PORTS] or NAME[:PORTS], for example 192.0.2.0/24, "
                                              "*.example.org:21,2121 or ftpes://ftp.example.org",
                                              escape(text, 200), reason));
    };
    const auto parts = split(text);
    // The scheme and the parameters are those of a backend, and mean the same.
    const auto model =
        backend::parse(fmt::format("{}server{}", parts.scheme.empty() ? "ftp://" : parts.scheme, parts.parameters));
    if (!model) return refuse("the scheme or the parameter is not valid");
    if (*model != backend{.host = "server", .port = model->port, .tls = model->tls})
        return refuse("the only parameter is tls=match");
    const auto [target, ports] = split_ports(parts.target);
    const auto read = read_target(target);
    if (!read) return refuse("neither a network nor a name");
    forward_rule out{.target = *read, .ports = {}, .tls = model->tls};
    if (!ports)
        out.ports.push_back({out.default_port(), out.default_port()});
    else if (!read_ports(*ports, out.ports))
        return refuse("the ports are not valid");
    return out;
}

std::string_view reason_against(const ip_address& a, const std::vector<ip_address>& machine) noexcept {
    if (a.is_unspecified() || (a.is_v4() && a.bytes()[0] == 0)) return "it stands for this machine";
    if (a.is_loopback()) return "it is a loopback address";
    const bool own = std::ranges::any_of(machine, [&](const ip_address& each) { return is_same_host(each, a); });
    if (own) return "it is an address of this machine";
    if (a.is_link_local()) return "it is a link-local address";
    if (a.is_multicast()) return "it is a multicast address";
    if (a == ip_address::v4({255, 255, 255, 255})) return "it is the broadcast address";
    const bool metadata =
        std::ranges::any_of(metadata_services, [&](std::string_view each) { return ip_address::parse(each) == a; });
    if (metadata) return "it is the metadata service of a cloud";
    if (const auto inner = embedded_v4(a)) return reason_against(*inner, machine);
    return {};
}

bool may_permit(const std::vector<forward_rule>& rules, const proto::named_server& server) {
    return std::ranges::any_of(rules, [&](const forward_rule& rule) {
        const auto* const name = std::get_if<std::string>(&rule.target);
        return port_by(rule, server) && (name == nullptr || names(*name, server.host));
    });
}

std::expected<backend, std::string> permit(const std::vector<forward_rule>& rules, const proto::named_server& server,
                                           const std::vector<ip_address>& addresses,
                                           const std::vector<ip_address>& machine) {
    std::string reason = "no --forward-to permits it";
    for (const auto& rule : rules) {
        const auto port = port_by(rule, server);
        const auto* const name = std::get_if<std::string>(&rule.target);
        if (!port || (name != nullptr && !names(*name, server.host))) continue;
        backend out{.host = server.host, .port = *port, .tls = rule.tls};
        for (const auto& address : addresses) {
            if (name == nullptr && !std::get<ip_network>(rule.target).contains(address)) continue;
            const auto no = reason_against(address, machine);
            if (no.empty())
                out.addresses.push_back(address);
            else
                reason = fmt::format("{} is never permitted: {}", address.text(), no);
        }
        if (!out.addresses.empty()) return out;
    }
    return std::unexpected(std::move(reason));
}

}  // namespace sallyport::gate
