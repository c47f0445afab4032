#pragma once
// Judges the end of a transfer by everything that is known of it. A pure function on values; any thread.
//
// A transfer succeeds if the server confirms it (a final 2xx), if the byte count matches the known size, and if the data
// connection was closed cleanly: with TLS, after close_notify. If the first two conditions hold, all bytes have arrived,
// so an unclean close is only a warning.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

enum class direction : std::uint8_t { download, upload };

/// What is known of a transfer after its data connection was closed and its replies were received. Sizes are those of the
/// complete file, also if only the rest of it was transferred; they are missing if they cannot be compared (TYPE A,
/// listings).
struct transfer_facts {
    direction transfer_direction = direction::download;
    /// The data connection was established.
    bool started = false;
    /// Received or sent.
    std::uint64_t bytes = 0;
    /// Size at the sender: the server's SIZE, or the length of the local file.
    std::optional<std::uint64_t> expected;
    /// For an upload: the SIZE of the server's file afterwards.
    std::optional<std::uint64_t> stored;
    /// How the data connection failed; nothing if it was closed cleanly.
    std::optional<error> data_failure;
    /// data_failure is one of the local file.
    bool is_local = false;
    /// Nothing if the server confirmed the transfer.
    std::optional<proto::client_failure> control;
};

struct verdict {
    /// Nothing: success.
    std::optional<proto::client_failure> failure;
    std::vector<std::string> warnings;
};

[[nodiscard]] verdict judge(const transfer_facts& facts);

}  // namespace sallyport::client
