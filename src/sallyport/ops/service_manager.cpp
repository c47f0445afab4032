#include <sallyport/ops/service_manager.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::ops {

// The datagram is that of sd_notify(3). MAINPID matters for a new process, which the manager did not start itself.
void notify_service_manager() {
    const char* const named = std::getenv("NOTIFY_SOCKET");
    const std::string_view path = named == nullptr ? "" : named;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() >= sizeof to.sun_path) return;
    std::ranges::copy(path, to.sun_path);
    // An abstract socket name.
    if (path.front() == '@') to.sun_path[0] = '\0';
    const unique_fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto text = fmt::format("READY=1\nMAINPID={}", ::getpid());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    (void)::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
}

}  // namespace sallyport::ops
