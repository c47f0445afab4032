#pragma once
// The openings as a table of nf_tables that belongs to this process.
//
// Seen by "nft list ruleset", for each family:
//
//   set expected { client . our address . our port }     elements with a time-out
//   map target { the same : server . its port }
//   map source { the same : address to come from }
//   prerouting, output:  a SYN that is in "expected" takes its element out, and is led on: exactly one connection
//   postrouting, input:  what was led gets the address to come from
//
// The look-up and the element's end are one rule's work on one packet, so nothing has to be watched or reacted to. Only the
// first packet of a connection gets here at all: the kernel remembers the rest. Where two of the same client's come at the
// same instant on two processors both can pass; the server takes but one.
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
    std::mutex mutex_;   // of what follows
    nft_socket asking_;  // the owner's would wait for a change under way
    std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::firewall
