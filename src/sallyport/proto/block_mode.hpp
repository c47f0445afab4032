#pragma once
// Block mode, MODE B (RFC 959, section 3.4.2): data in blocks, each after a header of three bytes.
//
// A file ends with a marked block, not with the end of its connection. So one data connection can carry many files, and an
// interrupted connection is never taken for the end of a file. Restart markers are skipped, since REST counts bytes here.
//
// Pure functions and values; one thread at a time. No sockets, no exceptions.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sallyport/base/error.hpp>

namespace sallyport::proto {

enum class transfer_mode : std::uint8_t { stream, block };

constexpr std::size_t block_header_size = 3;
constexpr std::size_t max_block_size = 0xffff;

/// The header for `size` bytes (at most max_block_size). `last`: the file ends after them.
[[nodiscard]] std::array<char, block_header_size> block_header(std::size_t size, bool last) noexcept;

/// Removes the block headers from received bytes. One reader per file.
class block_reader {
public:
    /// Moves the file's bytes to the front of `bytes` and returns their number. errc::unexpected if the bytes are not in
    /// blocks, if more bytes follow the end, or if the sender has marked a block as damaged.
    [[nodiscard]] result<std::size_t> unwrap(std::span<char> bytes);
    /// The last block is complete.
    [[nodiscard]] bool finished() const noexcept { return finished_; }

private:
    [[nodiscard]] result<void> start_block();

    std::array<char, block_header_size> header_{};
    // The number of header bytes received so far.
    std::size_t header_size_ = 0;
    // The number of bytes that are missing from the current block.
    std::size_t remaining_ = 0;
    // The current block is the last one of the file.
    bool last_ = false;
    // The current block is a restart marker and holds no data.
    bool marker_ = false;
    bool finished_ = false;
};

}  // namespace sallyport::proto
