#pragma once
// Finds the hop at which data connections end, from SYNs with growing TTL to the control port and to a data port. Pure
// functions on values; any thread.
//
// A router checks the TTL before its forward chain. So a SYN that a router's forward chain drops still expires there one hop
// earlier: if hop k is the last that answers on the data port, the device is k (its forward chain) or k + 1 (its entry, or
// its own input chain). A device that refuses is nearer than the server, by the TTL that reaches it and by the TTL of its
// RST.

#include <optional>
#include <string>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

struct path_break {
    hop_span hop;
    diagnosis::side side = diagnosis::side::undecided;
    diagnosis::confidence confidence = diagnosis::confidence::possible;
    /// The server's answers may be dropped on their way back instead.
    bool maybe_way_back = false;
    /// The server itself refuses.
    bool at_server = false;
    /// ICMP says that the port is unreachable, which no router on the way says.
    bool port_unreachable = false;
    /// What was seen, one sentence.
    std::string evidence;
};

/// The hop of a proxy that ends the control connection in the server's place: the control port opens there, and a SYN to
/// another port of the server expires there, so the device forwards it. Nothing if no other port shows that.
[[nodiscard]] std::optional<unsigned> hop_of_proxy(const facts& known) noexcept;
/// The distance to the server: the smallest TTL that opens the control port; behind a proxy, the one that gets an answer of
/// another port.
[[nodiscard]] std::optional<unsigned> distance_to_server(const facts& known) noexcept;
/// The address of the device at this distance, from any trace.
[[nodiscard]] std::optional<ip_address> address_of_hop(const facts& known, unsigned hop) noexcept;
/// The side that a hop belongs to: the client's host and router, the server's host and router, or a provider between them.
[[nodiscard]] side side_of_hop(const facts& known, unsigned hop) noexcept;
/// "hop 3 (192.0.2.1)", "hops 2 to 3", "this computer".
[[nodiscard]] std::string text_of(const hop_span& hop);

/// "port unreachable (type 3, code 3)", in the words of RFC 792, RFC 1812 and RFC 4443.
[[nodiscard]] std::string text_of_icmp(bool v4, int type, int code);

/// Where the connections of the first trace of a data port end. Nothing without traces of both ports, or if the data port
/// opened.
[[nodiscard]] std::optional<path_break> find_break(const facts& known);

}  // namespace sallyport::diagnosis
