#pragma once
// Whether hosts on the Internet can connect to this machine, as far as its addresses, the answers of its router and those of
// STUN servers show it: facts in, a conclusion with its text out. Nothing is asked here.
//
// Values and pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/reach/mapping.hpp>
#include <sallyport/reach/stun_client.hpp>

namespace sallyport::reach {

/// What the router answered over one protocol.
struct router_answer {
    mapping_protocol protocol = mapping_protocol::pcp;
    /// It knows the protocol. Otherwise `problem` says why not: no answer, or a refusal.
    bool is_spoken = false;
    /// PCP has no question for the address alone.
    std::optional<ip_address> external;
    /// It reports that it has no external address that it could map ports of.
    bool lacks_address = false;
    /// Text of the router is escaped.
    std::string problem;
};

struct reachability_facts {
    /// This machine's IPv4 address towards the Internet; nothing without a default route.
    std::optional<ip_address> own;
    std::optional<ip_address> router;
    std::string interface;
    /// A public IPv6 address of this machine towards the Internet, which lasts (lasting_address.hpp).
    std::optional<ip_address> own_ipv6;
    std::vector<router_answer> answers;
    std::vector<stun_attempt> stun;
};

enum class reachability : std::uint8_t {
    /// No default route, neither for IPv4 nor for IPv6 with a public address.
    offline,
    /// This machine has a public address; it may be one of IPv6 alone.
    direct,
    /// The router maps ports, and its external address is the one that hosts on the Internet see, as far as is known.
    mapped,
    /// The router does not map ports: its administrator has to forward them.
    forwarding_needed,
    /// There is another NAT between the router and the Internet.
    nested_nat,
    /// The answers contradict each other.
    contradictory,
};

/// How the NAT chooses external ports for connections of this machine.
enum class port_choice : std::uint8_t { unknown, kept, changed, changed_for_each_server };

struct reachability_report {
    reachability kind = reachability::offline;
    /// The address to advertise; only with `direct` and `mapped`, or where two STUN servers agree.
    std::optional<ip_address> external;
    port_choice ports = port_choice::unknown;
    /// Sentences: what was found, and what to do.
    std::string finding;
    std::string next_step;
};

/// Whether a host on the Internet can have this address, so that it is not one for documentation (RFC 5737, RFC 3849)
/// either.
[[nodiscard]] bool is_internet_address(const ip_address& address) noexcept;

[[nodiscard]] reachability_report judge(const reachability_facts& facts);

/// "offline", "direct", "mapped", "forwarding-needed", "nested-nat", "contradictory"; for JSON.
[[nodiscard]] std::string_view name(reachability kind) noexcept;
/// "unknown", "kept", "changed", "changed-for-each-server".
[[nodiscard]] std::string_view name(port_choice ports) noexcept;

}  // namespace sallyport::reach
