#pragma once
// One transaction of nf_tables over netlink: messages that the kernel obeys all together or not at all.
//
// libnftnl and libmnl rather than libnftables: that one's socket stays open in programs that are started (a successor of the
// gateway would keep the table of its predecessor alive), and it reads the whole machine's rules before each change.
//
// A value of one thread, made for one commit(), which may block; sockets outlive what is sent over them.

#include <cstdint>
#include <memory>

#include <libmnl/libmnl.h>
#include <sallyport/base/error.hpp>

namespace sallyport::firewall {

struct socket_closer {
    void operator()(mnl_socket* s) const noexcept { mnl_socket_close(s); }
};
using nft_socket = std::unique_ptr<mnl_socket, socket_closer>;

[[nodiscard]] result<nft_socket> open_nft_socket();

class nft_transaction {
public:
    nft_transaction();

    /// The head of a message to nf_tables (NFT_MSG_...) about the inet family; `flags` beside NLM_F_REQUEST. Its payload is
    /// added by whoever gets it, and then it is done().
    [[nodiscard]] nlmsghdr* start_message(std::uint16_t type, std::uint16_t flags);
    void finish_message();

    /// Sends them. The kernel has obeyed or refused by the time this returns.
    [[nodiscard]] result<void> commit(mnl_socket& to);

private:
    struct batch_stopper {
        void operator()(mnl_nlmsg_batch* b) const noexcept { mnl_nlmsg_batch_stop(b); }
    };
    std::unique_ptr<char[]> memory_;
    std::unique_ptr<mnl_nlmsg_batch, batch_stopper> batch_;
    std::uint32_t sequence_ = 0;
    bool full_ = false;
};

}  // namespace sallyport::firewall
