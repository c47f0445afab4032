#pragma once
// MODE B (RFC 959 section 3.4.2): data in blocks, each behind a header of three bytes. A file ends with a marked block, not
// with its connection: one data connection serves many files, and one that breaks is never taken for an end.
//
// Restart markers are passed over, since REST counts bytes here. No socket, no exception. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sallyport/base/error.hpp>

namespace sallyport::proto {

enum class transfer_mode : std::uint8_t { stream, block };

constexpr std::size_t block_header_size = 3;
constexpr std::size_t max_block_size = 0xffff;

/// What stands before `size` bytes (at most most_in_block); `last`: the file ends behind them.
[[nodiscard]] std::array<char, block_header_size> block_header(std::size_t size, bool last) noexcept;

/// Takes what was received apart. One reader a file.
class block_reader {
public:
    /// Leaves only the file's bytes, at the front of `bytes`, and returns how many there are. errc::unexpected: what came is
    /// not in blocks, goes on behind the end, or is called damaged by its sender.
    [[nodiscard]] result<std::size_t> unwrap(std::span<char> bytes);
    /// The file is complete.
    [[nodiscard]] bool finished() const noexcept { return finished_; }

private:
    [[nodiscard]] result<void> start_block();

    std::array<char, block_header_size> header_{};
    std::size_t header_size_ = 0;  // of it here
    std::size_t remaining_ = 0;    // of the present block
    bool last_ = false;            // it is the file's last
    bool marker_ = false;          // it is no data
    bool finished_ = false;
};

}  // namespace sallyport::proto
