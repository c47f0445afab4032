#include <sallyport/firewall/nft_transaction.hpp>

#include <cerrno>

#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::firewall {
namespace {

// A message has a few hundred bytes, and removing an opening takes six of them.
constexpr std::size_t max_message_size = 512;
constexpr std::size_t max_batch_size = 7 * max_message_size * limits::opening_batch;

}  // namespace

result<netlink_socket> open_nft_socket() {
    netlink_socket made(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
    if (!made) return fail_os(errno, "netlink to the kernel's packet filter");
    if (mnl_socket_bind(made.get(), 0, MNL_SOCKET_AUTOPID) != 0)
        return fail_os(errno, "netlink to the kernel's packet filter");
    // An error reply need not contain the refused message. A kernel without this option includes it.
    int on = 1;
    (void)mnl_socket_setsockopt(made.get(), NETLINK_CAP_ACK, &on, sizeof on);
    return made;
}

nft_transaction::nft_transaction()
    : memory_(std::make_unique_for_overwrite<char[]>(max_batch_size + max_message_size)),
      batch_(mnl_nlmsg_batch_start(memory_.get(), max_batch_size)) {
    nftnl_batch_begin(static_cast<char*>(mnl_nlmsg_batch_current(batch_.get())), sequence_++);
    finish_message();
}

nlmsghdr* nft_transaction::start_message(std::uint16_t type, std::uint16_t flags) {
    return nftnl_nlmsg_build_hdr(static_cast<char*>(mnl_nlmsg_batch_current(batch_.get())), type, NFPROTO_INET, flags,
                                 sequence_++);
}

void nft_transaction::finish_message() { full_ = !mnl_nlmsg_batch_next(batch_.get()) || full_; }

// nf_tables commits within the call that sends, and replies only to messages that it refuses.
result<void> nft_transaction::commit(mnl_socket& to) {
    nftnl_batch_end(static_cast<char*>(mnl_nlmsg_batch_current(batch_.get())), sequence_++);
    finish_message();
    if (full_) return fail(errc::misuse, "too many changes for one nf_tables transaction");
    const auto size = mnl_nlmsg_batch_size(batch_.get());
    if (mnl_socket_sendto(&to, mnl_nlmsg_batch_head(batch_.get()), size) < 0) return fail_os(errno, "nf_tables");
    int refused_with = 0;
    // The first error is the cause.
    const int os =
        read_replies(to, [&](const nlmsghdr* r) { refused_with = refused_with == 0 ? error_in(r) : refused_with; });
    if (refused_with != 0 || os != 0) return fail_os(refused_with != 0 ? refused_with : os, "nf_tables");
    return {};
}

}  // namespace sallyport::firewall
