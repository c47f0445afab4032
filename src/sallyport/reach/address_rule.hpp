#pragma once
// Which address to tell which client in a 227, as the administrator says it (S3): "[CONDITIONS=]ADDRESS".
//
// ADDRESS is an IPv4 address, a host name, or `client-destination`: the one that the client has connected to. CONDITIONS are
// those of client_condition.hpp. Of several rules the one with the longest network counts, then the one with more
// conditions, then the first. Values; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/reach/client_condition.hpp>

namespace sallyport::reach {

struct address_rule : client_condition {
    // Or a name; empty: the one that the client reached.
    std::string address;

    [[nodiscard]] static result<address_rule> parse(std::string_view text);
    friend bool operator==(const address_rule&, const address_rule&) = default;
};

/// The order in which the first one that holds is the one that counts.
[[nodiscard]] std::vector<address_rule> by_precedence(std::vector<address_rule> rules);

}  // namespace sallyport::reach
