#pragma once
// Has the router forward the ports of this daemon, and publishes what it forwards (mapped_ports): the driver of port_mapper,
// with its sockets, timers, route and UPnP requests. Nothing waits for it: until the router has answered, there is no
// mapping.
//
// For IPv6, where there is no NAT, a mapping opens the router's firewall for a port and keeps address and number (RFC 6887,
// section 11); PCP and UPnP can ask for one. One object is for one of the two families.
//
// Packets go to the default gateway only, and for UPnP to the multicast group of searches; none before start(), and none
// from a daemon that has no router_mapping.
//
// Owned by passive_mode; used on the first loop, except where a function says otherwise. The loop outlives it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/mapped_ports.hpp>
#include <sallyport/reach/mapping.hpp>
#include <sallyport/reach/pcp.hpp>
#include <sallyport/reach/stun.hpp>

namespace sallyport::reach {

/// --map with its options.
struct mapping_settings {
    // In the order in which they are tried. Empty: no router is asked.
    std::vector<mapping_protocol> protocols{};
    // The one whose gateway is asked; empty: that of the default route.
    std::string interface{};
    std::chrono::seconds lease = limits::mapping_lease;

    [[nodiscard]] bool is_enabled() const noexcept { return !protocols.empty(); }
};

/// Identifies the mappings of this machine for the router: the same in each process, so that a new one renews the mappings
/// of the old one, also after a crash, and unpredictable for other hosts. Random where the machine has no ID
/// (machine-id(5)).
[[nodiscard]] pcp_nonce mapping_nonce();

class router_mapping {
public:
    /// `publish`: what is forwarded; its local ports are those to map, in the order of their importance.
    router_mapping(net::loop& loop, mapping_settings settings, pcp_nonce nonce, std::shared_ptr<mapped_ports> publish,
                   address_family family = address_family::ipv4);
    /// Ends without ending the mappings, as abandon().
    ~router_mapping();
    router_mapping(const router_mapping&) = delete;
    router_mapping& operator=(const router_mapping&) = delete;

    /// Starts, on the loop or before it runs. `on_change`: called on the loop after what is published may have changed,
    /// until this object ends.
    void start(std::move_only_function<void()> on_change = {});
    /// What STUN servers see, which decides about the address. On the loop.
    void set_observations(std::vector<stun_observation> seen);
    /// Ends all mappings, then calls `done` on the loop, some seconds later at the latest. Further
    /// calls only call `done`.
    void stop(std::move_only_function<void()> done);
    /// Ends, while another process keeps the mappings with the same nonce.
    void abandon();

    /// Any thread.
    [[nodiscard]] std::vector<mapping> mappings() const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
