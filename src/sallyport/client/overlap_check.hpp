#pragma once
// Compares the end of a partial file with the same bytes of the server's file before any data are appended, so that two
// different files are never joined into one. A value for one thread; the local file must stay open as long as it lives.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

/// Number of bytes that are received again. Two different files almost certainly differ within them, and they are few
/// compared with the bytes that a resume saves.
inline constexpr std::uint64_t resume_overlap = 64 * 1024;

class overlap_check {
public:
    /// `file` has `stored` bytes, and the complete file has `size`. REQUIRES: stored <= size.
    overlap_check(int file, std::uint64_t stored, std::uint64_t size)
        : file_(file),
          at_(stored - std::min(stored, resume_overlap)),
          end_(stored),
          remaining_(size - stored),
          start_(at_) {}

    /// Offset at which the transfer has to start.
    [[nodiscard]] std::uint64_t start() const noexcept { return start_; }
    /// Compares the next received bytes and removes them from `bytes`; the remaining ones continue the partial file. A
    /// failure is one of the local file.
    [[nodiscard]] result<void> compare(std::string_view& bytes);
    /// The data have ended.
    void finish() noexcept { different_ = different_ || at_ < end_; }

    /// All compared bytes match.
    [[nodiscard]] bool is_same() const noexcept { return !different_ && at_ == end_; }
    /// The files differ, or the server started at another offset and sent more than the rest of the file.
    [[nodiscard]] bool is_different() const noexcept { return different_; }

private:
    int file_;
    std::uint64_t at_;
    std::uint64_t end_;
    /// Bytes of the complete file after the stored ones.
    std::uint64_t remaining_;
    std::uint64_t start_;
    bool different_ = false;
};

}  // namespace sallyport::client
