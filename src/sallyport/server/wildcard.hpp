#pragma once
// Wildcards of listings: '*', '?' and '[a-z]' or '[!a-z]', in one path component, bytewise. No braces, no '~'.
//
// A pattern is read once; a name then costs a few instructions for each of its bytes, whatever the pattern (FS-03): all ways
// to match are followed at the same time, one bit each, so none is ever tried again. No name has more bytes than
// limits::max_name_bytes, so a pattern that asks for more matches nothing. A value; const calls from any thread.

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
    // Bit i: the first i steps of the pattern have taken what came so far. A step takes one byte: '?', a set, or itself.
    using positions = std::bitset<limits::max_name_bytes + 1>;

    /// False: a name can't have so many bytes.
    [[nodiscard]] bool add_step(const std::bitset<256>& bytes);

    std::vector<positions> matching_steps_;  // by byte: the steps that take it, by the place before them
    positions star_positions_;               // where a '*' takes any byte and stays
    std::size_t steps_ = 0;
    bool possible_ = true;
};

}  // namespace sallyport::server
