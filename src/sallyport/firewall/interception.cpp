#include <sallyport/firewall/interception.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>
#include <net/if.h>

namespace sallyport::firewall {
namespace {

// With more, a mistake is likelier than a need.
constexpr std::size_t max_terms = 64;

[[nodiscard]] std::optional<std::uint32_t> number_in(std::string_view text) {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value, base);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return value;
}

[[nodiscard]] bool is_interface_name(std::string_view name) {
    if (name.ends_with('*')) name.remove_suffix(1);
    return !name.empty() && name.size() < IFNAMSIZ && name != "lo" &&
           std::ranges::all_of(
               name,
               [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                          c == '-' || c == '_' || c == '@' || c == ':';
               });
}

[[nodiscard]] result<void> check_networks(std::string_view term, std::span<const ip_network> networks) {
    if (networks.size() > max_terms)
        return fail(errc::usage, fmt::format("{}= names more than {} networks; combine some of them", term, max_terms));
    return {};
}

}  // namespace

endpoint interception_listener(bool v4, std::uint16_t port) noexcept {
    std::array<std::uint8_t, 16> v6{};
    v6.back() = 1;
    return {v4 ? ip_address::v4({127, 0, 0, 1}) : ip_address::v6(v6), port};
}

std::set<std::uint16_t> interception::all_ports() const {
    std::set<std::uint16_t> out(ports.begin(), ports.end());
    out.insert(implicit_ports.begin(), implicit_ports.end());
    return out;
}

bool interception_settings::listens(bool v4) const {
    return std::ranges::any_of(interceptions, [v4](const interception& i) { return i.listeners.of(v4) != 0; });
}

result<void> check(const interception& i) {
    if (i.interfaces.empty())
        return fail(errc::usage, "no interface is named; name the one that the clients are connected to");
    if (i.interfaces.size() > max_terms) return fail(errc::usage, fmt::format("more than {} interfaces", max_terms));
    for (const auto& name : i.interfaces) {
        if (!is_interface_name(name))
            return fail(errc::usage,
                        fmt::format("\"{}\" is not the name of an interface of clients; `ip link` lists them, and "
                                    "a name may end in '*'",
                                    name));
    }
    if (i.ports.empty() && i.implicit_ports.empty())
        return fail(errc::usage, "no port is named; leave ports= out for port 21");
    if (i.ports.size() + i.implicit_ports.size() > max_terms)
        return fail(errc::usage, fmt::format("more than {} ports", max_terms));
    for (const auto port : i.ports) {
        if (port == 0) return fail(errc::usage, "port 0 is not the port of a server");
        if (std::ranges::find(i.implicit_ports, port) != i.implicit_ports.end())
            return fail(errc::usage, fmt::format("port {} is in ports= and in implicit=; name it in one of them", port));
    }
    if (std::ranges::find(i.implicit_ports, 0) != i.implicit_ports.end())
        return fail(errc::usage, "port 0 is not the port of a server");
    for (const auto& [term, networks] : {std::pair{"from", &i.from}, {"to", &i.to}, {"except", &i.except}}) {
        if (const auto checked = check_networks(term, *networks); !checked) return checked;
    }
    return {};
}

std::optional<mark_bits> mark_bits::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto value = number_in(text.substr(0, slash));
    const auto mask = slash == std::string_view::npos ? std::optional(0xffffffffU) : number_in(text.substr(slash + 1));
    if (!value || !mask || *value == 0 || (*value & ~*mask) != 0) return std::nullopt;
    return mark_bits{*value, *mask};
}

std::string mark_bits::text() const { return fmt::format("0x{:08x}/0x{:08x}", value, mask); }

}  // namespace sallyport::firewall
