#include <sallyport/helper/service.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/helper/packet.hpp>

namespace sallyport::helper {
namespace {

using enum request_kind;

[[nodiscard]] unique_fd socket_of(int domain, int type) { return unique_fd(::socket(domain, type | SOCK_CLOEXEC, 0)); }
[[nodiscard]] unique_fd listening_socket() {
    auto out = socket_of(AF_INET, SOCK_STREAM);
    EXPECT_EQ(::listen(out.get(), 1), 0);
    return out;
}

class HelperService : public testing::Test {
protected:
    [[nodiscard]] int ask(const request& r, std::vector<unique_fd> descriptors = {}) {
        return made.handle(r, descriptors).text.os;
    }
    [[nodiscard]] int ask(const request& r, unique_fd descriptor) {
        std::vector<unique_fd> all;
        all.push_back(std::move(descriptor));
        return ask(r, std::move(all));
    }
    [[nodiscard]] static request down(std::string_view name) {
        request r{.kind = add_down_backend};
        std::ranges::copy(name, r.text.begin());
        return r;
    }

    service made{permissions{.program = "/nonexistent"}, sigset_t{}};
};

TEST_F(HelperService, RefusesAnUnknownKind) {
    for (const unsigned kind : {0U, 100U, 0xffffffffU}) EXPECT_EQ(ask({.kind = static_cast<request_kind>(kind)}), EINVAL);
}

TEST_F(HelperService, RefusesAnotherNumberOfDescriptors) {
    for (const auto kind : {clear_successor, add_down_backend, end_successor, successor_status})
        EXPECT_EQ(ask({.kind = kind}, listening_socket()), EINVAL);
    for (const auto kind : {add_socket, start_successor}) {
        EXPECT_EQ(ask({.kind = kind}), EINVAL);
        std::vector<unique_fd> two;
        two.push_back(listening_socket());
        two.push_back(listening_socket());
        EXPECT_EQ(ask({.kind = kind}, std::move(two)), EINVAL);
    }
}

TEST_F(HelperService, AddsOnlyListeningTcpSockets) {
    EXPECT_EQ(ask({.kind = add_socket}, listening_socket()), 0);
    EXPECT_EQ(ask({.kind = add_socket}, socket_of(AF_INET, SOCK_STREAM)), EPERM);
    EXPECT_EQ(ask({.kind = add_socket}, socket_of(AF_INET, SOCK_DGRAM)), EPERM);
    EXPECT_EQ(ask({.kind = add_socket}, socket_of(AF_UNIX, SOCK_STREAM)), EPERM);
    EXPECT_EQ(ask({.kind = add_socket}, unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), EPERM);
}

TEST_F(HelperService, AddsOnlyNames) {
    EXPECT_EQ(ask(down("ftp://10.0.0.1:21")), 0);
    EXPECT_EQ(ask(down("")), EINVAL);
    EXPECT_EQ(ask(down("two words")), EINVAL);
    EXPECT_EQ(ask(down("line\nLISTEN_PID=1")), EINVAL);
    EXPECT_EQ(ask(down("\x80")), EINVAL);
    request endless{.kind = add_down_backend};
    endless.text.fill('a');
    EXPECT_EQ(ask(endless), EINVAL);
    for (std::size_t i = 1; i < max_down_backends; ++i) EXPECT_EQ(ask(down("a")), 0);
    EXPECT_EQ(ask(down("a")), ENOSPC);
}

TEST_F(HelperService, StartsAProgramWithAUnixSocketOnly) {
    EXPECT_EQ(ask({.kind = start_successor}, listening_socket()), EPERM);
    EXPECT_EQ(ask({.kind = start_successor}, unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), EPERM);
}

TEST_F(HelperService, EndsNoProcessThatItDidNotStart) {
    EXPECT_EQ(ask({.kind = end_successor}), ESRCH);
    EXPECT_EQ(ask({.kind = successor_status}), ESRCH);
}

TEST_F(HelperService, RefusesAPacketOfAnotherSize) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    unique_fd daemon_end(ends[0]);
    const unique_fd helper_end(ends[1]);
    const request good{.kind = clear_successor};
    std::array<char, sizeof good + 1> bytes{};
    std::memcpy(bytes.data(), &good, sizeof good);
    const std::array<std::size_t, 4> sizes{sizeof good, sizeof good - 1, sizeof good + 1, 1};
    for (const auto size : sizes) ASSERT_EQ(send_packet(daemon_end.get(), {bytes.data(), size}, {}), 0);
    ::shutdown(daemon_end.get(), SHUT_WR);
    serve(helper_end.get(), made);
    for (const auto size : sizes) {
        reply got;
        ASSERT_EQ(receive_packet(daemon_end.get(), bytes_of(got)).size, sizeof got);
        EXPECT_EQ(got.os, size == sizeof good ? 0 : EINVAL);
    }
}

TEST_F(HelperService, ClosesMoreDescriptorsThanFit) {
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
