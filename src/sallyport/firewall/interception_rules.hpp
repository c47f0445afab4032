#pragma once
// The rules of an interception as values. They are written to the kernel, and as text for nft(8), from the same values.
//
//   intercept (prerouting):  packets of sessions that the gateway has accepted, and replies to its backend legs, belong to
//     sockets of this machine; new connections go to "arriving" of their interception
//   arriving, destination:  the terms of the interception
//   passing:  data connections of a session that passes TLS get the mark of its control connection
//   take:  the helper and the connection's mark, then TPROXY to the listener
//   admitted (input, after all other chains):  counts the connection requests that have come so far
//   own (output):  connections with a client's address get the connection's mark
//   deliver (prerouting, after all other chains):  packets of these sockets, and those that TPROXY has given to a
//     listener, get the mark that delivers them to this machine
//
// Pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sallyport/firewall/interception.hpp>
#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

/// The parts of a rule: matches, then statements.
namespace rule_part {

struct interface {
    // May end in '*'.
    std::string name;
};
struct port {
    bool of_source = false;
    std::uint16_t number = 0;
};
/// Of the destination.
struct port_between {
    port_range range;
};
/// The source and the destination are a pair in this set.
struct pair_in {
    std::string set;
    bool v4 = true;
};
/// An address in this network, which also selects the family.
struct network {
    bool of_source = false;
    ip_network value;
};
struct family {
    bool v4 = true;
};
/// The destination is an address of this machine.
struct own_address {};
struct new_connection {};
/// SYN alone.
struct connection_request {};
/// The packet belongs to a socket with IP_TRANSPARENT.
struct transparent_socket {};
/// The connection was expected: a data connection.
struct expected {};
struct connection_mark {
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
};
struct set_mark {
    bool of_connection = false;
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
};
struct set_helper {};
/// In the table's counter of this name.
struct count {
    const char* counter = nullptr;
};
/// To the listener with this port; ends the rule if there is none.
struct deliver {
    bool v4 = true;
    std::uint16_t port = 0;
};
struct go_to {
    std::string chain;
    // The packet continues after this rule if the chain does not decide.
    bool returns = false;
};
enum class verdict : std::uint8_t { accept, drop, leave_chain };

}  // namespace rule_part

using any_rule_part =
    std::variant<rule_part::interface, rule_part::port, rule_part::port_between, rule_part::pair_in, rule_part::network,
                 rule_part::family, rule_part::own_address, rule_part::new_connection, rule_part::connection_request,
                 rule_part::transparent_socket, rule_part::expected, rule_part::connection_mark, rule_part::set_mark,
                 rule_part::set_helper, rule_part::count, rule_part::deliver, rule_part::go_to, rule_part::verdict>;

/// The counters of connection requests: those that were taken, and those of them that have passed the input chains of this
/// machine. The others were dropped by its firewall.
inline constexpr auto taken_requests = "taken_requests";
inline constexpr auto admitted_requests = "admitted_requests";

struct rule_chain {
    std::string name;
    // Of a base chain.
    struct hook_place {
        std::uint32_t number = 0;
        std::int32_t priority = 0;
    };
    std::optional<hook_place> hook{};
    std::vector<std::vector<any_rule_part>> rules{};
};

/// The set with the peers of sessions of this interception that pass TLS.
[[nodiscard]] std::string passing_set(std::size_t interception, bool v4);

/// What the table of the gateway contains.
[[nodiscard]] std::vector<rule_chain> interception_chains(const interception_settings& s);
/// What the table for when_down::block contains: the same connections are dropped if they would be forwarded, which they are
/// only while no gateway accepts them.
[[nodiscard]] std::vector<rule_chain> blocking_chains(const interception_settings& s);

/// Adds the chains to a table that exists in the transaction or in the kernel.
void add_chains(nft_transaction& to, const std::string& table, const std::vector<rule_chain>& chains);
/// The chains as nft(8) reads them.
[[nodiscard]] std::string text_of(const std::vector<rule_chain>& chains);

}  // namespace sallyport::firewall
