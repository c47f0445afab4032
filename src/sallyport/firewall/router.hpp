#pragma once
// The interface to the machine for a gateway that intercepts sessions (interception.hpp): what its sessions need and what
// requires a privilege. The helper's client implements it, and a substitute in tests.
//
// Owned by the command for the life of the daemon. Any thread; each call may wait for the helper, which needs microseconds.

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::firewall {

class router {
public:
    router() = default;
    virtual ~router() = default;
    router(const router&) = delete;
    router& operator=(const router&) = delete;

    /// A TCP socket for the backend leg, bound to the address of this control connection's client and to a port other than
    /// the client's. The server then sees the client's own address, or what NAT on this machine makes of it.
    [[nodiscard]] virtual result<unique_fd> client_socket(int client_control) = 0;
    /// The address from which the peer of this control connection sees it: its local address, or what NAT on this machine
    /// has made of it.
    [[nodiscard]] virtual result<ip_address> translated_address(int backend_control) = 0;
};

}  // namespace sallyport::firewall
