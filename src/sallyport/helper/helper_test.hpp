#pragma once
// Sockets for the tests of this folder. Functions and values of one test; one thread.

#include <cstdint>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>
#include <support/free_ports.hpp>

namespace sallyport::helper {

[[nodiscard]] inline unique_fd socket_of(int domain, int type) {
    return unique_fd(::socket(domain, type | SOCK_CLOEXEC, 0));
}
[[nodiscard]] inline unique_fd listening_socket() {
    auto out = socket_of(AF_INET, SOCK_STREAM);
    EXPECT_EQ(::listen(out.get(), 1), 0);
    return out;
}
[[nodiscard]] inline std::vector<unique_fd> list_of(auto... descriptors) {
    std::vector<unique_fd> out;
    (out.push_back(std::move(descriptors)), ...);
    return out;
}

/// A control connection on loopback, as both ends see it. The port below the server's is unused.
struct control_pair {
    explicit control_pair(const char* client_address = "127.0.0.1") {
        listener = socket_of(AF_INET, SOCK_STREAM);
        const net::socket_address at({*ip_address::parse("127.0.0.1"), testing::free_ports(2).last});
        EXPECT_EQ(::bind(listener.get(), at.data(), at.length()), 0);
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
    [[nodiscard]] unique_fd other_end() const { return unique_fd(::fcntl(client.get(), F_DUPFD_CLOEXEC, 0)); }
    [[nodiscard]] std::uint16_t port() const { return net::local_endpoint(server.get()).port; }
    unique_fd listener, client, server;
};

}  // namespace sallyport::helper
