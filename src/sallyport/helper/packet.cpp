#include <sallyport/helper/packet.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace sallyport::helper {
namespace {

constexpr std::size_t space_size = CMSG_SPACE(max_descriptors * sizeof(int));

}  // namespace

result<socket_pair> make_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return fail_os(errno, "socketpair");
    return socket_pair{unique_fd(ends[0]), unique_fd(ends[1])};
}

int send_packet(int socket, std::span<const char> bytes, std::span<const int> descriptors, int flags) {
    iovec content{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, space_size> space{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        const auto size = std::min(descriptors.size(), max_descriptors) * sizeof(int);
        message.msg_control = space.data();
        message.msg_controllen = CMSG_SPACE(size);
        auto* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
    }
    for (;;) {
        if (::sendmsg(socket, &message, MSG_NOSIGNAL | flags) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

received_packet receive_packet(int socket, std::span<char> into, int flags) {
    iovec content{into.data(), into.size()};
    alignas(cmsghdr) std::array<char, space_size> space{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    received_packet out;
    ssize_t got = -1;
    do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        out.os = errno;
        return out;
    }
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
            out.descriptors.emplace_back(fd);
        }
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        out.os = EBADMSG;
    else
        out.size = static_cast<std::size_t>(got);
    return out;
}

}  // namespace sallyport::helper
