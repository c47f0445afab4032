#include <sallyport/doctor/socket_probe.hpp>

#include <sys/socket.h>

#include <sallyport/net/socket_address.hpp>

namespace sallyport::doctor {

void set_ttl(int socket, bool v4, unsigned ttl) {
    net::set_option(socket, v4 ? static_cast<int>(IPPROTO_IP) : IPPROTO_IPV6,
                    v4 ? static_cast<int>(IP_TTL) : IPV6_UNICAST_HOPS, static_cast<int>(ttl));
}

void report_icmp_errors(int socket, bool v4) {
    net::set_option(socket, v4 ? static_cast<int>(IPPROTO_IP) : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
}

void close_with_reset(int socket) {
    const linger at_once{1, 0};
    (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

std::optional<tcp_info> state_of_tcp(int socket) {
    tcp_info out{};
    socklen_t size = sizeof(out);
    return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &out, &size) == 0 ? std::optional(out) : std::nullopt;
}

}  // namespace sallyport::doctor
