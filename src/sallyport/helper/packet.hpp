#pragma once
// Messages with descriptors on a Unix socket (unix(7), SCM_RIGHTS).
//
// Functions on descriptors that the caller owns; any thread. Received descriptors are owned by the result.

#include <cstddef>
#include <span>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::helper {

inline constexpr std::size_t max_descriptors = 2;

struct socket_pair {
    unique_fd ours;
    unique_fd theirs;
};
/// Two ends of a connection that keeps the boundaries of messages.
[[nodiscard]] result<socket_pair> make_pair();

/// The message as bytes.
template <class Message>
[[nodiscard]] std::span<char> bytes_of(Message& message) noexcept {
    return {reinterpret_cast<char*>(&message), sizeof message};
}

/// Sends a message with up to max_descriptors descriptors. Returns 0 or the errno.
[[nodiscard]] int send_packet(int socket, std::span<const char> bytes, std::span<const int> descriptors, int flags = 0);

struct received_packet {
    // 0 at the end of the connection.
    std::size_t size = 0;
    // The errno; EBADMSG if the message or its descriptors are more than fits.
    int os = 0;
    // With close-on-exec.
    std::vector<unique_fd> descriptors;
};
[[nodiscard]] received_packet receive_packet(int socket, std::span<char> into, int flags = 0);

}  // namespace sallyport::helper
