#include <sallyport/ops/service_manager.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {
namespace {

// A datagram of sd_notify(3).
void send_to_service_manager(std::string_view text) {
    const char* const named = std::getenv("NOTIFY_SOCKET");
    const std::string_view path = named == nullptr ? "" : named;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() >= sizeof to.sun_path) return;
    std::ranges::copy(path, to.sun_path);
    // An abstract socket name.
    if (path.front() == '@') to.sun_path[0] = '\0';
    const unique_fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    (void)::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
}

}  // namespace

// MAINPID matters for a new process, which the manager did not start itself.
void notify_service_manager() { send_to_service_manager(fmt::format("READY=1\nMAINPID={}", ::getpid())); }

void notify_service_manager_alive() { send_to_service_manager("WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> service_manager_watchdog() {
    const char* const named = std::getenv("WATCHDOG_USEC");
    const std::string_view text = named == nullptr ? "" : named;
    std::int64_t microseconds = 0;
    const auto [end, wrong] = std::from_chars(text.begin(), text.end(), microseconds);
    if (wrong != std::errc() || end != text.end() || microseconds <= 0) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(microseconds));
}

}  // namespace sallyport::ops
