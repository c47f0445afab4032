#pragma once
// A large buffer that all transfers of a thread share, for bytes that are passed on before the coroutine waits: a transfer
// whose peer is slow then holds no buffer (RX-03).
//
// Owned by its thread, and lives as long. Another coroutine may overwrite the content as soon as the caller waits.

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace sallyport::net {

// With TLS, each piece wakes both the sender and the receiver, so pieces are large.
inline constexpr std::size_t thread_buffer_size = 512 * 1024;

[[nodiscard]] inline std::span<char, thread_buffer_size> thread_buffer() {
    thread_local const auto memory = std::make_unique_for_overwrite<std::array<char, thread_buffer_size>>();
    return *memory;
}

}  // namespace sallyport::net
