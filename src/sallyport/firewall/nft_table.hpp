#pragma once
// The openings as a table of nf_tables that belongs to this process.
//
// Seen by "nft list ruleset", for each family:
//
//   map expected { client . our address . our port : server . its port }    elements with a time-out
//   map source { the same : address and port to come from }                 for the first connection; until it is closed
//   map opened { the same : address to come from }                          for those after it; likewise
//   set spent { the same }                                                  openings that have served their connection
//   prerouting, output:  a SYN that is in "expected" and not in "spent" is led on
//   established, established_here:  the first packet of a led connection after its handshake spends the opening; where it is
//     spent already, the connection gets no further
//   postrouting, input:  what was led gets the address and port to come from
//
// So an opening serves exactly one connection, and it is spent by one that is established, not by a SYN, which anybody can
// send in the client's name. Who cannot see the answer cannot complete a handshake. The connection that has spent its
// opening has a label by which its packets pass, with three comparisons for each and no look-up.
//
// What "spent" holds is taken out when the opening is closed, with the rest of it. To have a rule take elements out, or to
// let their time end, would leave them to the kernel's collector, which never gets to it while there are many changes a
// second: dead elements pile up, openings are refused, and each refusal waits for the kernel to settle.
//
// prerouting is for clients elsewhere, output for those on this machine; postrouting for servers elsewhere, input for those
// on this machine. The chains stand before the usual places of an administrator's own NAT (-100, 100): the first to decide
// wins.
//
// The table has an owner, our netlink socket, and ends with it however the process ends (kernel 5.12 and later). Its name is
// of this process alone, so that several gateways on one machine do not meet.
//
// Owned by `openings`. commit() on one thread at a time; left() and use_of() on any thread at the same time.

#include <memory>
#include <mutex>
#include <string>

#include <libnftnl/set.h>

#include <sallyport/firewall/nft_transaction.hpp>
#include <sallyport/firewall/snat_ports.hpp>
#include <sallyport/firewall/table.hpp>

namespace sallyport::firewall {

using set_owner = std::unique_ptr<nftnl_set, void (*)(nftnl_set*)>;

class nft_table final : public table {
public:
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
    // The owner's would wait for a change under way.
    nft_socket query_socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::firewall
