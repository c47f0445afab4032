#pragma once
// The requests that a daemon sends to its helper, a closed list of messages of one fixed size, and the replies.
//
// Values; any thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <sallyport/base/address.hpp>

namespace sallyport::helper {

enum class request_kind : std::uint32_t {
    // Forgets the sockets and the names that the next two kinds have added.
    clear_successor = 1,
    // Adds the listening socket that is sent with it.
    add_socket,
    // Adds `text`, the name of a backend that is down.
    add_down_backend,
    // Starts the program. The descriptor is the new process's connection with this daemon. Reply: the process ID in
    // `number`.
    start_successor,
    // Kills the process that was started last.
    end_successor,
    // Reply: the wait status of that process in `number`; EAGAIN while it runs.
    successor_status,
    // Connects the second descriptor, a new socket, to `target`, from the port below the local port of the first one, a
    // control connection with the same peer address. EACCES: without the right to that port.
    connect_from_low_port,
    // Opens the file with this number again, in the way that the permissions have for it. Reply: with its descriptor.
    open_file,
    // Binds the descriptor, a new socket, to `target`.
    bind_port,
};

/// An address and port without padding: `family` 4 or 6.
struct wire_endpoint {
    std::array<std::uint8_t, 16> bytes{};
    std::uint32_t scope = 0;
    std::uint16_t port = 0;
    std::uint16_t family = 0;

    [[nodiscard]] static wire_endpoint of(const endpoint& e) noexcept {
        return {e.address.bytes(), e.address.scope(), e.port, static_cast<std::uint16_t>(e.address.is_v4() ? 4 : 6)};
    }
    /// Empty if it is not an endpoint.
    [[nodiscard]] std::optional<endpoint> value() const noexcept {
        if (family == 4) return endpoint{ip_address::v4({bytes[0], bytes[1], bytes[2], bytes[3]}), port};
        if (family == 6) return endpoint{ip_address::v6(bytes, scope), port};
        return std::nullopt;
    }
};

struct request {
    request_kind kind{};
    // Of a file.
    std::uint32_t number = 0;
    wire_endpoint target{};
    // Ends with NUL.
    std::array<char, 456> text{};
};
static_assert(std::is_trivially_copyable_v<request> && sizeof(request) == 488);

struct reply {
    // 0: done.
    std::int32_t os = 0;
    std::int32_t number = 0;
};

}  // namespace sallyport::helper
