#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include <netinet/tcp.h>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {
namespace {

// Copies the bytes, as the storage has neither of the two types.
template <class T>
T read_as(const sockaddr_storage& storage) noexcept {
    T out;
    std::memcpy(&out, &storage, sizeof(out));
    return out;
}

std::uint16_t swap_port(std::uint16_t port) noexcept { return htons(port); }

}  // namespace

socket_address::socket_address(const endpoint& e) noexcept {
    if (e.address.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = swap_port(e.port);
        const auto bytes = e.address.v4_bytes();
        std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&storage_, &v4, sizeof(v4));
        size_ = sizeof(v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = swap_port(e.port);
        v6.sin6_scope_id = e.address.scope();
        std::memcpy(&v6.sin6_addr, e.address.bytes().data(), e.address.bytes().size());
        std::memcpy(&storage_, &v6, sizeof(v6));
        size_ = sizeof(v6);
    }
}

socket_address::socket_address(const sockaddr* from, socklen_t size) noexcept
    : size_(std::min<socklen_t>(size, sizeof(storage_))) {
    std::memcpy(&storage_, from, size_);
}

sockaddr* socket_address::data() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }
const sockaddr* socket_address::data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }

endpoint socket_address::value() const noexcept {
    if (storage_.ss_family == AF_INET) {
        const auto v4 = read_as<sockaddr_in>(storage_);
        return {ip_address::v4(std::bit_cast<std::array<std::uint8_t, 4>>(v4.sin_addr)), swap_port(v4.sin_port)};
    }
    if (storage_.ss_family == AF_INET6) {
        const auto v6 = read_as<sockaddr_in6>(storage_);
        return {ip_address::v6(std::bit_cast<std::array<std::uint8_t, 16>>(v6.sin6_addr), v6.sin6_scope_id),
                swap_port(v6.sin6_port)};
    }
    return {};
}

endpoint local_endpoint(int socket) noexcept {
    socket_address a;
    return ::getsockname(socket, a.data(), a.size()) == 0 ? a.value() : endpoint{};
}

endpoint peer_endpoint(int socket) noexcept {
    socket_address a;
    return ::getpeername(socket, a.data(), a.size()) == 0 ? a.value() : endpoint{};
}

std::optional<endpoint> original_destination(int socket) noexcept {
    // The same number for both families; the kernel's headers that define it cannot be included with those of libc.
    constexpr int so_original_dst = 80;
    socket_address a;
    const auto local = local_endpoint(socket);
    const int level = local.address.is_v4() ? SOL_IP : SOL_IPV6;
    if (::getsockopt(socket, level, so_original_dst, a.data(), a.size()) != 0 || a.value() == local) return std::nullopt;
    return a.value();
}

bool set_option(int socket, int level, int name, int value) noexcept {
    return ::setsockopt(socket, level, name, &value, sizeof(value)) == 0;
}

int socket_option(int socket, int name) noexcept {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

bool is_tcp(int descriptor) noexcept {
    const int domain = socket_option(descriptor, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6) && socket_option(descriptor, SO_TYPE) == SOCK_STREAM;
}

bool is_transparent(int socket) noexcept {
    const bool v6 = socket_option(socket, SO_DOMAIN) == AF_INET6;
    int value = 0;
    socklen_t length = sizeof value;
    return ::getsockopt(socket, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &value, &length) == 0 &&
           value != 0;
}

void set_stream_options(int socket, const ip_address& at) noexcept {
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket, SOL_SOCKET, SO_OOBINLINE, 1);
    if (!at.is_loopback()) return;
    // Always available, and allowed without privileges.
    constexpr std::string_view congestion_control = "reno";
    ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, congestion_control.data(),
                 static_cast<socklen_t>(congestion_control.size()));
}

}  // namespace sallyport::net
