#pragma once
// Whether a client is in this machine's own networks, so that it reaches this machine without the router to the Internet.
//
// The networks of the interfaces are read again when what is known is ten seconds old. Thread-safe; owned by passive_mode.

#include <mutex>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::reach {

class own_networks {
public:
    /// Whether the address is private, link-local, loopback, or in a network of an interface.
    [[nodiscard]] bool is_local(const ip_address& client) const;

private:
    mutable std::mutex mutex_;
    mutable std::vector<ip_network> networks_;
    mutable net::deadline read_again_{};
};

}  // namespace sallyport::reach
