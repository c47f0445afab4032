#include <sallyport/server/wildcard.hpp>

#include <cstddef>

namespace sallyport::server {
namespace {

/// One step of a pattern at its front: how long it is, and whether it takes `c`.
struct step {
    std::size_t length = 1;
    bool takes = false;
};

/// "[a-z]" at the front of `pattern`; an unclosed bracket is an ordinary character.
step match_set(std::string_view pattern, char c) noexcept {
    std::size_t i = 1;
    const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
    if (negated) ++i;
    bool found = false;
    const std::size_t first = i;
    for (; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
        const auto low = static_cast<unsigned char>(pattern[i]);
        auto high = low;
        if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
            high = static_cast<unsigned char>(pattern[i + 2]);
            i += 2;
        }
        const auto byte = static_cast<unsigned char>(c);
        found = found || (byte >= low && byte <= high);
    }
    if (i == pattern.size()) return {1, c == '['};
    return {i + 1, found != negated};
}

step match_one(std::string_view pattern, char c) noexcept {
    if (pattern.front() == '?') return {1, true};
    if (pattern.front() == '[') return match_set(pattern, c);
    return {1, pattern.front() == c};
}

}  // namespace

bool matches_wildcard(std::string_view pattern, std::string_view name) noexcept {
    std::size_t p = 0;
    std::size_t n = 0;
    // After a mismatch only the last '*' needs to take one more: what an earlier one could do, the last one can too.
    std::size_t star = std::string_view::npos;
    std::size_t star_end = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_end = n;
            continue;
        }
        const step s = p < pattern.size() ? match_one(pattern.substr(p), name[n]) : step{};
        if (s.takes) {
            p += s.length;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_end;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace sallyport::server
