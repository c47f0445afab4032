#pragma once
// The routing of packets with a mark to this machine, whatever their destination (ip-rule(8), TPROXY): one rule and one
// local route for each address family.
//
// Two processes may use the same mark and table, as during a graceful restart: each has a rule and routes of its own, which
// have different metrics.
//
// Owned by interception_table; one thread.

#include <cstdint>
#include <memory>
#include <string>

#include <libmnl/libmnl.h>

#include <sallyport/base/error.hpp>
#include <sallyport/firewall/interception.hpp>
#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

/// Fills in the mark and the routing table of the settings if they are 0, with ones that no routing rule of this machine
/// uses.
[[nodiscard]] result<void> choose_free_numbers(interception_settings& s);

/// Fills in the mark and the routing table of the settings if they are 0, with those of the first routing rule of a gateway
/// that agrees with the others. False: there is none, and nothing is changed.
[[nodiscard]] result<bool> take_numbers_in_use(interception_settings& s);

class policy_route {
public:
    /// Fails if the table has routes of other programs; the error names what the system refuses.
    [[nodiscard]] static result<policy_route> add(mark_bits mark, std::uint32_t table);
    policy_route(policy_route&&) = default;
    policy_route& operator=(policy_route&&) = delete;
    /// Removes the rules and the routes.
    ~policy_route();

    /// The same as commands of ip(8), one a line.
    [[nodiscard]] static std::string text(mark_bits mark, std::uint32_t table);

private:
    policy_route(netlink_socket s, mark_bits mark, std::uint32_t table, std::uint32_t metric)
        : socket_(std::move(s)), mark_(mark), table_(table), metric_(metric) {}

    netlink_socket socket_;
    mark_bits mark_;
    std::uint32_t table_;
    std::uint32_t metric_;
};

/// Removes the rules and routes that a gateway left when it was killed. Only while no gateway runs on this machine.
[[nodiscard]] result<void> remove_left_routes();

}  // namespace sallyport::firewall
