#include <sallyport/helper/service.hpp>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/helper/helper_test.hpp>

namespace sallyport::helper {
namespace {

using enum request_kind;

class HelperService : public ::testing::Test {
protected:
    [[nodiscard]] int ask(const request& r, std::vector<unique_fd> descriptors = {}) {
        return made.handle(r, descriptors).text.os;
    }

    const made_table no_table = fail_os(EPERM, "none");
    service made{permissions{.program = "/nonexistent"}, no_table};
};

TEST_F(HelperService, RefusesOtherKinds) {
    for (const unsigned kind : {0U, 100U, 0xffffffffU}) EXPECT_EQ(ask({.kind = static_cast<request_kind>(kind)}), EINVAL);
    for (const auto kind : {clear_successor, end_successor, add_closing}) EXPECT_EQ(ask({.kind = kind}), EINVAL);
}

TEST_F(HelperService, RefusesAnotherNumberOfDescriptors) {
    EXPECT_EQ(ask({.kind = connect_from_low_port}, list_of(listening_socket())), EINVAL);
    EXPECT_EQ(ask({.kind = bind_port}), EINVAL);
    EXPECT_EQ(ask({.kind = open_file}, list_of(listening_socket())), EINVAL);
    EXPECT_EQ(ask({.kind = find_table}, list_of(listening_socket())), EINVAL);
}

TEST_F(HelperService, ReportsWhyThereIsNoTable) {
    const auto refused = made.handle({.kind = find_table}, {}).text;
    EXPECT_EQ(refused.os, EPERM);
    EXPECT_STREQ(refused.text.data(), "none");
    const auto not_configured = make_table(permissions{.program = "/nonexistent"});
    ASSERT_FALSE(not_configured);
    EXPECT_NE(not_configured.error().what.find("\"restart\""), std::string::npos);
    const firewall::opening o{*ip_address::parse("10.0.0.1"), *endpoint::parse("10.0.0.2:4000"),
                              *endpoint::parse("10.0.0.3:4000"), *ip_address::parse("10.0.0.2"), std::chrono::seconds(1)};
    EXPECT_EQ(ask({.kind = remaining_time, .subject = wire_opening::of(o)}), EPERM);
    EXPECT_EQ(ask({.kind = use_of_opening, .subject = wire_opening::of(o)}), EPERM);
    EXPECT_EQ(ask({.kind = remaining_time}), EINVAL) << "no opening";
}

TEST_F(HelperService, ConnectsFromTheLowPortToThePeerOfAControlConnection) {
    const control_pair session("127.0.0.2");
    const unique_fd target = listening_socket();
    const auto port = net::local_endpoint(target.get()).port;
    const auto connect_with = [&](service& to, unique_fd control, endpoint at, unique_fd data) {
        auto both = list_of(std::move(control), std::move(data));
        return to.handle({.kind = connect_from_low_port, .target = wire_endpoint::of(at)}, both).text.os;
    };
    const auto data = [] { return socket_of(AF_INET, SOCK_STREAM); };
    const endpoint good{*ip_address::parse("127.0.0.2"), port};
    service of_port{permissions{.program = "/nonexistent", .control_ports = {session.port()}}, no_table};
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
    auto both = list_of(session.control(), data());
    EXPECT_EQ(of_port.handle({.kind = connect_from_low_port}, both).text.os, EINVAL) << "no address";
}

TEST_F(HelperService, BindsOnlyPortsOfTheConfiguration) {
    const endpoint at{*ip_address::parse("127.0.0.1"), testing::free_ports(1).first};
    service of_ports{permissions{.program = "/nonexistent", .data_ports = {{at.port, at.port}}}, no_table};
    const auto bind_to = [&](endpoint where, unique_fd socket) {
        auto one = list_of(std::move(socket));
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
    EXPECT_EQ(ask({.kind = bind_port, .target = wire_endpoint::of(at)}, list_of(socket_of(AF_INET, SOCK_STREAM))), EPERM)
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
        no_table};
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

}  // namespace
}  // namespace sallyport::helper
