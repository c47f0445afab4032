#pragma once
// Whether a transfer may continue what an earlier one left, and if not, why: a clause for "starting from the beginning,
// because".

#include <cstdint>
#include <optional>
#include <string>

#include <sallyport/client/client.hpp>
#include <sallyport/client/connection.hpp>

namespace sallyport::client {

/// A download of `have` bytes so far. Empty: nothing speaks against it but the bytes themselves, which kept_tail compares.
[[nodiscard]] std::string reason_not_to_resume(const std::optional<file_version>& recorded,
                                               const std::optional<file_version>& now, std::uint64_t have);

/// What is known of an upload that is to be continued.
struct partial_upload {
    std::string path;
    std::uint64_t stored = 0;  // bytes that the server has, more than none
    int file = -1;
    std::uint64_t length = 0;   // of the local file
    std::int64_t modified = 0;  // the local file's time
};

/// Compares the end of what the server has with the local file, by getting it back. Empty: the upload may continue.
net::task<std::string> reason_not_to_resume(connection& conn, partial_upload upload);

}  // namespace sallyport::client
