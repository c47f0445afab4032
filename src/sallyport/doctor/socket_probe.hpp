#pragma once
// Options and states of TCP sockets for the probes: TTL, ICMP errors, reset, acknowledgments. Private to this directory.
// Functions on a descriptor that belongs to the caller, and nothing outlives the call; any thread.

#include <optional>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace sallyport::doctor {

constexpr unsigned usual_ttl = 64;

void set_ttl(int socket, bool v4, unsigned ttl);
/// The kernel queues the ICMP errors of this socket's packets (IP_RECVERR, IPV6_RECVERR).
void report_icmp_errors(int socket, bool v4);
/// When the socket is closed, it sends RST.
void close_with_reset(int socket);
/// TCP_INFO; nothing if the connection is gone.
[[nodiscard]] std::optional<tcp_info> state_of_tcp(int socket);

}  // namespace sallyport::doctor
