#pragma once
// One rule of --external-address: "[CONDITIONS=]ADDRESS" (S3). It selects the address to advertise to some clients.
//
// ADDRESS is an IPv4 address, a host name, `client-destination`: the address that the client connected to, or `auto`: the
// router's external address (mapped_ports.hpp). CONDITIONS are those of client_condition.hpp. If several rules match a
// client, the one with the longest network prefix wins, then the one with more conditions, then the first.
//
// Values; any thread may use them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/reach/client_condition.hpp>

namespace sallyport::reach {

struct address_rule : client_condition {
    // An IPv4 address, a host name or "auto"; empty: the client destination.
    std::string address;

    [[nodiscard]] bool is_automatic() const noexcept { return address == "auto"; }

    /// Fails with errc::syntax if `text` is not a rule.
    [[nodiscard]] static result<address_rule> parse(std::string_view text);
    friend bool operator==(const address_rule&, const address_rule&) = default;
};

/// Sorts the rules so that the first one that matches a client is the one that applies to it.
[[nodiscard]] std::vector<address_rule> by_precedence(std::vector<address_rule> rules);

}  // namespace sallyport::reach
