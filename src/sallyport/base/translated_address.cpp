#include <sallyport/base/translated_address.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sallyport {

namespace {

constexpr std::array<std::uint8_t, 16> well_known{0, 0x64, 0xff, 0x9b};
constexpr unsigned well_known_prefix = 96;

bool have_same_prefix(unsigned bits, const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b) {
    const std::size_t count = bits / 8;
    return std::ranges::equal(std::span(a).first(count), std::span(b).first(count));
}

/// RFC 7050 section 2.2.
bool is_of_ipv4only_arpa(const ip_address& a) {
    return a == ip_address::v4({192, 0, 0, 170}) || a == ip_address::v4({192, 0, 0, 171});
}

}  // namespace

bool has_well_known_prefix(const ip_address& a) noexcept {
    return a.is_v6() && have_same_prefix(well_known_prefix, a.bytes(), well_known);
}

ip_address ipv4_after(unsigned prefix, const ip_address& a) noexcept {
    constexpr std::size_t left_out = 8;
    std::size_t at = prefix / 8;
    std::array<std::uint8_t, 4> out{};
    for (auto& byte : out) {
        if (at == left_out) ++at;
        byte = a.bytes().at(at++);
    }
    return ip_address::v4(out);
}

std::optional<ip_address> ipv4_of_translated(const ip_address& a, std::span<const ip_address> of_ipv4only_arpa) {
    if (a.is_v4()) return std::nullopt;
    if (has_well_known_prefix(a)) return ipv4_after(well_known_prefix, a);
    for (const auto& each : of_ipv4only_arpa)
        for (const auto prefix : translation_prefixes)
            if (each.is_v6() && is_of_ipv4only_arpa(ipv4_after(prefix, each)) &&
                have_same_prefix(prefix, a.bytes(), each.bytes()))
                return ipv4_after(prefix, a);
    return std::nullopt;
}

}  // namespace sallyport
