#include <sallyport/helper/service.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/helper/packet.hpp>
#include <sallyport/net/socket_address.hpp>

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
    EXPECT_EQ(ask({.kind = connect_from_low_port}, listening_socket()), EINVAL);
}

/// A control connection on loopback, as both ends see it.
struct control_pair {
    explicit control_pair(const char* client_address = "127.0.0.1") {
        listener = socket_of(AF_INET, SOCK_STREAM);
        const net::socket_address any(*endpoint::parse("127.0.0.1:0"));
        EXPECT_EQ(::bind(listener.get(), any.data(), any.length()), 0);
        EXPECT_EQ(::listen(listener.get(), 1), 0);
        client = socket_of(AF_INET, SOCK_STREAM);
        const net::socket_address from({*ip_address::parse(client_address), 0});
        EXPECT_EQ(::bind(client.get(), from.data(), from.length()), 0);
        const net::socket_address to(net::local_endpoint(listener.get()));
        EXPECT_EQ(::connect(client.get(), to.data(), to.length()), 0);
        server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_TRUE(server);
    }
    [[nodiscard]] unique_fd control() const { return unique_fd(::fcntl(server.get(), F_DUPFD_CLOEXEC, 0)); }
    [[nodiscard]] std::uint16_t port() const { return net::local_endpoint(server.get()).port; }
    unique_fd listener, client, server;
};

TEST_F(HelperService, ConnectsFromTheLowPortToThePeerOfAControlConnection) {
    const control_pair session("127.0.0.2");
    const unique_fd target = listening_socket();
    const auto port = net::local_endpoint(target.get()).port;
    const auto connect_with = [&](service& to, unique_fd control, endpoint at, unique_fd data) {
        std::vector<unique_fd> both;
        both.push_back(std::move(control));
        both.push_back(std::move(data));
        return to.handle({.kind = connect_from_low_port, .target = wire_endpoint::of(at)}, both).text.os;
    };
    const auto data = [] { return socket_of(AF_INET, SOCK_STREAM); };
    const endpoint good{*ip_address::parse("127.0.0.2"), port};
    service of_port{permissions{.program = "/nonexistent", .control_ports = {session.port()}}, sigset_t{}};
    auto connected = data();
    EXPECT_EQ(connect_with(of_port, session.control(), good, unique_fd(::dup(connected.get()))), 0);
    EXPECT_EQ(net::local_endpoint(connected.get()),
              (endpoint{*ip_address::parse("127.0.0.1"), static_cast<std::uint16_t>(session.port() - 1)}));
    EXPECT_EQ(net::peer_endpoint(connected.get()).address, good.address);
    // Another port of this machine, another host, a port of a service, sockets that are no control or data connection.
    EXPECT_EQ(connect_with(made, session.control(), good, data()), EPERM);
    EXPECT_EQ(connect_with(of_port, session.control(), {*ip_address::parse("127.0.0.3"), port}, data()), EPERM);
    EXPECT_EQ(connect_with(of_port, session.control(), {good.address, 25}, data()), EPERM);
    EXPECT_EQ(connect_with(of_port, session.control(), {good.address, 0}, data()), EPERM);
    EXPECT_EQ(connect_with(of_port, unique_fd(::dup(session.listener.get())), good, data()), EPERM);
    EXPECT_EQ(connect_with(of_port, unique_fd(::dup(session.client.get())), good, data()), EPERM);
    EXPECT_EQ(connect_with(of_port, session.control(), good, session.control()), EPERM);
    EXPECT_EQ(connect_with(of_port, session.control(), good, socket_of(AF_INET, SOCK_DGRAM)), EPERM);
    EXPECT_EQ(connect_with(of_port, socket_of(AF_UNIX, SOCK_STREAM), good, data()), EPERM);
    std::vector<unique_fd> both;
    both.push_back(session.control());
    both.push_back(data());
    EXPECT_EQ(of_port.handle({.kind = connect_from_low_port}, both).text.os, EINVAL) << "no address";
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

TEST_F(HelperService, BindsOnlyPortsOfTheConfiguration) {
    auto free_port = socket_of(AF_INET, SOCK_STREAM);
    const net::socket_address any(*endpoint::parse("127.0.0.1:0"));
    ASSERT_EQ(::bind(free_port.get(), any.data(), any.length()), 0);
    const auto at = net::local_endpoint(free_port.get());
    free_port.reset();
    service of_ports{permissions{.program = "/nonexistent", .data_ports = {{at.port, at.port}}}, sigset_t{}};
    const auto bind_to = [&](endpoint where, unique_fd socket) {
        std::vector<unique_fd> one;
        one.push_back(std::move(socket));
        return of_ports.handle({.kind = bind_port, .target = wire_endpoint::of(where)}, one).text.os;
    };
    const auto bound = socket_of(AF_INET, SOCK_STREAM);
    EXPECT_EQ(bind_to(at, unique_fd(::dup(bound.get()))), 0);
    EXPECT_EQ(net::local_endpoint(bound.get()), at);
    EXPECT_EQ(bind_to(at, unique_fd(::dup(bound.get()))), EPERM) << "it is bound already";
    EXPECT_EQ(bind_to(at, socket_of(AF_INET, SOCK_STREAM)), EADDRINUSE);
    EXPECT_EQ(bind_to({at.address, 25}, socket_of(AF_INET, SOCK_STREAM)), EPERM);
    EXPECT_EQ(bind_to({at.address, 0}, socket_of(AF_INET, SOCK_STREAM)), EINVAL);
    EXPECT_EQ(bind_to(at, socket_of(AF_INET, SOCK_DGRAM)), EPERM);
    EXPECT_EQ(ask({.kind = bind_port, .target = wire_endpoint::of(at)}, socket_of(AF_INET, SOCK_STREAM)), EPERM)
        << "no port is configured";
}

TEST_F(HelperService, OpensOnlyTheFilesOfTheConfiguration) {
    const auto directory = std::filesystem::temp_directory_path() / fmt::format("sallyport-files-{}", ::getpid());
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "key") << "key";
    ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
    service of_files{
        permissions{.program = "/nonexistent",
                    .files = {{directory / "key"}, {directory / "log", true}, {directory / "fifo"}, {directory}}},
        sigset_t{}};
    const auto open = [&](std::uint32_t number) { return of_files.handle({.kind = open_file, .number = number}, {}); };
    const auto key = open(0);
    std::array<char, 8> text{};
    EXPECT_EQ(::read(key.descriptor.get(), text.data(), text.size()), 3);
    EXPECT_LT(::write(key.descriptor.get(), "x", 1), 0) << "it is read only";
    const auto log = open(1);
    EXPECT_EQ(::write(log.descriptor.get(), "line", 4), 4);
    EXPECT_LT(::read(log.descriptor.get(), text.data(), text.size()), 0);
    EXPECT_EQ(open(2).text.os, EPERM) << "no regular file";
    EXPECT_FALSE(open(2).descriptor);
    EXPECT_EQ(open(3).text.os, EPERM);
    EXPECT_EQ(open(4).text.os, EPERM);
    EXPECT_EQ(open(0xffffffffU).text.os, EPERM);
    std::filesystem::remove(directory / "key");
    EXPECT_EQ(open(0).text.os, ENOENT);
    std::filesystem::remove_all(directory);
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
