#pragma once
// Which address to advertise in a 227 (S3, G4): a fixed one, a host name's that is followed as it changes, or the address
// that the client reached.
//
// A name is resolved in the background, at start and then every `refresh`; the last good answer is kept when a look-up
// fails, and a session never waits for one. A change is logged. Safe from any thread.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::reach {

struct advice {
    ip_address address;
    std::string reason;  // "external address", "name ftp.example.org", "the address the client reached"
};

/// How names become addresses: net::resolve, or a test's own.
using name_resolver =
    std::function<net::task<result<std::vector<ip_address>>>(net::loop&, std::string host, net::time_limit)>;

class address_advisor {
public:
    /// `external`: empty, an IPv4 address, or a host name.
    address_advisor(net::loop& home, std::string external, std::chrono::seconds refresh = std::chrono::seconds(60),
                    name_resolver resolver = {});
    ~address_advisor();

    /// Begins to follow a name, on the home loop. Until a first answer the address that the client reached is advertised;
    /// the log says so where the first look-up fails.
    void start();
    /// Ends the look-ups. To be called while the home loop is there; again does nothing.
    void stop();

    /// For a client that reached us at `local`. Nothing where a 227 can't be given: IPv6 and no external address; EPSV
    /// works there all the same.
    [[nodiscard]] std::optional<advice> advertise(const ip_address& local, const ip_address& client) const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
