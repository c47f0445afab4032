#pragma once
// Selects the address that a 227 reply advertises to a client (S3, G4), by the administrator's rules (address_rule): a fixed
// address, the current address of a host name, the router's external address, or the client destination. If no rule matches,
// it is the client destination. The router's address is for clients on the Internet only: one whose address is private or in
// a network of this machine gets the client destination in its place.
//
// Host names are resolved in the background, at start and then every `refresh`. If a lookup fails, the previous address
// stays in use. A session never waits for a lookup. Changes are logged.
//
// Thread-safe. Owned by passive_mode; the event loops outlive it.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/address_rule.hpp>
#include <sallyport/reach/mapped_ports.hpp>
#include <sallyport/reach/own_networks.hpp>

namespace sallyport::reach {

/// The address for one reply.
struct advertised_address {
    ip_address address;
    // It is not the client destination, so that a router may have other port numbers for it.
    bool is_external = false;
};

/// Resolves a host name: net::resolve, or a substitute in tests.
using name_resolver =
    std::function<net::task<result<std::vector<ip_address>>>(net::loop&, std::string host, net::time_limit)>;

class address_selector {
public:
    /// `router`: for `auto`; null: there is none.
    address_selector(net::loop& loop, std::vector<address_rule> rules, std::shared_ptr<const mapped_ports> router = {},
                     std::shared_ptr<const own_networks> own = {}, std::chrono::seconds refresh = std::chrono::seconds(60),
                     name_resolver resolver = {});
    ~address_selector();

    /// Starts resolving the host names, on `loop`. Until a name has an address, the client destination is advertised in its
    /// place; if the first lookup fails, a warning says so.
    void start();
    /// Copies the addresses that `other` has resolved for the same names. Call it before start().
    void copy_addresses_from(const address_selector& other);
    /// Stops the lookups. Call it while the loop exists; further calls do nothing.
    void stop();

    /// Empty if no IPv4 address is available for a 227: the client connected over IPv6 and no rule gives an external
    /// address. EPSV works in that case.
    [[nodiscard]] std::optional<advertised_address> select(const client_info& client) const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
