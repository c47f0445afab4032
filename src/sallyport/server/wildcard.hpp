#pragma once
// Wildcards of listings: '*', '?' and '[a-z]' or '[!a-z]', in one path component, bytewise. No braces, no '~'.
//
// A pattern is compiled once. Matching a name then takes a few instructions per byte, whatever the pattern (FS-03): all
// possible matches are tracked at the same time, one bit each, without backtracking. No name has more bytes than
// limits::max_name_bytes, so a pattern that requires more matches nothing. A value; const calls from any thread.

#include <bitset>
#include <cstddef>
#include <string_view>
#include <vector>

#include <sallyport/base/limits.hpp>

namespace sallyport::server {

class wildcard {
public:
    explicit wildcard(std::string_view pattern);
    [[nodiscard]] bool matches(std::string_view name) const noexcept;

private:
    // Bit i: the first i steps of the pattern match the bytes so far. A step matches one byte: '?', a set, or a literal
    // byte.
    using positions = std::bitset<limits::max_name_bytes + 1>;

    /// False if a name cannot have this number of bytes.
    [[nodiscard]] bool add_step(const std::bitset<256>& bytes);

    // For each byte value: the steps that match it, by the position before them.
    std::vector<positions> matching_steps_;
    // The positions at which a '*' matches any byte.
    positions star_positions_;
    std::size_t steps_ = 0;
    bool possible_ = true;
};

}  // namespace sallyport::server
