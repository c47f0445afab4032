#pragma once
// What one session has done, for the line that is logged when it ends (S7, G12). Plain values; any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::status {

struct session_summary {
    endpoint client;
    std::string user;
    bool logged_in = false;
    bool tls = false;
    // Complete transfers.
    std::size_t downloads = 0;
    std::size_t uploads = 0;
    std::size_t listings = 0;
    std::size_t failed = 0;
    // Bytes of files, to and from the client; without those that bypassed this process.
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::chrono::milliseconds duration{};
};

enum class transfer_kind : std::uint8_t { download, upload, listing };

/// Adds a transfer that has ended, with the bytes of the file that were transferred.
void add_transfer(session_summary& to, transfer_kind kind, bool complete, std::uint64_t bytes) noexcept;

/// "192.0.2.7: anna, TLS, 2 files sent (1.5 MiB), 1 file received (5 bytes), 3 listings, 1 failed transfer, 12 s". The
/// user's name is escaped.
[[nodiscard]] std::string text_of(const session_summary& s);

/// Counts the time that a transfer took.
void count_time(counters& into, transfer_kind kind, std::chrono::nanoseconds took) noexcept;

/// Who ended a session.
enum class session_end : std::uint8_t { quit, client, administrator, shutdown, server };
/// "by the client with QUIT"
[[nodiscard]] std::string text_of(session_end by);

}  // namespace sallyport::status
