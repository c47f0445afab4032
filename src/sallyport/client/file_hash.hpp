#pragma once
// Hashes of files: the commands that servers have for them, what their replies say, and the hash of a local file. Pure
// functions; any thread. hash_of() reads the file and blocks.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/hash_algorithm.hpp>
#include <sallyport/proto/feature_set.hpp>

namespace sallyport::client {

struct file_hash {
    hash_algorithm algorithm = hash_algorithm::sha256;
    /// Hexadecimal, in lower case.
    std::string digits;
};

/// The best command that the server offers; empty if it offers none.
[[nodiscard]] std::string hash_command(const proto::feature_set& features);
/// Its argument: HASH takes the rest of the line, the others need quotes around a name with blanks.
[[nodiscard]] std::string hash_argument(std::string_view command, const std::string& path);
/// From the reply to this command. HASH uses the algorithm that the server has selected and names. Nothing if the reply
/// contains no hash.
[[nodiscard]] std::optional<file_hash> hash_in(std::string_view command, const proto::reply& reply);

/// Of the first `bytes` of the file. errc::truncated if it is shorter.
[[nodiscard]] result<std::string> hash_of(int file, std::uint64_t bytes, hash_algorithm algorithm);

}  // namespace sallyport::client
