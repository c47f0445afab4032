#pragma once
// The hash algorithms for the content of files, with their names. Constants and pure functions; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/ascii.hpp>

namespace sallyport {

// The order in which servers offer them: the first one is the default.
enum class hash_algorithm : std::uint8_t { sha256, sha512, sha1, md5, crc32 };

struct hash_algorithm_row {
    hash_algorithm id;
    // In the registry of hash function names (RFC 3230, IANA).
    std::string_view name;
    // Of a hash in hexadecimal form.
    std::size_t digits;
};

inline constexpr auto hash_algorithms = std::to_array<hash_algorithm_row>({
    {hash_algorithm::sha256, "SHA-256", 64},
    {hash_algorithm::sha512, "SHA-512", 128},
    {hash_algorithm::sha1, "SHA-1", 40},
    {hash_algorithm::md5, "MD5", 32},
    {hash_algorithm::crc32, "CRC32", 8},
});

[[nodiscard]] constexpr const hash_algorithm_row& row_of(hash_algorithm a) noexcept {
    return hash_algorithms.at(static_cast<std::size_t>(a));
}
[[nodiscard]] constexpr std::string_view name(hash_algorithm a) noexcept { return row_of(a).name; }

/// Whatever its case.
[[nodiscard]] inline std::optional<hash_algorithm> parse_hash_algorithm(std::string_view name) noexcept {
    for (const auto& row : hash_algorithms)
        if (iequals(row.name, name)) return row.id;
    return std::nullopt;
}

}  // namespace sallyport
