#include <sallyport/helper/session_connection.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <sallyport/net/socket_address.hpp>

namespace sallyport::helper {

std::optional<session_connection> session_connection::of(int descriptor) noexcept {
    // No socket but one of TCP has this option.
    tcp_info facts{};
    socklen_t size = sizeof facts;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &facts, &size) != 0 || facts.tcpi_state != TCP_ESTABLISHED)
        return std::nullopt;
    return session_connection{net::local_endpoint(descriptor), net::peer_endpoint(descriptor)};
}

result<ip_address> translated_address(int descriptor, std::optional<firewall::conntrack>& tracking) {
    if (!tracking) {
        auto opened = firewall::conntrack::open();
        if (!opened) return std::unexpected(std::move(opened).error());
        tracking.emplace(std::move(*opened));
    }
    const auto found = tracking->find(firewall::flow::of_socket(descriptor));
    if (!found) return std::unexpected(found.error());
    return *found ? (*found)->reply.destination.address : net::local_endpoint(descriptor).address;
}

}  // namespace sallyport::helper
