// Each test confines a child process as the helper, which then tries what an attacker would try.
#include <sallyport/ops/helper_confinement.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/test_sanitizer.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/test_network.hpp>
#include <sallyport/helper/client.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/ops/landlock.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

class HelperConfinement : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_NE(::mkdtemp(base.data()), nullptr);
        for (const char* name : {"keys", "logs", "others"}) fs::create_directory(base + "/" + name);
        for (const char* name : {"keys/key", "others/file"}) std::ofstream(base + "/" + name) << "content";
        allowed.files = {{base + "/keys/key"}, {base + "/logs/log", true}};
        allowed.data_ports = {{23440, 23450}};
        allowed.control_ports = {2121};
    }
    void TearDown() override { fs::remove_all(base); }

    /// Runs `attempt` in a child process that is confined; true if it returned true there.
    [[nodiscard]] bool succeeds(const std::function<bool()>& attempt) const {
        const auto child = ::fork();
        if (child == 0) {
            confine_helper(allowed);
            ::_exit(attempt() ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
        return WEXITSTATUS(status) == 0;
    }
    [[nodiscard]] static bool can_open(const std::string& path, int flags) {
        return static_cast<bool>(unique_fd(::open(path.c_str(), flags | O_CLOEXEC, 0600)));
    }
    [[nodiscard]] static bool can_bind(int socket, std::uint16_t port) {
        const net::socket_address at(endpoint{*ip_address::parse("127.0.0.1"), port});
        return ::bind(socket, at.data(), at.length()) == 0;
    }
    std::string base = "/tmp/helper-confinement-XXXXXX";
    helper::permissions allowed{.program = "/nonexistent"};
};

TEST_F(HelperConfinement, permits_the_files_of_the_configuration_and_no_others) {
    EXPECT_TRUE(succeeds([&] { return can_open(base + "/keys/key", O_RDONLY); }));
    EXPECT_TRUE(succeeds([&] { return can_open(base + "/logs/log", O_WRONLY | O_APPEND | O_CREAT); }));
    if (!landlock_version()) GTEST_SKIP() << "needs Landlock";
    EXPECT_FALSE(succeeds([&] { return can_open(base + "/keys/key", O_WRONLY); }));
    EXPECT_FALSE(succeeds([&] { return can_open(base + "/others/file", O_RDONLY); }));
    EXPECT_FALSE(succeeds([&] { return can_open(base + "/new", O_WRONLY | O_CREAT); }));
    EXPECT_FALSE(succeeds([] { return can_open("/etc/shadow", O_RDONLY); }));
}

TEST_F(HelperConfinement, permits_the_ports_of_the_configuration_and_no_others) {
    // The helper gets its sockets from the daemon.
    const auto binds = [this](std::uint16_t port) {
        const unique_fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return succeeds([&] { return can_bind(socket.get(), port) || errno == EADDRINUSE; });
    };
    EXPECT_TRUE(binds(23445));
    EXPECT_TRUE(binds(2120));
    if (landlock_version().value_or(0) < 4) GTEST_SKIP() << "needs Linux 6.7";
    EXPECT_FALSE(binds(23451));
}

TEST_F(HelperConfinement, permits_no_socket_and_no_process) {
    if (testing::is_sanitized) GTEST_SKIP() << "the sanitizer's threads need other system calls";
    for (const int type : {SOCK_STREAM, SOCK_RAW})
        EXPECT_FALSE(succeeds([type] { return static_cast<bool>(unique_fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0))); }));
    const auto opens_netlink = [] {
        return static_cast<bool>(unique_fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 12)));
    };
    EXPECT_FALSE(succeeds(opens_netlink));
    EXPECT_FALSE(succeeds([] { return ::fork() >= 0; }));
    EXPECT_FALSE(succeeds([] { return ::execl("/bin/true", "true", nullptr) == 0; }));
    EXPECT_FALSE(succeeds([] { return ::kill(::getppid(), 0) == 0; }));
    EXPECT_TRUE(succeeds([] {
        std::thread([] {}).join();
        return true;
    }));
    allowed.openings = true;
    EXPECT_TRUE(succeeds(opens_netlink));
}

TEST_F(HelperConfinement, keeps_the_capabilities_that_are_needed) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    // Opened before, since the helper may not open it. The kernel writes the text when it is read.
    const auto has = [this](std::string_view mask) {
        const auto child = ::fork();
        if (child == 0) {
            const unique_fd status(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
            confine_helper(allowed);
            std::array<char, 4096> text{};
            const auto size = ::read(status.get(), text.data(), text.size());
            const std::string_view found(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            ::_exit(found.contains("CapPrm:\t" + std::string(mask)) ? 0 : 1);
        }
        int outcome = -1;
        ::waitpid(child, &outcome, 0);
        return outcome == 0;
    };
    EXPECT_TRUE(has("0000000000000004")) << "CAP_DAC_READ_SEARCH";
    allowed.control_ports = {21};
    allowed.openings = true;
    EXPECT_TRUE(has("0000000000001404")) << "and CAP_NET_BIND_SERVICE, CAP_NET_ADMIN";
    allowed.files.clear();
    allowed.data_ports.clear();
    allowed.control_ports = {2121};
    allowed.openings = false;
    EXPECT_TRUE(has("0000000000000000"));
}

/// A confined helper in a network namespace of its own.
void use_confined_helper() {
    firewall::enter_test_network();
    firewall::interception_settings intercepted;
    intercepted.interceptions.push_back({.interfaces = {"lan0"}});
    const endpoint at{*ip_address::parse("127.0.0.1"), 2121};
    const helper::permissions allowed{
        .program = "/nonexistent", .control_ports = {at.port}, .openings = true, .interception = intercepted};
    const auto started = helper::client::start(allowed, [allowed] { confine_helper(allowed); });
    ASSERT_TRUE(started);
    auto& client = **started;

    const auto listener = client.listen_transparent(0, true);
    ASSERT_TRUE(listener) << listener.error().text();
    ASSERT_TRUE(client.listen_transparent(0, false));
    const auto intercepting = client.start_interception();
    ASSERT_TRUE(intercepting) << intercepting.error().text();

    const auto connect_to = [](int listening) {
        unique_fd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const net::socket_address to(net::local_endpoint(listening));
        EXPECT_EQ(::connect(out.get(), to.data(), to.length()), 0);
        return out;
    };
    const auto session = connect_to(listener->get());
    ::fcntl(listener->get(), F_SETFL, 0);
    const unique_fd control(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto leg = client.client_socket(control.get());
    ASSERT_TRUE(leg) << leg.error().text();
    const unique_fd backend(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(backend.get(), 1), 0);
    const auto backend_control = connect_to(backend.get());
    const auto seen = client.translated_address(backend_control.get());
    ASSERT_TRUE(seen) << seen.error().text();
    EXPECT_TRUE(seen->is_loopback());

    const unique_fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const net::socket_address bound(at);
    ASSERT_EQ(::bind(listening.get(), bound.data(), bound.length()), 0);
    ASSERT_EQ(::listen(listening.get(), 1), 0);
    const auto client_end = connect_to(listening.get());
    const unique_fd client_control(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto table = client.find_table();
    ASSERT_TRUE(table) << table.error().text();
    std::vector<firewall::change> one(1);
    one[0].subject = {at.address, {at.address, 40000}, {at.address, 40001}, at.address, std::chrono::seconds(30)};
    auto controls =
        firewall::owned_control_connections::duplicate({.client = client_control.get(), .backend = backend_control.get()});
    ASSERT_TRUE(controls);
    one[0].control = std::move(*controls);
    const auto opened = (*table)->commit(one);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_TRUE((*table)->remaining(one[0].subject));
    EXPECT_EQ((*table)->use_of(one[0].subject), firewall::opening_use::none);
    one[0].kind = firewall::change_kind::close;
    EXPECT_TRUE((*table)->commit(one));
    EXPECT_FALSE((*table)->remaining(one[0].subject));
}

TEST_F(HelperConfinement, permits_what_the_requests_need) {
    if (testing::is_sanitized) GTEST_SKIP() << "the sanitizer needs other system calls";
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const auto child = ::fork();
    if (child == 0) {
        use_confined_helper();
        ::_exit(HasFailure() ? 1 : 0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sallyport::ops
