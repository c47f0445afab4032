#include <sallyport/helper/serve.hpp>

#include <array>
#include <cerrno>
#include <cstring>

#include <sallyport/helper/helper_test.hpp>
#include <sallyport/helper/packet.hpp>

namespace sallyport::helper {
namespace {

TEST(HelperServe, RefusesAPacketOfAnotherSize) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    unique_fd daemon_end(ends[0]);
    const unique_fd helper_end(ends[1]);
    const request good{.kind = request_kind::clear_successor};
    std::array<char, sizeof good + 1> bytes{};
    std::memcpy(bytes.data(), &good, sizeof good);
    const std::array<std::size_t, 4> sizes{sizeof good, sizeof good - 1, sizeof good + 1, 1};
    for (const auto size : sizes) ASSERT_EQ(send_packet(daemon_end.get(), {bytes.data(), size}, {}), 0);
    ::shutdown(daemon_end.get(), SHUT_WR);
    serve(helper_end.get(), [](const request&, std::span<unique_fd>) { return done(); });
    for (const auto size : sizes) {
        reply got;
        ASSERT_EQ(receive_packet(daemon_end.get(), bytes_of(got)).size, sizeof got);
        EXPECT_EQ(got.os, size == sizeof good ? 0 : EINVAL);
    }
}

TEST(HelperServe, ClosesMoreDescriptorsThanFit) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    const unique_fd one(ends[0]);
    const unique_fd other(ends[1]);
    // Three descriptors, by hand: send_packet() sends two at most.
    char byte = 0;
    iovec content{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> space{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    auto* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
    const std::array<int, 3> three{0, 1, 2};
    std::memcpy(CMSG_DATA(rights), three.data(), sizeof three);
    ASSERT_EQ(::sendmsg(one.get(), &message, 0), 1);
    EXPECT_EQ(receive_packet(other.get(), {&byte, 1}).os, EBADMSG);
}

}  // namespace
}  // namespace sallyport::helper
