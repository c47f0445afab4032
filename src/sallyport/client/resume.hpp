#pragma once
// Decides whether a transfer can continue a partial file. The result is empty if it can, and otherwise the reason, as a
// clause for "starting from the beginning, because". Functions on values, or on the thread of the connection's loop; the
// connection must outlive the call.

#include <cstdint>
#include <optional>
#include <string>

#include <sallyport/client/client.hpp>
#include <sallyport/client/connection.hpp>

namespace sallyport::client {

/// For a download with `have` stored bytes. If the result is empty, overlap_check still has to compare the bytes.
[[nodiscard]] std::string reason_not_to_resume(const std::optional<file_version>& recorded,
                                               const std::optional<file_version>& now, std::uint64_t have);

/// An upload that is to be continued.
struct partial_upload {
    std::string path;
    /// Bytes that the server has; at least 1.
    std::uint64_t stored = 0;
    int file = -1;
    /// Of the local file.
    std::uint64_t length = 0;
    /// Modification time of the local file, in seconds since 1970.
    std::int64_t modified = 0;
};

/// Receives the end of the server's part and compares it with the local file.
net::task<std::string> reason_not_to_resume(connection& conn, partial_upload upload);

}  // namespace sallyport::client
