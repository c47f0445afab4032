#pragma once
// The commands for hashes of files: HASH (draft-bryan-ftp-hash), and those with an algorithm each, XCRC to XSHA512, whose
// arguments no document defines.
//
// Values and pure functions; any thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sallyport/base/hash_algorithm.hpp>
#include <sallyport/proto/command.hpp>

namespace sallyport::proto {

/// The commands with an algorithm of their own, the best one first.
inline constexpr auto hash_commands =
    std::to_array<std::pair<verb, hash_algorithm>>({{verb::xsha256, hash_algorithm::sha256},
                                                    {verb::xsha512, hash_algorithm::sha512},
                                                    {verb::xsha1, hash_algorithm::sha1},
                                                    {verb::xmd5, hash_algorithm::md5},
                                                    {verb::xcrc, hash_algorithm::crc32}});

/// Nothing for HASH, whose algorithm OPTS HASH selects, and for other commands.
[[nodiscard]] std::optional<hash_algorithm> algorithm_of(verb id) noexcept;
/// HASH or one of the above.
[[nodiscard]] bool requests_hash(verb id) noexcept;

/// For FEAT: "HASH SHA-256*;SHA-512;...", with '*' after the selected algorithm.
[[nodiscard]] std::string hash_feature(hash_algorithm selected);

/// A part of a file; by default the whole file.
struct byte_range {
    std::uint64_t begin = 0;
    // The offset after the last byte.
    std::uint64_t end = UINT64_MAX;

    friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// "262144 524287": both are offsets of bytes that belong to the range (draft-bryan-ftp-range). "1 0" is the whole file.
/// Nothing for another form.
[[nodiscard]] std::optional<byte_range> parse_range(std::string_view text) noexcept;

/// The argument of XCRC to XSHA512: `name [start [end]]`, and `"name" [start [end]]` for a name with blanks. `end` is the
/// offset after the last byte, as in other servers.
struct hash_argument {
    // The name if it is in quotes, otherwise the complete argument, which may contain the range as well.
    std::string name;
    byte_range range{};
    // Without quotes: the name and the range, if no file has the complete argument as its name.
    std::optional<std::pair<std::string, byte_range>> otherwise{};

    /// Nothing if what follows a name in quotes is not a range.
    [[nodiscard]] static std::optional<hash_argument> parse(std::string_view text);
};

}  // namespace sallyport::proto
