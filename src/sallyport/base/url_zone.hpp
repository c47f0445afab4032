#pragma once
// Zones of IPv6 addresses in URLs. A pure function; any thread.

#include <string>
#include <string_view>

namespace sallyport {

/// An IPv6 literal of a URL, without its brackets, as the system writes it: RFC 6874 has "fe80::1%25eth0" for fe80::1%eth0,
/// since '%' begins an escape in a URL. People paste the second form too, and it is taken as it is.
[[nodiscard]] inline std::string without_zone_escape(std::string_view literal) {
    constexpr std::string_view escaped = "%25";
    const auto percent = literal.find('%');
    if (percent == std::string_view::npos) return std::string(literal);
    const auto zone = literal.substr(percent);
    // "%25" alone is the interface with the number 25.
    const bool is_escaped = zone.starts_with(escaped) && zone.size() > escaped.size();
    return std::string(literal.substr(0, percent)) + '%' + std::string(zone.substr(is_escaped ? escaped.size() : 1));
}

}  // namespace sallyport
