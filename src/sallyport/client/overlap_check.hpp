#pragma once
// The end of what is kept of a file, which is fetched again and compared before anything is added to it: two different files
// are never joined into one. Plain value; one thread. The local file must stay open.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

/// What is fetched again: as much as two files that grew apart are sure to differ in, and little beside what is saved.
inline constexpr std::uint64_t resume_overlap = 64 * 1024;

class overlap_check {
public:
    /// `kept` bytes of `file` are kept, and the whole has `size`. REQUIRES: kept <= size.
    overlap_check(int file, std::uint64_t stored, std::uint64_t size)
        : file_(file),
          at_(stored - std::min(stored, resume_overlap)),
          end_(stored),
          remaining_(size - stored),
          start_(at_) {}

    /// Where the transfer has to start.
    [[nodiscard]] std::uint64_t start() const noexcept { return start_; }
    /// Compares what arrived next and takes it off `bytes`; what is left of them continues the kept part. A failure is the
    /// local file's.
    [[nodiscard]] result<void> compare(std::string_view& bytes);
    /// The data have ended.
    void finish() noexcept { different_ = different_ || at_ < end_; }

    /// All of it is the same.
    [[nodiscard]] bool is_same() const noexcept { return !different_ && at_ == end_; }
    /// It is another file, or the server started somewhere else: more came than the rest of the file.
    [[nodiscard]] bool is_different() const noexcept { return different_; }

private:
    int file_;
    std::uint64_t at_;
    std::uint64_t end_;
    std::uint64_t remaining_;  // for bytes behind the kept ones
    std::uint64_t start_;
    bool different_ = false;
};

}  // namespace sallyport::client
