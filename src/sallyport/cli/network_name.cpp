#include <sallyport/cli/network_name.hpp>

#include <optional>

#include <fmt/format.h>

#include <sallyport/base/address.hpp>
#include <sallyport/reach/default_route.hpp>

namespace sallyport::cli {
namespace {

/// The usual length of a prefix, since the real one would change with the settings of a network that stays the same.
std::string network_of(const ip_address& own) {
    if (own.is_v6()) return own.client_network().text() + "/64";
    auto bytes = own.v4_bytes();
    bytes.back() = 0;
    return ip_address::v4(bytes).text() + "/24";
}

std::optional<std::string> name_by(reach::address_family family) {
    if (const auto route = reach::find_default_route({}, family))
        return fmt::format("{} in {}", route->gateway.text(), network_of(route->own));
    if (const auto own = reach::find_own_address(family)) return network_of(*own);
    return std::nullopt;
}

}  // namespace

std::string network_name() {
    if (auto name = name_by(reach::address_family::ipv4)) return std::move(*name);
    return name_by(reach::address_family::ipv6).value_or("none");
}

}  // namespace sallyport::cli
