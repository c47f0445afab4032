#pragma once
// Between our endpoints and the system's socket addresses. Pure values; any thread.

#include <optional>

#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/base/address.hpp>

namespace sallyport::net {

/// Room for the system's form of one endpoint.
class socket_address {
public:
    socket_address() noexcept = default;  // to be filled by the system
    explicit socket_address(const endpoint& e) noexcept;
    socket_address(const sockaddr* from, socklen_t size) noexcept;

    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] sockaddr* data() noexcept;
    [[nodiscard]] const sockaddr* data() const noexcept;
    [[nodiscard]] socklen_t* size() noexcept { return &size_; }  // in: room, out: used
    [[nodiscard]] socklen_t length() const noexcept { return size_; }

    /// IPv4 mapped into IPv6 comes back as IPv4. 0.0.0.0:0 where the family is neither.
    [[nodiscard]] endpoint value() const noexcept;

private:
    sockaddr_storage storage_{};
    socklen_t size_ = sizeof(storage_);
};

/// Where the socket is bound, or connected to; 0.0.0.0:0 where it is not.
[[nodiscard]] endpoint local_endpoint(int socket) noexcept;
[[nodiscard]] endpoint peer_endpoint(int socket) noexcept;

/// Where the peer of an accepted connection has connected to, if this machine's NAT has changed that; else nothing.
[[nodiscard]] std::optional<endpoint> original_destination(int socket) noexcept;

/// An integer socket option; the result only matters where the system may lack it.
bool set_option(int socket, int level, int name, int value) noexcept;

/// What every stream's socket has: TCP_NODELAY, and urgent bytes in line: the Telnet Synch before an ABOR is sent as such
/// (RFC 959 section 4.1.3), and without this its last byte would be missing. Connections inherit it from their listener, so
/// it costs an accepted one nothing.
///
/// `at`: the address that it will listen at or connect to. On loopback no network has to be shared: there congestion control
/// that paces (BBR) halves the rate of a large transfer by its timers. It is left before the connection stands, as a
/// connection that was paced once remains so.
void set_stream_options(int socket, const ip_address& at) noexcept;

}  // namespace sallyport::net
