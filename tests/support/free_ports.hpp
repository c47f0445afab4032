#pragma once
// Test support: consecutive unused ports, for tests that need a range. Outside the ephemeral range, and
// at another place in each of the test programs that run at the same time. Functions without state; any thread.

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::testing {

inline unique_fd bound_everywhere(std::uint16_t port) {
    unique_fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) return {};
    return socket;
}

inline port_range free_ports(std::uint16_t count) {
    static std::uint16_t next = static_cast<std::uint16_t>(20000 + (::getpid() % 1000) * 11);
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const port_range range{next, static_cast<std::uint16_t>(next + count - 1)};
        next = static_cast<std::uint16_t>(next < 31000 ? range.last + 1 : 20000);
        std::vector<unique_fd> held;
        for (auto p = range.first; p <= range.last; ++p) held.push_back(bound_everywhere(p));
        if (std::ranges::all_of(held, [](const unique_fd& fd) { return static_cast<bool>(fd); })) return range;
    }
    throw std::runtime_error("no free ports");
}

}  // namespace sallyport::testing
