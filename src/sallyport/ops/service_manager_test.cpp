#include <sallyport/ops/service_manager.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {
namespace {

TEST(ServiceManager, ReceivesReadyAndTheProcessId) {
    const auto name = fmt::format("@sallyport-test-{}", ::getpid());  // abstract
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    at.sun_path[0] = '\0';
    const unique_fd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&at), length), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify_service_manager();
    ::unsetenv("NOTIFY_SOCKET");
    std::array<char, 100> text{};
    ASSERT_GT(::recv(manager.get(), text.data(), text.size() - 1, MSG_DONTWAIT), 0);
    EXPECT_EQ(std::string(text.data()), fmt::format("READY=1\nMAINPID={}", ::getpid()));
}

TEST(ServiceManager, MayBeMissing) {
    ::unsetenv("NOTIFY_SOCKET");
    notify_service_manager();
    ::setenv("NOTIFY_SOCKET", "/nonexistent/manager", 1);
    notify_service_manager();
    ::unsetenv("NOTIFY_SOCKET");
}

TEST(ServiceManager, ItsWatchdogMayBeMissing) {
    ::unsetenv("WATCHDOG_USEC");
    EXPECT_EQ(service_manager_watchdog(), std::nullopt);
    for (const char* const wrong : {"", "0", "-1", "1s"}) {
        ::setenv("WATCHDOG_USEC", wrong, 1);
        EXPECT_EQ(service_manager_watchdog(), std::nullopt) << wrong;
    }
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    EXPECT_EQ(service_manager_watchdog(), std::chrono::seconds(30));
    ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace sallyport::ops
