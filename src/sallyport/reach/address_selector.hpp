#pragma once
// Which address to advertise in a 227 (S3, G4): by the administrator's rules (address_rule) a fixed one, a host name's that
// is followed as it changes, or the address that the client reached; that one too where no rule holds.
//
// A name is resolved in the background, at start and then every `refresh`; the last good answer is kept when a look-up
// fails, and a session never waits for one. A change is logged. Safe from any thread. Owned by the daemon; the loops
// outlive it.

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

namespace sallyport::reach {

struct advertised_address {
    ip_address address;
    // "external address", "name ftp.example.org", "the address the client reached".
    std::string reason;
};

/// How names become addresses: net::resolve, or a test's own.
using name_resolver =
    std::function<net::task<result<std::vector<ip_address>>>(net::loop&, std::string host, net::time_limit)>;

class address_selector {
public:
    address_selector(net::loop& loop, std::vector<address_rule> rules,
                     std::chrono::seconds refresh = std::chrono::seconds(60), name_resolver resolver = {});
    ~address_selector();

    /// Begins to follow the names, on the home loop. Until a first answer the address that the client reached is advertised;
    /// the log says so where the first look-up fails.
    void start();
    /// What `other` knows of the same names. Before start().
    void copy_addresses_from(const address_selector& other);
    /// Ends the look-ups. To be called while the home loop is there; again does nothing.
    void stop();

    /// Nothing where a 227 can't be given: IPv6 and no external address; EPSV
    /// works there all the same.
    [[nodiscard]] std::optional<advertised_address> select(const client_info& client) const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
