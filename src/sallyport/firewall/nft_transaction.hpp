#pragma once
// One nf_tables transaction over netlink: the kernel commits all of its messages or none.
//
// It uses libnftnl and libmnl, not libnftables: the socket of libnftables stays open in programs that the process starts, so
// after a graceful restart the new process would keep the old one's table alive, and libnftables reads all rules of the
// machine before each change.
//
// A value for one thread and one commit(), which may block. The socket outlives the call.

#include <cstdint>
#include <memory>

#include <libmnl/libmnl.h>
#include <sallyport/base/error.hpp>
#include <sallyport/firewall/netlink.hpp>

namespace sallyport::firewall {

/// Opens a netlink socket to the kernel's packet filter.
[[nodiscard]] result<netlink_socket> open_nft_socket();

/// See above.
class nft_transaction {
public:
    nft_transaction();

    /// Starts a message to nf_tables (NFT_MSG_...) for the inet family, with `flags` in addition to NLM_F_REQUEST. The
    /// caller adds the payload and then calls finish_message().
    [[nodiscard]] nlmsghdr* start_message(std::uint16_t type, std::uint16_t flags);
    void finish_message();

    /// Sends the messages. When it returns, the kernel has committed or refused them.
    [[nodiscard]] result<void> commit(mnl_socket& to);

private:
    std::unique_ptr<char[]> memory_;
    owned<mnl_nlmsg_batch, mnl_nlmsg_batch_stop> batch_;
    std::uint32_t sequence_ = 0;
    bool full_ = false;
};

}  // namespace sallyport::firewall
