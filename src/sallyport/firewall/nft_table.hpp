#pragma once
// Openings as an nf_tables table of this process, and as conntrack expectations.
//
// `nft list ruleset` shows, for each address family:
//
//   map expected { client . local address . local port : server . its port }   elements with a timeout
//   map source { the same key : source address and port }                      for the first SYN; until removed
//   map opened { the same key : source address }                               for further SYNs; until removed
//   set kept { the same key }                                                  openings that keep the client as the source
//   set spent { the same key }                                                 openings with an established connection
//   prerouting, output:  forwards (DNAT) a SYN whose key is in "expected" and not in "spent"
//   established, established_here:  the first packet of a forwarded connection after its handshake puts its key into
//     "spent"; if the key is there already, the packets of the connection are dropped
//   postrouting, input:  sets the source address and port of forwarded connections (SNAT), unless they are kept
//   sessions, sessions_here, redirected_sessions:  set the helper of control connections with this machine (conntrack.hpp)
//
// The rules of an administrator decide whether the connection is forwarded, and most accept related connections only. So an
// opening of a session whose control connection is known is also a conntrack expectation. It stays until the opening is
// removed; the rules above decide which connection may use it. On a router, the helper is set by other rules
// (interception_table.hpp), and an opening that keeps both addresses consists of the expectation and the set "spent".
//
// So an opening forwards exactly one connection, and it is used up by an established connection, not by a SYN: any host can
// send a SYN with the client's address, but a host that does not receive the SYN-ACK cannot complete the handshake. The
// connection that has used up its opening carries a label; its packets pass with three comparisons and without a lookup.
//
// Elements of "spent" are removed together with the opening. If a rule or a timeout removed them, they would be left to the
// kernel's garbage collector, which does not run while there are many changes per second: dead elements would fill the set,
// openings would be refused, and each refusal waits for the kernel's grace period.
//
// prerouting is for clients on other hosts, output for clients on this host; postrouting is for servers on other hosts,
// input for servers on this host. The chains come before the usual priorities of an administrator's NAT (-100, 100), since
// the first decision applies.
//
// The owner of the table is our netlink socket, so the kernel removes the table however the process ends (kernel 5.12 and
// later). Its name is unique to this process; several gateways can run on one machine.
//
// Owned by `openings`. commit() on one thread at a time; remaining() and use_of() on any thread, at the same time too.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <libnftnl/set.h>

#include <sallyport/firewall/connection_watch.hpp>
#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/nft_transaction.hpp>
#include <sallyport/firewall/snat_ports.hpp>
#include <sallyport/firewall/table.hpp>

namespace sallyport::firewall {

using set_owner = owned<nftnl_set, nftnl_set_free>;

/// See above.
class nft_table final : public table {
public:
    /// Creates the table. `control_ports`: the ports of this machine that control connections arrive on; their connections
    /// get the helper. The error says what the process or the system lacks.
    [[nodiscard]] static result<std::unique_ptr<nft_table>> make(std::span<const std::uint16_t> control_ports = {});
    ~nft_table() override;

    /// Why no expectations are created for sessions with this machine; empty if they are.
    [[nodiscard]] const std::string& missing() const noexcept { return missing_; }

    [[nodiscard]] result<void> commit(std::span<const change> changes) override;
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining(const opening& o) override;
    [[nodiscard]] opening_use use_of(const opening& o) override;

private:
    using key = std::pair<ip_address, endpoint>;

    nft_table(std::string name, netlink_socket owner, netlink_socket query_socket, conntrack tracking, conntrack watching,
              std::string missing);

    struct tracking_request;
    [[nodiscard]] tracking_request request_for(std::span<const change> changes);
    /// The session of each change that opens; nothing for the others.
    [[nodiscard]] static result<std::vector<std::optional<watched_session>>> sessions_of(std::span<const change> changes,
                                                                                         const tracking_answers& answers);
    [[nodiscard]] result<void> note_expectations(const tracking_request& request, std::vector<int> refused,
                                                 std::vector<expectation_change>& created);
    void withdraw(std::span<const expectation_change> created);
    [[nodiscard]] result<void> commit_elements(std::span<const change> changes);
    [[nodiscard]] bool remove_used_expectations();
    [[nodiscard]] std::optional<set_owner> find(const char* set, const opening& o);
    [[nodiscard]] std::optional<bool> contains(const char* set, const opening& o);

    const std::string name_;
    const std::string missing_;
    netlink_socket owner_;
    snat_ports ports_;
    conntrack tracking_;
    // The keys of the openings that have an expectation.
    std::set<key> expected_;
    connection_watch watch_;
    // Guards the members below. Held for no longer than one query.
    std::mutex mutex_;
    // Queries have a socket of their own, since owner_ is blocked while a change is committed.
    netlink_socket query_socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::firewall
