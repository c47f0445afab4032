#pragma once
// Netlink sockets, and how requests are sent and replies are read.
//
// The caller owns the socket; one thread at a time. The kernel performs a request within the call that sends it, so its
// replies can be read without waiting; a long list is made while it is read.

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <sallyport/base/error.hpp>

namespace sallyport::firewall {

/// Frees an object of libmnl or libnftnl with its function.
template <auto Free>
struct freed_by {
    template <class Type>
    void operator()(Type* x) const noexcept {
        Free(x);
    }
};
template <class Type, auto Free>
using owned = std::unique_ptr<Type, freed_by<Free>>;
template <auto Free, class Type>
[[nodiscard]] owned<Type, Free> owned_by(Type* made) {
    return owned<Type, Free>(made);
}

using netlink_socket = owned<mnl_socket, mnl_socket_close>;

/// A socket for routes, addresses and routing rules (rtnetlink). An error names `subject`.
[[nodiscard]] inline result<netlink_socket> open_route_socket(std::string_view subject) {
    netlink_socket made(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!made || mnl_socket_bind(made.get(), 0, MNL_SOCKET_AUTOPID) != 0) return fail_os(errno, std::string(subject));
    return made;
}

/// The errno in a reply; 0 if it reports none.
[[nodiscard]] inline int error_in(const nlmsghdr* reply) noexcept {
    return reply->nlmsg_type == NLMSG_ERROR ? -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(reply))->error : 0;
}

/// Calls `on_reply` with each reply that is there. The sequence number of a reply is that of its request. Returns 0 or the
/// errno of reading: replies are missing.
template <class Function>
[[nodiscard]] int read_replies(mnl_socket& from, Function on_reply) {
    alignas(nlmsghdr) std::array<char, 32768> buffer;
    for (;;) {
        const auto got = ::recv(mnl_socket_get_fd(&from), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0 || errno == EAGAIN ? 0 : errno;
        auto remaining = static_cast<int>(got);
        for (const auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(m, remaining);
             m = mnl_nlmsg_next(m, &remaining))
            on_reply(m);
    }
}

/// Sends one request and calls `on_reply` with each of its replies that reports no error. Returns 0 or the errno; a list
/// that is not complete is an error too (EIO).
template <class Function>
[[nodiscard]] int exchange(mnl_socket& with, const nlmsghdr* request, Function on_reply) {
    if (mnl_socket_sendto(&with, request, request->nlmsg_len) < 0) return errno;
    int out = 0;
    bool complete = (request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP;
    const int os = read_replies(with, [&](const nlmsghdr* r) {
        if (r->nlmsg_seq != request->nlmsg_seq) return;
        if (r->nlmsg_type == NLMSG_ERROR)
            out = error_in(r);
        else if (r->nlmsg_type == NLMSG_DONE)
            complete = true;
        else
            on_reply(r);
    });
    if (out != 0 || os != 0) return out != 0 ? out : os;
    return complete ? 0 : EIO;
}

}  // namespace sallyport::firewall
