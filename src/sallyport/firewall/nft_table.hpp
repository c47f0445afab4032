#pragma once
// The openings as a table of nf_tables that belongs to this process.
//
// Seen by "nft list ruleset", for each family:
//
//   map expected { client . our address . our port : server . its port }    elements with a time-out, each for one packet
//   map source { the same : address and port to come from }
//   prerouting, output:  a SYN that is in "expected", the first there, is led on: exactly one connection
//   postrouting, input:  what was led gets the address and port to come from
//
// That an element serves once is its own doing (a limit of one packet a day), so nothing has to be watched or reacted to. To
// have the rule take the element out would leave it to the kernel's collector, which never gets to it while there are many
// changes a second: dead elements pile up, openings are refused, and each refusal waits for the kernel to settle. Only the
// first packet of a connection gets here at all: the kernel remembers the rest.
//
// prerouting is for clients elsewhere, output for those on this machine; postrouting for servers elsewhere, input for those
// on this machine. The chains stand before the usual places of an administrator's own NAT (-100, 100): the first to decide
// wins.
//
// The table has an owner, our netlink socket, and ends with it however the process ends (kernel 5.12 and later). Its name is
// of this process alone, so that several gateways on one machine do not meet.

#include <memory>
#include <mutex>
#include <string>

#include <sallyport/firewall/nft_transaction.hpp>
#include <sallyport/firewall/source_ports.hpp>
#include <sallyport/firewall/table.hpp>

namespace sallyport::firewall {

class nft_table final : public table {
public:
    [[nodiscard]] static result<std::unique_ptr<table>> make();

    [[nodiscard]] result<void> commit(std::span<const change> changes) override;
    [[nodiscard]] std::optional<std::chrono::milliseconds> left(const opening& o) override;

private:
    nft_table(std::string name, nft_socket owner, nft_socket asking);

    const std::string name_;
    nft_socket owner_;
    source_ports ports_;
    std::mutex mutex_;   // of what follows
    nft_socket asking_;  // the owner's would wait for a change under way
    std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::firewall
