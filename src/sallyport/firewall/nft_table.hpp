#pragma once
// Openings as an nf_tables table of this process.
//
// `nft list ruleset` shows, for each address family:
//
//   map expected { client . local address . local port : server . its port }   elements with a timeout
//   map source { the same key : source address and port }                      for the first SYN; until removed
//   map opened { the same key : source address }                               for further SYNs; until removed
//   set spent { the same key }                                                 openings with an established connection
//   prerouting, output:  forwards (DNAT) a SYN whose key is in "expected" and not in "spent"
//   established, established_here:  the first packet of a forwarded connection after its handshake puts its key into
//     "spent"; if the key is there already, the packets of the connection are dropped
//   postrouting, input:  sets the source address and port of forwarded connections (SNAT)
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

#include <memory>
#include <mutex>
#include <string>

#include <libnftnl/set.h>

#include <sallyport/firewall/nft_transaction.hpp>
#include <sallyport/firewall/snat_ports.hpp>
#include <sallyport/firewall/table.hpp>

namespace sallyport::firewall {

using set_owner = std::unique_ptr<nftnl_set, void (*)(nftnl_set*)>;

/// See above.
class nft_table final : public table {
public:
    /// Creates the table. The error says what the process or the system lacks.
    [[nodiscard]] static result<std::unique_ptr<table>> make();

    [[nodiscard]] result<void> commit(std::span<const change> changes) override;
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining(const opening& o) override;
    [[nodiscard]] opening_use use_of(const opening& o) override;

private:
    [[nodiscard]] set_owner find(const char* set, const opening& o);

    nft_table(std::string name, nft_socket owner, nft_socket query_socket);

    const std::string name_;
    nft_socket owner_;
    snat_ports ports_;
    // Guards the members below.
    std::mutex mutex_;
    // Queries have a socket of their own, since owner_ is blocked while a change is committed.
    nft_socket query_socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::firewall
