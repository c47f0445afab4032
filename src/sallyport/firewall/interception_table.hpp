#pragma once
// An interception in force: the nf_tables table of this process with its rules (interception_rules.hpp), and the routing of
// marked packets (policy_route.hpp).
//
// The owner of the table is our netlink socket, so the kernel removes it however the process ends; the connections then
// cross the router as if there were no gateway (when_down::pass). The rule and the route remain after SIGKILL; they apply to
// no packet without the table's rules, and the next start removes them (remove_leftovers).
//
// Owned by the helper process, which has the rights for it (CAP_NET_ADMIN); one thread, and another one for
// change_passing(), whose commits may have to wait for other programs. The listeners exist before start():
// a connection without a listener crosses the router.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/firewall/interception.hpp>
#include <sallyport/firewall/nft_transaction.hpp>
#include <sallyport/firewall/policy_route.hpp>

namespace sallyport::firewall {

class interception_table {
public:
    /// Installs the rules of checked settings with a mark and a routing table. The error names what the kernel or the
    /// process lacks, and the next step.
    [[nodiscard]] static result<std::unique_ptr<interception_table>> start(const interception_settings& settings);
    interception_table(const interception_table&) = delete;
    interception_table& operator=(const interception_table&) = delete;
    /// Removes everything, with the table that blocks connections while no gateway runs.
    ~interception_table();

    /// The gateway has not ended in good order: the table that blocks connections stays.
    void keep_blocking() noexcept { blocking_.clear(); }

    /// New connections of this client to the passed ports of this server get the mark of a session, or no longer.
    [[nodiscard]] result<void> change_passing(std::size_t interception, bool add, const ip_address& client,
                                              const ip_address& server);
    /// How many connection requests were taken and have not passed the input chains of this machine.
    [[nodiscard]] result<std::int64_t> dropped_requests() const;

    /// "sallyport_1f2e3d4c"
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    interception_table(std::string name, policy_route route, netlink_socket reader, netlink_socket owner)
        : name_(std::move(name)), route_(std::move(route)), reader_(std::move(reader)), owner_(std::move(owner)) {}

    const std::string name_;
    // Empty: there is none.
    std::string blocking_;
    policy_route route_;
    // For queries, which another thread makes while a change waits.
    netlink_socket reader_;
    // The last member: the table is removed before the route.
    netlink_socket owner_;
};

/// The beginning of the names of tables for when_down::block, which outlive a gateway that was killed. `nft delete table
/// inet NAME` removes one.
inline constexpr auto blocking_table_prefix = "sallyport_when_down_";

/// The names of such tables on this machine, of running gateways too.
[[nodiscard]] result<std::vector<std::string>> blocking_tables();

/// Fills in the mark and the routing table of the settings if they are 0, with those of a gateway that runs on this machine.
/// False: none runs with the others, and nothing is changed. A process that may not list tables takes routing rules that a
/// killed gateway has left for those of one that runs.
[[nodiscard]] result<bool> take_numbers_of_running_gateway(interception_settings& s);

/// Removes the routing rules and expectations that a gateway left when it was killed, unless another gateway runs on this
/// machine. Before the process makes tables of its own.
[[nodiscard]] result<void> remove_leftovers();

}  // namespace sallyport::firewall
