#pragma once
// Which address to tell which client in a 227, as the administrator says it (S3): "[CONDITIONS=]ADDRESS".
//
// ADDRESS is an IPv4 address, a host name, or `reached`: the one that the client has connected to. CONDITIONS, joined by
// commas, must all hold: a network that the client is in (10.0.0.0/8), where it has connected to (192.0.2.1:990, or :990 for
// any address), `tls` or `plain` for its control connection. Of several rules the one with the longest network counts, then
// the one with more conditions, then the first. Values; any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::reach {

/// Who asks, and how it came to us.
struct visitor {
    ip_address client;
    endpoint reached;
    bool tls = false;
};

struct address_rule {
    std::optional<ip_network> clients;
    std::optional<endpoint> reached;  // any address where it is unspecified
    std::optional<bool> tls;
    std::string address;  // or a name; empty: the one that the client reached

    [[nodiscard]] static result<address_rule> parse(std::string_view text);
    [[nodiscard]] bool holds_for(const visitor& v) const noexcept;
    friend bool operator==(const address_rule&, const address_rule&) = default;

private:
    [[nodiscard]] bool add_condition(std::string_view text);
};

/// The order in which the first one that holds is the one that counts.
[[nodiscard]] std::vector<address_rule> by_precedence(std::vector<address_rule> rules);

}  // namespace sallyport::reach
