#pragma once
// Test support: the ways in which the same bytes can arrive on a connection. A stream parser must give the same result for
// all.
//
// Pure functions; the segments point into the caller's bytes, which must outlive them. Any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proto {

using segments = std::vector<std::string_view>;

/// `bytes` in one segment, byte by byte, three bytes at a time, and split in two at each of the first 200 positions.
[[nodiscard]] inline std::vector<segments> segmentations(std::string_view bytes) {
    const auto in_pieces = [&](std::size_t size) {
        segments out;
        for (std::size_t at = 0; at < bytes.size(); at += size) out.push_back(bytes.substr(at, size));
        return out;
    };
    std::vector<segments> out{{bytes}, in_pieces(1), in_pieces(3)};
    for (std::size_t cut = 1; cut < bytes.size() && cut <= 200; ++cut) {
        out.push_back({bytes.substr(0, cut), bytes.substr(cut)});
    }
    return out;
}

// The views would outlive a temporary.
std::vector<segments> segmentations(std::string&& bytes) = delete;

}  // namespace sallyport::proto
