#pragma once
// Converts between endpoints and the system's socket addresses, and reads and sets properties of sockets. Values and
// functions without state; any thread.

#include <cstdint>
#include <optional>

#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/base/address.hpp>

namespace sallyport::net {

/// Holds one endpoint in the system's format.
class socket_address {
public:
    /// An empty address for the system to fill.
    socket_address() noexcept = default;
    explicit socket_address(const endpoint& e) noexcept;
    socket_address(const sockaddr* from, socklen_t size) noexcept;

    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] sockaddr* data() noexcept;
    [[nodiscard]] const sockaddr* data() const noexcept;
    /// For system calls that read the capacity and write the length.
    [[nodiscard]] socklen_t* size() noexcept { return &size_; }
    [[nodiscard]] socklen_t length() const noexcept { return size_; }

    /// An IPv4-mapped IPv6 address is returned as IPv4, and an address of another family as 0.0.0.0:0.
    [[nodiscard]] endpoint value() const noexcept;

private:
    sockaddr_storage storage_{};
    socklen_t size_ = sizeof(storage_);
};

/// The local endpoint and the peer of a socket; 0.0.0.0:0 if it is not bound or not connected.
[[nodiscard]] endpoint local_endpoint(int socket) noexcept;
[[nodiscard]] endpoint peer_endpoint(int socket) noexcept;

/// The endpoint to which the peer of an accepted connection connected, if NAT on this machine has changed it; otherwise
/// nothing.
[[nodiscard]] std::optional<endpoint> original_destination(int socket) noexcept;

/// Sets an integer socket option. The result only matters for options that the system may not support.
bool set_option(int socket, int level, int name, int value) noexcept;

/// The value of an integer socket option of SOL_SOCKET; -1 if there is none.
[[nodiscard]] int socket_option(int socket, int name) noexcept;

/// Whether the descriptor is a TCP socket.
[[nodiscard]] bool is_tcp(int descriptor) noexcept;

/// Whether the socket may have addresses of other hosts (IP_TRANSPARENT).
[[nodiscard]] bool is_transparent(int socket) noexcept;

/// Sets the options of all streams: TCP_NODELAY, and urgent data in line, since the Telnet Synch before an ABOR is sent as
/// urgent data (RFC 959 section 4.1.3) and its last byte would be missing otherwise. Accepted connections inherit the
/// options from their listener.
///
/// `at` is the address to listen at or to connect to. On loopback, congestion control with pacing (BBR) would halve the rate
/// of a large transfer by its timers, so it is replaced there. This must be done before the connection is established, as a
/// connection keeps its pacing.
void set_stream_options(int socket, const ip_address& at) noexcept;

}  // namespace sallyport::net
