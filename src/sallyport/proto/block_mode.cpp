#include <sallyport/proto/block_mode.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace sallyport::proto {
namespace {

// Descriptor codes.
constexpr unsigned end_of_file = 64;
constexpr unsigned damaged = 32;
constexpr unsigned restart_marker = 16;

}  // namespace

std::array<char, block_header_size> block_header(std::size_t size, bool last) noexcept {
    return {static_cast<char>(last ? end_of_file : 0), static_cast<char>(size >> 8U), static_cast<char>(size & 0xffU)};
}

result<void> block_reader::start_block() {
    const auto byte = [this](std::size_t at) { return static_cast<unsigned char>(header_.at(at)); };
    const unsigned descriptor = byte(0);
    if ((descriptor & damaged) != 0) return fail(errc::unexpected, "the sender marked a block as damaged");
    // An end of record is valid only with STRU R.
    if ((descriptor & ~(end_of_file | restart_marker)) != 0)
        return fail(errc::unexpected, fmt::format("invalid block descriptor {} in MODE B", descriptor));
    remaining_ = std::size_t{byte(1)} << 8U | byte(2);
    last_ = (descriptor & end_of_file) != 0;
    marker_ = (descriptor & restart_marker) != 0;
    return {};
}

result<std::size_t> block_reader::unwrap(std::span<char> bytes) {
    std::size_t kept = 0;
    std::size_t at = 0;
    while (at < bytes.size()) {
        if (finished_) return fail(errc::unexpected, "bytes after the end of the file");
        if (header_size_ < block_header_size) {
            header_.at(header_size_++) = bytes[at++];
            if (header_size_ < block_header_size) continue;
            if (const auto good = start_block(); !good) return std::unexpected(good.error());
        }
        const std::size_t size = std::min(remaining_, bytes.size() - at);
        if (!marker_) {
            if (kept != at) std::ranges::copy(bytes.subspan(at, size), bytes.begin() + static_cast<std::ptrdiff_t>(kept));
            kept += size;
        }
        at += size;
        remaining_ -= size;
        if (remaining_ > 0) continue;
        header_size_ = 0;
        finished_ = last_;
    }
    return kept;
}

}  // namespace sallyport::proto
