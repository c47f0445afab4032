#pragma once
// Converts zones of IPv6 addresses in URLs. A pure function; any thread.

#include <string>
#include <string_view>

namespace sallyport {

/// Converts an IPv6 literal of a URL, without its brackets, to the system's form: RFC 6874 writes "fe80::1%25eth0" for
/// fe80::1%eth0, since '%' starts an escape in a URL. The unescaped form is accepted too.
[[nodiscard]] inline std::string without_zone_escape(std::string_view literal) {
    constexpr std::string_view escaped = "%25";
    const auto percent = literal.find('%');
    if (percent == std::string_view::npos) return std::string(literal);
    const auto zone = literal.substr(percent);
    // "%25" alone is the interface with index 25.
    const bool is_escaped = zone.starts_with(escaped) && zone.size() > escaped.size();
    return std::string(literal.substr(0, percent)) + '%' + std::string(zone.substr(is_escaped ? escaped.size() : 1));
}

}  // namespace sallyport
