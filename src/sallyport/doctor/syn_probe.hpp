#pragma once
// SYNs with a limited TTL, without any right: the hop at which one expires answers with an ICMP error, and the kernel
// reports the error with the hop's address to the socket (IP_RECVERR, IPV6_RECVERR). Measured on Linux 6.18.
//
// The functions block for at most the given time, so they run on a thread of a pool. A connection that is established is
// closed with RST before anything is sent. Pure values in and out; any thread.

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

struct syn_target {
    endpoint to;
    /// The local address of the control connection.
    ip_address from;
    /// How long an answer may take.
    std::chrono::milliseconds wait{};
};

struct limited_syn {
    endpoint to;
    unsigned ttl = 0;
};

/// Sends the SYNs in this order, at once. The answers are in the same order. `from` and `wait`: see syn_target. Fails if
/// this computer cannot send one of them, for want of descriptors for example: silence would blame the path.
[[nodiscard]] result<std::vector<diagnosis::ttl_answer>> send_syns(ip_address from, std::chrono::milliseconds wait,
                                                                   std::span<const limited_syn> syns);

/// The TTL that the RST of a refused port has left when it arrives, by connections that accept only packets with a minimum
/// TTL (IP_MINTTL, IPV6_MINHOPCOUNT). Up to nine connections; nothing if the port does not refuse each of them.
[[nodiscard]] std::optional<unsigned> ttl_of_refusal(const syn_target& target);

}  // namespace sallyport::doctor
