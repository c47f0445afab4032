#include <sallyport/gate/interception_rule.hpp>

#include <algorithm>
#include <array>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/ports.hpp>
#include <sallyport/base/translated_address.hpp>

namespace sallyport::gate {
namespace {

constexpr auto tls_names = std::to_array<std::string_view>({"pass", "end", "refuse"});

bool read_ports(std::string_view value, std::vector<std::uint16_t>& into) {
    into.clear();
    for (const auto part : std::views::split(value, ',')) {
        const auto number = parse_decimal(std::string_view(part), 65535);
        if (!number || *number == 0) return false;
        into.push_back(static_cast<std::uint16_t>(*number));
    }
    return true;
}

bool read_networks(std::string_view value, std::vector<ip_network>& into) {
    for (const auto part : std::views::split(value, ',')) {
        const auto network = ip_network::parse(std::string_view(part));
        if (!network) return false;
        into.push_back(*network);
    }
    return true;
}

bool read_tls_treatment(std::string_view value, intercepted_tls& into) {
    const auto* const found = std::ranges::find(tls_names, value);
    if (found == tls_names.end()) return false;
    into = static_cast<intercepted_tls>(found - tls_names.begin());
    return true;
}

bool read_passed_ports(std::string_view value, port_range& into) {
    const auto range = port_range::parse(value);
    if (!range || range->first < first_unprivileged_port) return false;
    into = *range;
    return true;
}

using rule = interception_rule;
constexpr auto terms = std::to_array<interception_term>({
    {"ports=N,N", "21", "Control ports of the servers",
     [](std::string_view value, rule& r) { return read_ports(value, r.connections.ports); }},
    {"implicit=N,N", "none", "Control ports with implicit TLS, usually 990",
     [](std::string_view value, rule& r) { return read_ports(value, r.connections.implicit_ports); }},
    {"from=NET,NET", "all", "Only clients in these networks",
     [](std::string_view value, rule& r) { return read_networks(value, r.connections.from); }},
    {"to=NET,NET", "all", "Only servers in these networks",
     [](std::string_view value, rule& r) { return read_networks(value, r.connections.to); }},
    {"except=NET,NET", "none", "No servers in these networks",
     [](std::string_view value, rule& r) { return read_networks(value, r.connections.except); }},
    {"tls=pass|end|refuse", "pass", "Pass TLS unread, end it for servers named in --tls-cert, or refuse AUTH",
     [](std::string_view value, rule& r) { return read_tls_treatment(value, r.tls); }},
    {"passthrough=A-B", "off", "Server ports (1024 or higher) that a client may connect to during TLS passthrough",
     [](std::string_view value, rule& r) { return read_passed_ports(value, r.connections.passed_ports); }},
    {"nat64", "off", "The networks in to= are NAT64 prefixes: connect to servers over IPv4",
     [](std::string_view value, rule& r) { return r.nat64 = value.empty(); }},
});

/// RFC 6052 section 2.2.
[[nodiscard]] bool is_translation_prefix(const ip_network& n) noexcept {
    return n.text().contains(':') && std::ranges::find(translation_prefixes, n.prefix()) != translation_prefixes.end();
}

[[nodiscard]] std::string read_term(std::string_view text, interception_rule& into) {
    const auto equals = text.find('=');
    const auto key = text.substr(0, equals);
    const auto* const row = std::ranges::find(terms, key, &interception_term::name);
    if (row == terms.end()) {
        std::vector<std::string> names;
        for (const auto& each : terms) names.emplace_back(each.name());
        return fmt::format("unknown term \"{}\"{}", escape(key, 100),
                           did_you_mean(key, names, "see 'sallyport gate --help' for the list"));
    }
    const bool takes_value = row->form.contains('=');
    const auto value = equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
    if (takes_value == (equals != std::string_view::npos) && row->read(value, into)) return {};
    return fmt::format("invalid term \"{}\"; use {}: {}", escape(text, 100), row->form, row->help);
}

}  // namespace

std::string_view name(intercepted_tls t) noexcept { return tls_names[static_cast<std::size_t>(t)]; }

std::span<const interception_term> interception_terms() noexcept { return terms; }

result<interception_rule> interception_rule::parse(std::string_view text) {
    const auto refuse = [&](std::string_view reason) {
        return fail(errc::syntax, fmt::format("\"{}\": {}", escape(text, 200), reason));
    };
    const auto mark = text.find('?');
    interception_rule out;
    for (const auto interface : std::views::split(text.substr(0, mark), ','))
        out.connections.interfaces.emplace_back(std::string_view(interface));
    if (mark != std::string_view::npos) {
        for (const auto term : std::views::split(text.substr(mark + 1), '&'))
            if (const auto wrong = read_term(std::string_view(term), out); !wrong.empty()) return refuse(wrong);
    }
    if (const auto valid = firewall::check(out.connections); !valid) return refuse(valid.error().what);
    if (out.tls == intercepted_tls::refuse && !out.connections.implicit_ports.empty())
        return refuse("the ports in implicit= have nothing but TLS, which tls=refuse refuses; remove one of the two");
    if (out.connections.passed_ports.first != 0 && out.tls == intercepted_tls::refuse)
        return refuse("passthrough=A-B is for TLS passthrough; remove it, or use tls=pass or tls=end");
    if (out.nat64 && out.connections.passed_ports.first != 0)
        return refuse(
            "passthrough=A-B cannot be combined with nat64: encrypted data connections go to the translator, not to this "
            "gateway; remove passthrough=");
    if (out.nat64 && (out.connections.to.empty() || !std::ranges::all_of(out.connections.to, is_translation_prefix)))
        return refuse(
            "nat64 needs the IPv6 prefixes of the translator in to=, with 32, 40, 48, 56, 64 or 96 bits, for example "
            "to=64:ff9b::/96&nat64");
    return out;
}

ip_address interception_rule::server_of(const ip_address& destination) const noexcept {
    if (!nat64) return destination;
    const auto prefix = std::ranges::find_if(connections.to, [&](const ip_network& n) { return n.contains(destination); });
    return prefix == connections.to.end() ? destination : ipv4_after(prefix->prefix(), destination);
}

// The well-known prefix must not be used for them (RFC 6052, section 3.1), and a translator may forward them nevertheless.
bool interception_rule::is_untranslatable(const ip_address& destination) const noexcept {
    return nat64 && has_well_known_prefix(destination) && !server_of(destination).is_public();
}

bool interception_rule::is_implicit(std::uint16_t port) const noexcept {
    return std::ranges::find(connections.implicit_ports, port) != connections.implicit_ports.end();
}

}  // namespace sallyport::gate
