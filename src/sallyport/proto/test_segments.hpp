#pragma once
// For tests: every way in which the same bytes may arrive on a connection. A stream parser must not tell them apart.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proto {

using segments = std::vector<std::string_view>;

/// `bytes` whole, byte by byte, in threes, and cut in two at each place (the first 200). They point into `bytes`.
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

std::vector<segments> segmentations(std::string&& bytes) = delete;  // the views would outlive it

}  // namespace sallyport::proto
