#pragma once
// The packet filter of this host as a value, and what it does with a new TCP connection from outside.
//
// A rule that depends on the client, the interface or anything else that is not known here is partial: it may decide for
// some connections and not for others. Rules that cannot match a new TCP connection from another host are not in the value.
// Made by the readers of listings (filter_listing.hpp). Values and pure functions; any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::firewall {

/// `elsewhere`: another program, or a proxy in the kernel, decides.
enum class filter_action : std::uint8_t { none, accept, drop, reject, jump, go_to, leave, elsewhere };

struct filter_rule {
    // As it is listed.
    std::string text{};
    // Destination ports; nothing: any.
    std::optional<std::vector<port_range>> ports{};
    bool v4 = true;
    bool v6 = true;
    bool partial = false;
    filter_action action = filter_action::none;
    // Of jump and go_to: a key of packet_filter::chains.
    std::string target{};
};

struct filter_chain {
    // "table inet filter, chain input"
    std::string place{};
    bool v4 = true;
    bool v6 = true;
    // A base chain that packets to this host pass.
    bool is_base = false;
    int priority = 0;
    bool drops_by_policy = false;
    std::vector<filter_rule> rules{};
};

/// A rule, and what its conditions allow.
struct listed_rule {
    filter_rule rule{};
    // It cannot match a new TCP connection from another host.
    bool never = false;
    // It has a condition for related connections.
    bool related = false;
};

struct packet_filter {
    std::map<std::string, filter_chain> chains{};
    // A rule accepts related connections: those that a conntrack helper announces.
    bool accepts_related = false;

    /// Adds a rule to the chain with this key, if it can decide about a new connection.
    void add(const std::string& chain, listed_rule r);
    /// Adds the chains of another listing.
    void add(packet_filter more);
};

enum class filter_outcome : std::uint8_t { accepted, dropped, rejected };

struct filter_decision {
    filter_outcome outcome = filter_outcome::accepted;
    // Rules that are partial could decide otherwise for some clients.
    bool depends = false;
    // The chain, and the rule or the policy that drops or rejects.
    std::string place{};
    std::string rule{};
};

/// What happens to a SYN to this port of this host.
[[nodiscard]] filter_decision walk(const packet_filter& filter, bool v4, std::uint16_t port);

/// The ports of a range that are not accepted, with the same decision for each part.
struct blocked_ports {
    port_range ports;
    bool v4 = true;
    filter_decision decision;
};
[[nodiscard]] std::vector<blocked_ports> find_blocked(const packet_filter& filter, bool v4, const port_range& range);

}  // namespace sallyport::firewall
