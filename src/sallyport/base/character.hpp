#pragma once
// Text character by character, where nobody has promised an encoding: names on disks and in peers' listings are UTF-8 as a
// rule, and bytes of older encodings now and then. Pure functions; any thread.

#include <cstddef>
#include <string_view>

namespace sallyport {

struct character {
    std::size_t length = 1;
    bool utf8 = true;      // false: a single byte that belongs to no valid UTF-8 character
    bool control = false;  // C0, DEL and C1, the latter also as a single byte: what a terminal may act on (IN-09)
};

/// REQUIRES: !text.empty()
[[nodiscard]] character first_character(std::string_view text) noexcept;

}  // namespace sallyport
